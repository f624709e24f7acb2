"""Receptive fields of whole nets: the formula against what really reaches a unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.inference import receptive_field
from cnnviz.signal import receptive as r
from tests.signal.stacks import LAYERS, module, reached


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [("resnet18", "layer2", 256), ("squeezenet1_1", "features.7", 256), ("vgg11", "features.12", 224)],
)
def test_a_net_of_the_zoo_sees_exactly_what_the_formula_says(name, layer, size):
    models = pytest.importorskip("torchvision.models")
    net = getattr(models, name)(weights=None)
    field = receptive_field.of_net(net)[layer]
    first, last, unit = reached(net, layer, size)
    assert (first, last) == field.span(unit)


def test_known_fields_of_whole_nets():
    models = pytest.importorskip("torchvision.models")
    fields = receptive_field.of_net(models.vgg16(weights=None))
    assert fields["features.28"].size == 196
    assert fields["features.30"].size == 212
    assert fields["classifier.0"].whole
    assert receptive_field.of_net(models.resnet50(weights=None))["layer4"].size == 427
    gated = receptive_field.of_net(models.mobilenet_v3_small(weights=None))["features.3"]
    assert not gated.whole


def test_the_effective_field_of_a_net_lies_inside_the_theoretical_one_and_leaves_no_trace():
    torch.manual_seed(0)
    net = nn.Sequential(*(module(layer, 3 if i == 0 else 4) for i, layer in enumerate(LAYERS))).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    pixels = np.random.default_rng(0).standard_normal((2, 3, 160, 160)).astype(np.float32)
    seen = receptive_field.effective(net, "4", pixels)
    first, last = receptive_field.of_net(net)["4"].span(r.sizes(160, LAYERS)[-1] // 2)
    inside = np.zeros_like(seen, bool)
    inside[first : last + 1, first : last + 1] = True
    assert seen.max() == 1
    assert not seen[~inside].any()
    assert not any(m._forward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(r.ReceptiveError, match="no layer"):
        receptive_field.effective(net, "conv9", pixels)
