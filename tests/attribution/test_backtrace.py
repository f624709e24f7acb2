"""Every kind of layer is followed back to a convolution, and forward again to the tensor's own number."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

from cnnviz.inference.layers import maps
from tests.attribution.peers import check


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
