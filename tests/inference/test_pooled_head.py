"""The head: what is pooled, and that means times weights end in the network's own logit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.inference.pooled_head import DIRECT, HIDDEN, LINEAR, OTHER, pooled_head
from cnnviz.inference.tap import tap
from cnnviz.models.lecture import LectureNet, build
from tests.inference.untrained import built, noise

x = pytest.fixture(scope="module")(noise)


@pytest.mark.parametrize(("name", "layer"), [
    ("resnet18", "layer4"), ("mobilenet_v2", "features"), ("densenet121", "features"), ("efficientnet_b0", "features"),
])  # fmt: skip
def test_the_means_of_the_last_maps_times_the_class_weights_are_the_logit(name, layer, x):
    net = built(name)
    found = pooled_head(net, x, 7)
    with torch.inference_mode():
        logits = net(x)[0]
    assert (found.kind, found.layer) == (LINEAR, layer)
    assert found.logit == pytest.approx(float(logits[7]), abs=1e-5)
    assert found.products.sum() + found.bias == pytest.approx(found.logit, abs=1e-4)
    np.testing.assert_allclose(found.means, found.maps.mean((1, 2)), atol=1e-5)
    assert (np.diff(np.abs(found.products[found.order])) <= 0).all()


def test_a_head_of_one_map_a_class_is_the_mean_of_that_map(x):
    net = built("squeezenet1_1")
    found = pooled_head(net, x, 3)
    with torch.inference_mode():
        logits, maps = tap(net, x, ["classifier.2"])
    assert (found.kind, found.layer) == (DIRECT, "classifier.2")
    assert found.logit == pytest.approx(float(logits[0, 3]), abs=1e-6)
    assert found.means[3] == pytest.approx(found.logit, abs=1e-6)
    np.testing.assert_allclose(found.maps, maps["classifier.2"][0].numpy(), atol=1e-6)


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("head", ["gap", "flatten"])
def test_the_lecture_networks_are_told_apart_by_their_head(head, hidden, x):
    spec = LectureNet("small", (4, 6), channels=3, size=64, outputs=3, head=head, hidden=hidden)
    found = pooled_head(build(spec).eval().requires_grad_(False), x, 1)
    kinds = {("gap", 0): LINEAR, ("gap", 5): HIDDEN}
    assert found.kind == kinds.get((head, hidden), OTHER)
    if found.kind != LINEAR:
        assert "out (Linear)" in found.words
        assert "flatten" in found.words
        assert ("gap (" in found.words) == (head == "gap")
    np.testing.assert_allclose(found.means, found.maps.mean((1, 2)), atol=1e-6)
    if hidden:
        assert "hidden (Linear)" in found.words


def test_other_heads_are_said_in_words(x):
    net = built("vgg11")
    found = pooled_head(net, torch.nn.functional.interpolate(x, 96), 0)
    assert found.kind == OTHER
    assert found.words.startswith("the maps (512 × ")
    assert "classifier.6 (Linear)" in found.words


def test_a_single_logit_is_its_own_target_whichever_class_is_asked(x):
    net = build(LectureNet("one", (4,), channels=3, size=64, outputs=1)).eval().requires_grad_(False)
    found = pooled_head(net, x, 1)
    assert (found.kind, found.target) == (LINEAR, 0)
    assert found.products.sum() + found.bias == pytest.approx(found.logit, abs=1e-5)
