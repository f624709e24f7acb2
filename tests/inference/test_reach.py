"""Which pixels a number depends on, for whatever leads to it: held to the gradients that reach the input."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.inference.receptive_field import of_net
from cnnviz.signal.receptive import Field
from tests import drilled
from tests.inference.written import Standardised, Written, made


class By(nn.Module):
    """A convolution, something by functions, another convolution."""

    def __init__(self, between) -> None:
        super().__init__()
        self.first, self.between = nn.Conv2d(3, 8, 3, padding=1), between
        self.last = nn.LazyConv2d(4, 3, padding=1)

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def shuffled(x):
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


BETWEEN = {
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "space to depth by hand": lambda x: torch.cat([x[..., a::2, b::2] for a in (0, 1) for b in (0, 1)], 1),
    "pixel shuffle": lambda x: F.pixel_shuffle(F.avg_pool2d(x, 2), 2),
    "channels shuffled": shuffled,
    "channels last": lambda x: F.gelu(x.permute(0, 2, 3, 1) @ torch.ones(8, 8)).permute(0, 3, 1, 2),
    "padded on one side": lambda x: F.max_pool2d(F.pad(x, (0, 1, 2, 0)), 2),
    "cropped": lambda x: F.avg_pool2d(x, 1, 2) + F.avg_pool2d(F.pad(x, (-1, 1, -1, 1)), 1, 2),
    "nearest upsampling": lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2) + x,
    "transposed": lambda x: F.conv_transpose2d(F.avg_pool2d(x, 2), torch.ones(8, 4, 3, 3), stride=2, padding=1),
    "branches of different size": lambda x: x[:, :4] - F.conv2d(x, torch.ones(4, 8, 7, 7), padding=3),
    "not square": lambda x: F.conv2d(F.conv2d(x, torch.ones(4, 8, 1, 7)), torch.ones(4, 4, 7, 1)),
    "softmax over channels": lambda x: x.softmax(1).sum(1, keepdim=True) * x,
    "blocks by hand": lambda x: x.unflatten(3, (-1, 4)).unflatten(2, (-1, 4)).mean((3, 5)),
    "blocks mixed": lambda x: (x.unflatten(3, (-1, 4)) @ torch.ones(4, 4)).flatten(3),
    "squeezed": lambda x: x.flatten(2).unflatten(2, x.shape[2:]).relu_(),
}


SLACK = {"blocks mixed": 6, "padded on one side": 2, "nearest upsampling": 2, "pixel shuffle": 2, "transposed": 2}


@pytest.mark.parametrize("kind", list(BETWEEN))
def test_a_field_is_what_gradients_reach(kind):
    torch.manual_seed(0)
    net, x = By(BETWEEN[kind]), torch.randn(1, 3, 32, 32, dtype=torch.float64)
    net(x.float())
    net = net.eval().requires_grad_(False)
    found = of_net(net, (3, 32, 32))["last"]
    assert not found.whole
    truth, said = drilled.reached(net, x.float(), "last"), drilled.said(net, x.float(), "last", found)
    slack = SLACK.get(kind, 0)  # one square at every place has to cover what differs between places or sides
    assert all(0 <= a - b <= slack for a, b in zip(truth[:2], said[:2], strict=True)), (truth, said)
    assert all(0 <= b - a <= slack for a, b in zip(truth[2:], said[2:], strict=True)), (truth, said)


def test_a_gate_of_the_whole_map_gates_and_a_mixture_of_places_sees_everything():
    gated = By(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)))
    normed = By(lambda x: F.group_norm(x, 4))
    added = By(lambda x: x + x.mean((2, 3), keepdim=True))
    attending = By(
        lambda x: (x.flatten(2).transpose(1, 2) @ x.flatten(2)).softmax(-1).unflatten(1, x.shape[2:])[..., :8]
    )
    sorted_ = By(lambda x: x.sort(2).values)
    for net, expected in ((gated, (5, False, True)), (normed, (5, False, True)), (added, (1, True, False))):
        net(torch.rand(1, 3, 16, 16))
        field = of_net(net, (3, 16, 16))["last"]
        assert (field.size, field.whole, field.gated) == expected
    for net in (attending, sorted_):
        net(torch.rand(1, 3, 16, 16)) if net is sorted_ else None
    assert of_net(sorted_, (3, 16, 16))["last"].whole
    assert of_net(nn.Sequential(attending.first, _As(attending.between)), (3, 16, 16))["1"].whole


class _As(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_a_net_by_hand_has_the_field_of_what_it_computes():
    net = made(Written)
    x = torch.randn(1, 3, 40, 40)
    fields = of_net(net, (3, 40, 40))
    assert fields["stem"] == Field(4, 2, 0.5)  # rows are padded on both sides, columns on the right
    for layer in ("norm", "marks.1", "marks.2", "marks.3", "marks.4"):
        truth, said = drilled.reached(net, x, layer), drilled.said(net, x, layer, fields[layer])
        assert all(0 <= a - b <= 1 for a, b in zip(truth[:2], said[:2], strict=True)), layer
        assert all(0 <= b - a <= 1 for a, b in zip(truth[2:], said[2:], strict=True)), layer
    assert fields["marks.5"].gated
    assert fields["marks.11"].whole


def test_padding_that_depends_on_the_size_is_that_of_the_size_asked_for():
    torch.manual_seed(0)
    net = nn.Sequential(Standardised(3, 4, 3)).eval()
    odd, even = (of_net(net, (3, side, side))["0"] for side in (33, 32))
    assert (odd.size, odd.middle) == (3, 0)
    assert (even.size, even.middle) == (4, 0.5)
