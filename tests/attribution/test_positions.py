"""Numbers are found again where an operator took them from."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.attribution.positions import largest, origin, pool_window, taken
from cnnviz.inference.recording import record
from cnnviz.options import RequestError

MOVING = {
    "roll": lambda x: x.roll((1, 2), (2, 3)),
    "flip": lambda x: x.flip(3),
    "cat": lambda x: torch.cat([x[:, 2:] * 1, x[:, :2]], 1),
    "stack": lambda x: torch.stack([x, x + 1], 2).flatten(1, 2),
    "split": lambda x: x.split([1, 3], 1)[1],
    "unbind": lambda x: torch.stack(x.unbind(2)[::-1], 2),
    "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
    "reflected": lambda x: F.pad(x, (1, 1, 2, 0), mode="reflect"),
    "interpolated": lambda x: F.interpolate(x, scale_factor=2),
    "indexed": lambda x: x[:, [3, 0, 1]],
    "channels last": lambda x: x.permute(0, 2, 3, 1).contiguous().view(1, -1, 4).transpose(1, 2).unflatten(2, (6, 6)),
}


class As(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("kind", list(MOVING))
def test_a_moved_number_is_found_where_it_came_from(kind, rng):
    net = nn.Sequential(As(MOVING[kind]))
    value = record(net, torch.randn(1, 4, 6, 6)).last(net, "0")
    for _ in range(8):
        at = tuple(int(rng.integers(side)) for side in value.shape)
        before, place = origin(value.by, value.which, at)
        assert before.numbers[place] == value.numbers[at]


def test_padding_comes_from_nowhere():
    net = nn.Sequential(As(lambda x: F.pad(x, (1, 0), value=3.0)))
    value = record(net, torch.randn(1, 1, 2, 2)).last(net, "0")
    with pytest.raises(RequestError, match="padding"):
        origin(value.by, value.which, (0, 0, 1, 0))
    assert origin(value.by, value.which, (0, 0, 1, 1))[1] == (0, 0, 1, 0)


def test_the_largest_of_some_places_is_found_with_its_own_place():
    numbers = torch.arange(24.0).view(2, 3, 4)
    assert taken(numbers, [1, [0, 2], [1, 3]]).flatten().tolist() == [13, 15, 21, 23]
    assert largest(numbers, [1, [0, 2], [1, 0]]) == (4, (1, 2, 1))


@pytest.mark.parametrize("how", [{"ceil_mode": True}, {"padding": 1}, {"padding": 1, "ceil_mode": True, "stride": 3}])
def test_a_pooling_window_has_the_places_and_the_padding_that_torch_counts(how):
    net = nn.Sequential(nn.AvgPool2d(2, **how))
    x = torch.randn(1, 1, 5, 7)
    value = record(net, x).last(net, "0")
    for y in range(value.shape[2]):
        for column in range(value.shape[3]):
            places, count = pool_window(value.by, value.by.inputs[0], (0, 0, y, column))
            torch.testing.assert_close(taken(x, places).sum() / count, value.numbers[0, 0, y, column])
