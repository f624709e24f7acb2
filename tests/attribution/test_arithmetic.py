"""The arithmetic ends in the tensor's own number, on every kind of convolution and every net of the lectures."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution.arithmetic import arithmetic
from cnnviz.inference.layers import maps
from cnnviz.inference.tap import LayerError, tap
from cnnviz.options import RequestError


@functools.cache
def net_of(name: str) -> nn.Module:
    """A net with random weights whose batch norms have been somewhere."""
    import torchvision

    torch.manual_seed(2)
    extra = {"init_weights": False} if name == "inception_v3" else {}
    net = getattr(torchvision.models, name)(weights=None, **extra).eval().requires_grad_(False)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 2)
            part.weight.uniform_(0.5, 1.5)
            part.bias.normal_(std=0.2)
    return net


def check(net: nn.Module, x: torch.Tensor, layer: str, rng: np.random.Generator, times: int = 3) -> None:
    with torch.inference_mode():
        _, tapped = tap(net, x, [layer])
    tapped = tapped[layer][0]
    for _ in range(times):
        channel, y, column = (int(rng.integers(n)) for n in tapped.shape)
        found = arithmetic(net, x, layer, channel, (y, column))
        truth = float(tapped[channel, y, column])
        assert found.shown == truth
        size = float(np.abs(found.products).sum()) + abs(found.bias)
        assert found.steps[-1].value == pytest.approx(truth, rel=1e-4, abs=1e-6 * size)
        assert found.steps[0].value == pytest.approx(found.products.sum() + found.bias, rel=1e-9, abs=1e-9 * size)
        part = net.get_submodule(found.source)
        assert found.weights.shape == tuple(part.weight.shape[1:])
        assert len(found.inputs) == part.in_channels // part.groups


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "mobilenet_v3_small", "vgg16", "inception_v3"])
def test_every_kind_of_layer_of_a_net_ends_in_its_own_number(name, rng):
    net, side = net_of(name), 75 if name == "inception_v3" else 64
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    kinds: dict[tuple, str] = {}
    for layer in maps(net, (3, side, side)):
        part = net.get_submodule(layer)
        like = (getattr(part, key, None) for key in ("kernel_size", "stride", "groups", "dilation"))
        kinds[type(part).__name__, *map(str, like)] = layer
    for layer in kinds.values():
        check(net, x, layer, rng, times=2)


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
    net = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Softplus()).eval().requires_grad_(False)
    x = torch.rand(1, 3, 12, 12)
    with pytest.raises(LayerError, match="outside"):
        arithmetic(net, x, "1", 4, (0, 0))
    with pytest.raises(LayerError, match="outside"):
        arithmetic(net, x, "1", 0, (0, 4))
    with pytest.raises(RequestError, match="photo's own"):
        arithmetic(net, x, "0", 0, (0, 0))
    with pytest.raises(RequestError, match="Softplus"):
        arithmetic(net, x, "2", 0, (0, 0))
