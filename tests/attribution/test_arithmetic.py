"""The arithmetic of every kind of convolution ends in the tensor's own number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution.arithmetic import arithmetic
from cnnviz.inference.tap import LayerError
from cnnviz.options import RequestError
from tests.attribution.peers import check

KINDS = {
    "plain": {"kernel_size": 3},
    "padded": {"kernel_size": 3, "padding": 1},
    "same": {"kernel_size": (5, 3), "padding": "same"},
    "reflected": {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    "strided": {"kernel_size": 3, "stride": 2, "padding": 1},
    "dilated": {"kernel_size": 3, "dilation": 3, "padding": 2},
    "grouped": {"kernel_size": 3, "groups": 3},
    "depthwise": {"kernel_size": (5, 3), "groups": 6, "padding": (2, 0)},
    "lopsided": {"kernel_size": (1, 7), "stride": (1, 3), "padding": (0, 3), "bias": False},
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("normed", [False, True])
def test_every_kind_of_convolution_ends_in_its_own_number(kind, normed, rng):
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(12)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.2, 3)
    norm.weight.data.normal_()
    parts = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 12, **KINDS[kind])]
    net = nn.Sequential(*parts, *([norm] if normed else []), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.MaxPool2d(2))
    net = net.eval().requires_grad_(False)
    x = torch.randn(1, 3, 23, 26)
    for layer in [str(i) for i in range(2, len(net))]:
        check(net, x, layer, rng, times=6)


def test_padding_counts_as_nothing_and_dilated_patches_have_gaps():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=2, dilation=2)).eval().requires_grad_(False)
    x = torch.arange(36.0).view(1, 1, 6, 6)
    found = arithmetic(net, x, "0", 0, (0, 0))
    np.testing.assert_array_equal(found.patch[0], [[0, 0, 0], [0, 0, 2], [0, 12, 14]])


def test_a_place_outside_the_map_or_without_a_convolution_is_refused():
    net = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Softmax(1)).eval().requires_grad_(False)
    x = torch.rand(1, 3, 12, 12)
    with pytest.raises(LayerError, match="outside"):
        arithmetic(net, x, "1", 4, (0, 0))
    with pytest.raises(LayerError, match="outside"):
        arithmetic(net, x, "1", 0, (0, 4))
    with pytest.raises(RequestError, match="a pixel of the photo"):
        arithmetic(net, x, "0", 0, (0, 0))
    with pytest.raises(RequestError, match="Softmax"):
        arithmetic(net, x, "2", 0, (0, 0))
