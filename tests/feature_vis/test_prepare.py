"""From a model and a layer to the ascent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cnnviz.feature_vis import prepare
from cnnviz.feature_vis.objective import responses
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.inference.cut import cut
from cnnviz.models import lecture, load
from cnnviz.signal.receptive import Field


def test_the_folded_trunk_climbs_as_the_net_itself():
    torch.manual_seed(0)
    spec = replace(lecture.NETS["cats_gap"], batch_norm=True)
    whole = lecture.build(spec).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    folded = torch.autograd.grad(cut(whole, "bn3").trunk(x)[0][0, 5].mean(), x)[0]
    truth = torch.autograd.grad(whole[: list(dict(whole.named_children())).index("bn3") + 1](x)[0, 5].mean(), x)[0]
    torch.testing.assert_close(folded, truth, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("size", [1, 3, 20, 60, 200, 900])
def test_a_canvas_is_a_multiple_of_16_with_room_for_the_pattern_and_no_larger_than_the_input(size):
    side = prepare.asked_side(Field(size), 224)
    assert side <= 224
    assert side == 224 or side % 16 == 0
    assert side >= min(224, 0.4 * size + 47.5)  # of which nobody sees a half
    assert prepare.asked_side(replace(Field(size), whole=True), 224) == 224
    assert prepare.asked_side(None, 150) == 150


def test_the_square_of_a_photo_is_its_middle(rng):
    seen = rng.integers(0, 256, (60, 100, 3), dtype=np.uint8)
    np.testing.assert_array_equal(prepare.squared(seen, 60), seen[:, 20:80])
    assert prepare.squared(seen, 30).shape == (30, 30, 3)
    assert abs(prepare.squared(seen, 30).mean() - seen[:, 20:80].mean()) < 1


def test_a_net_up_to_a_layer_is_its_first_modules_and_as_a_whole_has_both_sides_of_one_logit():
    model = load.load("lecture/cats_gap")
    x = torch.rand(2, *model.input_size)
    with torch.no_grad():
        torch.testing.assert_close(prepare.up_to(model, "relu1")(x), model.net[:2](x), rtol=1e-4, atol=1e-5)
        both, logit = prepare.whole(model)(x), model.net(x)
    torch.testing.assert_close(both, torch.cat([-logit, logit], 1))


def test_widths_are_the_channels_of_what_learns_and_the_classes():
    model = load.load("lecture/mnist_gap")
    kinds = {name: type(part).__name__ for name, part in model.net.named_children()}
    names = [name for name in kinds if name.startswith(("conv", "relu", "pool"))]
    found = prepare.widths(model, names, kinds, torch.device("cpu"))
    assert found["logits"] == 10
    assert {name: n for name, n in found.items() if name.startswith("conv")} == {"conv1": 32, "conv2": 64, "conv3": 64}
    assert not any(name.startswith("pool") for name in found)


def test_the_spread_is_how_much_photos_move_each_channel_and_never_nothing():
    model, ascent = load.load("lecture/mnist_gap"), Ascent()
    found = prepare.spread(model, prepare.up_to(model, "conv2"), 28, ascent, torch.device("cpu"))
    assert found.shape == (64,)
    assert found.dtype == np.float32
    assert (found > 0).all()
    dull = prepare.spread(model, lambda x: torch.zeros(len(x), 4, 2, 2), 28, ascent, torch.device("cpu"))
    np.testing.assert_allclose(dull, 1e-6)
    with torch.no_grad():
        squares = prepare._patches(model, 28)
        truth = responses(prepare.up_to(model, "conv2")(squares), ascent).std(0)
    np.testing.assert_allclose(found, truth + 0.05 * truth.mean() + 1e-6, rtol=1e-3)


def test_fields_are_none_where_a_net_cannot_be_read():
    class Reads(torch.nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    assert prepare.fields(Reads()) == {}
    assert prepare.fields(load.load("lecture/mnist_gap").net)["conv1"].size == 3
