"""Every kind of layer is followed back to a convolution, and forward again to the tensor's own number."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
from torch import nn

from cnnviz.attribution.arithmetic import arithmetic
from cnnviz.inference import recording
from cnnviz.inference.layers import maps
from cnnviz.options import RequestError
from tests import drilled
from tests.attribution.peers import check, close
from tests.inference.written import Steered, Written, made


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


def test_a_batch_norm_of_cudnn_is_the_plain_one(rng, monkeypatch):
    """On a GPU the operator has another name, and its epsilon, too."""

    def on_a_gpu(self, call, args, kwargs):
        found = plain(self, call, args, kwargs)
        if "batch_norm" not in found.name:
            return found
        given = {"epsilon" if key == "eps" else key: value for key, value in found.given.items()}
        return dataclasses.replace(found, name="cudnn_batch_norm", given=given)

    plain = recording._Writer._operation
    monkeypatch.setattr(recording._Writer, "_operation", on_a_gpu)
    net, x = net_of("resnet18"), torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    check(net, x, "layer4.1", rng, times=3)


def test_numbers_of_a_net_by_hand_end_in_products_whatever_calls_them(rng):
    net, x = made(Written), torch.randn(1, 3, 21, 24, generator=torch.Generator().manual_seed(4))
    for layer in maps(net, (3, 21, 24)):
        for found in close(net, x, layer, rng, times=4):
            assert found.source


def test_a_convolution_by_function_is_named_after_where_it_is_called(rng):
    net, x = made(Written), torch.randn(1, 3, 21, 24)
    assert arithmetic(net, x, "stem", 0, (1, 1)).source == "stem"
    assert arithmetic(net, x, "marks.1", 0, (1, 1)).source == "conv2d"
    found = arithmetic(net, x, "norm", 5, (2, 3))
    assert [(step.layer, step.kind) for step in found.steps] == [
        ("stem", "Standardised"), ("norm", "NormAct"), ("norm.act", "ReLU"),
    ]  # fmt: skip
    assert found.photo  # padded by a function in between
    assert not arithmetic(net, x, "marks.1", 0, (1, 1)).photo


@pytest.mark.parametrize("light", [1.0, -1.0])
def test_a_net_that_branches_on_the_photo_is_followed_along_the_branch_it_took(light, rng):
    net, x = made(Steered), light * torch.rand(1, 3, 12, 12)
    taken, other = ("bright", "dark") if light > 0 else ("dark", "bright")
    check(net, x, taken, rng)
    check(net, x, "last", rng)
    with pytest.raises(RequestError, match="no feature map for this input"):
        arithmetic(net, x, other, 0, (0, 0))


def test_what_cannot_be_spelled_out_is_refused_by_name():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.sorted, self.up = nn.Conv2d(3, 4, 3), nn.Identity(), nn.ConvTranspose2d(4, 4, 2, 2)

        def forward(self, x):
            return self.up(self.sorted(self.conv(x).sort(1).values))

    net, x = Odd().eval().requires_grad_(False), torch.rand(1, 3, 12, 12)
    with pytest.raises(RequestError, match="The arithmetic of sort cannot be spelled out"):
        arithmetic(net, x, "sorted", 0, (0, 0))
    with pytest.raises(RequestError, match="Only convolutions over an image"):
        arithmetic(net, x, "up", 0, (0, 0))


@pytest.mark.parametrize("name", ["resnext26ts", "tf_efficientnet_b0", "hgnetv2_b0", "nf_resnet26", "convnextv2_atto"])
def test_a_net_of_timm_can_be_followed_down_from_layers_of_every_depth(name, rng):
    pytest.importorskip("timm")
    net, x = drilled.built(name), drilled.photo(name)
    layers = maps(net, tuple(x.shape[1:]))
    for layer in layers[:: max(1, len(layers) // 8)]:
        assert not drilled.exact(net, x, layer, rng)
