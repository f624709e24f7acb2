"""Patch times weights, of convolutions and linear layers, is the number that torch computed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.attribution.products import operands, reads_photo
from cnnviz.inference.recording import record
from cnnviz.options import RequestError
from tests.attribution.test_positions import As

torch.manual_seed(0)
W, M = torch.randn(6, 2, 3, 1), torch.randn(5, 4)
MULTIPLYING = {
    "grouped": lambda x: F.conv2d(x, W, torch.arange(6.0), stride=2, padding=(1, 2), dilation=2, groups=2),
    "weights of the photo": lambda x: F.conv2d(x, x.mean() * W[:, :, :, :], groups=2),
    "linear": lambda x: F.linear(x.permute(0, 2, 3, 1), M, torch.arange(5.0)),
    "without bias": lambda x: x.permute(0, 2, 3, 1) @ M.T,
    "attention": lambda x: x.flatten(2).transpose(1, 2) @ x.flatten(2),
    "weights on the left": lambda x: M @ x.flatten(2)[0],
}


@pytest.mark.parametrize("kind", list(MULTIPLYING))
def test_products_and_bias_add_up_to_the_number(kind, rng):
    net = nn.Sequential(As(MULTIPLYING[kind]))
    value = record(net, torch.randn(1, 4, 7, 6)).last(net, "0")
    while value.by.name not in ("convolution", "addmm", "mm", "bmm"):
        value = value.by.inputs[0]
    for _ in range(8):
        at = tuple(int(rng.integers(side)) for side in value.shape)
        patch, weights, inputs, bias = operands(value.by, at)
        assert patch.shape == weights.shape
        assert len(inputs) == len(patch)
        torch.testing.assert_close((patch * weights).sum() + bias, value.numbers[at])


def test_a_convolution_over_no_image_is_refused():
    net = nn.Sequential(As(lambda x: F.conv1d(x.flatten(2), torch.rand(2, 4, 3))))
    value = record(net, torch.randn(1, 4, 7, 6)).last(net, "0")
    with pytest.raises(RequestError, match="over an image"):
        operands(value.by, (0, 0, 0))


def test_what_reads_the_photo_is_told_from_what_reads_a_map():
    net = nn.Sequential(As(lambda x: F.conv2d(F.pad(x, (1, 0)), torch.rand(3, 3, 3, 3))), nn.Conv2d(3, 2, 1))
    found = record(net, torch.randn(1, 3, 7, 6))
    assert reads_photo(found.last(net, "0").by)
    assert not reads_photo(found.last(net, "1").by)
