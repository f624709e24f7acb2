"""Packed convolutions are PyTorch's own, forward and back, and let others listen."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.inference.cut import cut
from cnnviz.inference.packed_conv import SHAPES, Packed, Pool
from cnnviz.inference.tap import tap

CONVS = {
    "plain": {"in_channels": 8, "out_channels": 12, "kernel_size": 3, "padding": 1},
    "strided": {"in_channels": 8, "out_channels": 12, "kernel_size": 3, "stride": 2},
    "dilated": {"in_channels": 8, "out_channels": 4, "kernel_size": 3, "padding": 2, "dilation": 2},
    "one by one": {"in_channels": 16, "out_channels": 8, "kernel_size": 1, "bias": False},
    "resnet's first": {
        "in_channels": 3,
        "out_channels": 16,
        "kernel_size": 7,
        "stride": 2,
        "padding": 3,
        "bias": False,
    },
    "alexnet's first": {"in_channels": 3, "out_channels": 16, "kernel_size": 11, "stride": 4, "padding": 2},
    "grey, no border": {"in_channels": 1, "out_channels": 5, "kernel_size": 5, "stride": 2},
}
SIDES = [(31, 31), (32, 45), (64, 33)]


def made(name: str) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(**CONVS[name]).eval().requires_grad_(False)


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("relu", [False, True], ids=["bare", "relu"])
@pytest.mark.parametrize("name", CONVS)
def test_forward_and_back_are_pytorchs(name, relu, side):
    conv = made(name)
    packed = Packed(conv)
    x = torch.randn(2, conv.in_channels, *side)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    want = F.relu(conv(theirs)) if relu else conv(theirs)
    got = packed(ours, relu)
    assert torch.allclose(got, want, atol=1e-5)
    assert torch.allclose(packed(x, relu), want, atol=1e-5)
    ahead = torch.randn_like(want)
    (back,) = torch.autograd.grad(got, ours, ahead)
    (truth,) = torch.autograd.grad(want, theirs, ahead)
    assert torch.allclose(back, truth, atol=1e-4)


def test_weights_are_in_order_for_every_shape_and_few_orders_are_kept():
    conv = made("one by one")
    packed = Packed(conv)
    for side in (*range(3, 17), 5):
        x = torch.randn(1, 16, side, side)
        assert torch.allclose(packed(x), conv(x), atol=1e-5)
    assert len(packed._weights) <= SHAPES
    assert len({key[1:] for key in packed._weights}) == len(packed._weights)


def test_a_sum_sends_its_gradient_both_ways():
    conv = made("plain")
    x, other = torch.randn(1, 8, 9, 9, requires_grad=True), torch.randn(1, 12, 9, 9, requires_grad=True)
    ahead = torch.randn(1, 12, 9, 9)
    got = Packed(conv)(x, True, other)
    want = F.relu(conv(x) + other)
    assert torch.allclose(got, want, atol=1e-5)
    for ours, truth in zip(
        torch.autograd.grad(got, (x, other), ahead), torch.autograd.grad(want, (x, other), ahead), strict=True
    ):
        assert torch.allclose(ours, truth, atol=1e-5)


POOLS = {
    "two by two": Pool([2, 2], [2, 2], [0, 0], [1, 1], False),
    "overlapping": Pool([3, 3], [2, 2], [1, 1], [1, 1], False),
    "rounded up": Pool([3, 3], [2, 2], [0, 0], [1, 1], True),
    "dilated": Pool([2, 2], [1, 1], [0, 0], [2, 2], False),
}


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels last"])
@pytest.mark.parametrize("name", POOLS)
def test_pooled_maps_and_the_way_back_are_pytorchs(name, memory):
    conv, pool = made("plain"), POOLS[name]
    packed = Packed(conv)
    x = torch.randn(2, 8, 22, 31).contiguous(memory_format=memory)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    want = F.max_pool2d(F.relu(conv(theirs) - 0.5), *pool)  # some windows closed altogether
    conv.bias.sub_(0.5)
    got = packed(ours, True, None, pool)
    assert (want == 0).any()
    assert torch.allclose(got, want, atol=1e-5)
    assert torch.allclose(packed(x, True, None, pool), want, atol=1e-5)
    ahead = torch.randn_like(want)
    (truth,) = torch.autograd.grad(want, theirs, ahead)
    for _ in range(2):  # a graph that is kept can be walked again
        kept = ahead.clone()
        (back,) = torch.autograd.grad(got, ours, kept, retain_graph=True)
        assert torch.equal(kept, ahead)
        assert torch.allclose(back, truth, atol=1e-4)


def test_a_gradient_is_written_over_only_where_it_is_owned():
    packed = Packed(made("plain"))
    x = torch.randn(1, 8, 9, 9, requires_grad=True)
    ahead = torch.randn(1, 12, 9, 9)
    kept = ahead.clone()
    (right,) = torch.autograd.grad(packed(x, True), x, ahead)
    assert torch.equal(ahead, kept)
    (same,) = torch.autograd.grad(packed(x, True, owned=True), x, ahead)
    assert torch.equal(same, right)
    assert not torch.equal(ahead, kept)


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "squeezenet1_1", "googlenet", "alexnet"])
def test_gradients_through_a_whole_trunk_are_the_nets_own_also_the_second_time(name):
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    more = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(weights=None, **more).eval().requires_grad_(False)
    layer = {"resnet18": "layer3", "googlenet": "inception3b"}.get(name, "features")
    x = torch.randn(1, 3, 96, 96, requires_grad=True)
    (want,) = tap(net, x, [layer])[1].values()
    ahead = torch.randn_like(want)
    (truth,) = torch.autograd.grad(want, x, ahead)
    got = cut(net, layer).trunk(x)[0]
    for _ in range(2):
        (back,) = torch.autograd.grad(got, x, ahead, retain_graph=True)
        assert (back - truth).norm() < 0.01 * truth.norm()  # rounding may close a unit that was barely open


def test_whoever_listens_to_operations_hears_the_relu():
    heard = []

    class Listening(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, kinds, args=(), kwargs=None):
            heard.append(function)
            return function(*args, **(kwargs or {}))

    packed = Packed(made("plain"))
    with Listening():
        packed(torch.randn(1, 8, 9, 9), True)
    assert torch.relu_ in heard


def test_a_sum_of_other_sizes_is_what_pytorch_makes_of_it():
    """The packed sum takes whatever memory it is given: a gradient of another shape was the first to be noticed."""
    conv = made("plain")
    packed, x = Packed(conv), torch.randn(2, 8, 9, 9)
    with pytest.raises(RuntimeError, match="must match"):
        packed(x, True, torch.randn(2, 12, 10, 10))
    ours, theirs = (torch.ones(1, 12, 1, 1).requires_grad_() for _ in range(2))
    got, want = packed(x, True, ours), F.relu(conv(x) + theirs)
    assert torch.allclose(got, want, atol=1e-5)
    for out in (got, want):
        out.sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4)
