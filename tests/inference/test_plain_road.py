"""A network that cannot be traced is cut by hooks, and gives what it gives as a whole."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.attribution.cam import evidence
from cnnviz.attribution.forward import cached_forward
from cnnviz.attribution.forward import evidence as fast_evidence
from cnnviz.inference import layers, plain_road
from cnnviz.inference.cut import cut, named_ends, traced
from cnnviz.inference.plain_road import Road
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import LayerError


class Twisty(nn.Module):
    """Runs its second convolution as often as the image is bright, and another head for dark images."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.bright, self.dark = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x):
        maps = torch.relu_(self.first(x))
        for _ in range(1 + int(x.mean() > 0)):
            maps = torch.relu_(self.again(maps)) + maps
        head = self.bright if float(x.mean()) > 0 else self.dark
        return head(maps.mean((2, 3)))


@pytest.fixture
def net() -> Twisty:
    torch.manual_seed(0)
    return Twisty().eval().requires_grad_(False)


@pytest.mark.parametrize("layer", ["first", "again"])
@pytest.mark.parametrize("level", [-0.5, 0.5])
def test_head_behind_trunk_is_the_network_and_its_gradient_that_of_plain_hooks(net, layer, level):
    x = torch.randn(1, 3, 16, 16) + level
    halves = cut(net, layer)
    asked = cached_forward(halves, x, layer)
    assert torch.allclose(asked.logits, net(x), atol=1e-6)
    (found,) = fast_evidence(asked, (2,))
    [[wanted]] = evidence(net, x, (layer,), (Target(2),))
    assert torch.allclose(found.maps, wanted.maps, atol=1e-6)
    assert torch.allclose(found.gradient, wanted.gradient, atol=1e-6)
    assert not any(part._forward_hooks for part in net.modules())


def test_each_image_of_a_batch_takes_its_own_way(net):
    x = torch.cat([torch.randn(2, 3, 16, 16) - 0.5, torch.randn(2, 3, 16, 16) + 0.5])
    halves = cut(net, "again")
    assert torch.allclose(halves.head(*halves.trunk(x)), torch.cat([net(one[None]) for one in x]), atol=1e-6)


def test_what_needs_the_list_of_operations_says_so_and_a_layer_that_did_not_run_is_named(net):
    assert plain_road.settle(net, torch.randn(1, 3, 16, 16)) == Road(plain=True, gradient=True)
    for ask in (lambda: named_ends(net), lambda: traced(net, "again")):
        with pytest.raises(LayerError, match="depend on its input and cannot be listed"):
            ask()
    with pytest.raises(LayerError, match="'dark' has no feature map for this input"):
        cut(net, "dark").trunk(torch.ones(1, 3, 16, 16))
    assert layers.maps(net, (3, 16, 16)) == ("first", "again")


def test_other_images_need_not_run_the_layer(net):
    plain_road.settle(net, torch.randn(1, 3, 16, 16))
    dark, bright = torch.rand(2, 3, 16, 16) - 2, torch.rand(1, 3, 16, 16)
    both = torch.cat([dark, bright])
    assert torch.allclose(cut(net, "dark").logits(both), torch.cat([net(one[None]) for one in both]), atol=1e-6)


def test_a_trace_that_gives_other_logits_is_not_believed():
    class Counted(nn.Module):
        """Its trace is of the first call, which differs from all others."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.calls = nn.Conv2d(3, 4, 3), 0

        def forward(self, x):
            self.calls += 1
            return self.conv(x).mean((2, 3)) * (1 if self.calls > 1 else 3)

    straight = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    assert plain_road.settle(straight, torch.randn(1, 3, 8, 8)) == Road(plain=False, gradient=True)
    assert straight not in plain_road.PLAIN
    counted = Counted().eval()
    assert plain_road.settle(counted, torch.randn(1, 3, 8, 8)).plain
    assert counted in plain_road.PLAIN


class Straight(torch.autograd.Function):
    """The sign, with a gradient as if it were not there: a straight-through estimator."""

    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Between(nn.Module):
    """Two convolutions and what lies between them."""

    def __init__(self, between) -> None:
        super().__init__()
        self.first, self.last, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, 4)
        self.between = between

    def forward(self, x):
        return self.head(self.last(self.between(self.first(x))).mean((2, 3)))


ROADS = {
    "a backward of its own": (Straight.apply, Road(plain=True, gradient=True)),
    "straight through by detach": (lambda x: x + (x.sign() - x).detach(), Road(plain=False, gradient=True)),
    "detached": (torch.detach, Road(plain=False, gradient=False)),
    "NumPy": (lambda x: torch.from_numpy(x.detach().numpy() * 2), Road(plain=True, gradient=False)),
    "gradients of 0": (lambda x: x.relu() * 0, Road(plain=False, gradient=True)),
}


@pytest.mark.parametrize(("between", "road"), ROADS.values(), ids=ROADS)
def test_the_road_is_taken_where_a_trace_has_another_gradient_and_whether_there_is_one_is_found(between, road):
    torch.manual_seed(0)
    net, x = Between(between).eval().requires_grad_(False), torch.randn(1, 3, 16, 16)
    assert plain_road.settle(net, x) == road
    if road.gradient:
        (found,) = fast_evidence(cached_forward(cut(net, "first"), x, "first"), (2,))
        [[wanted]] = evidence(net, x, ("first",), (Target(2),))
        assert torch.allclose(found.gradient, wanted.gradient, atol=1e-6)


def test_autocast_is_traced_in_float32_and_maps_of_the_plain_road_are_float32():
    class Cast(Twisty):
        """In half as many bits; also where what runs depends on the image."""

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return super().forward(x)

    class Straightly(Between):
        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return super().forward(x)

    torch.manual_seed(0)
    x, twisty = torch.randn(1, 3, 16, 16), Cast().eval().requires_grad_(False)
    assert not plain_road.settle(Straightly(torch.relu).eval().requires_grad_(False), x).plain
    assert plain_road.settle(twisty, x).plain
    asked = cached_forward(cut(twisty, "first"), x, "first")
    assert asked.values[0].dtype == torch.float32
    (found,) = fast_evidence(asked, (2,))
    [[wanted]] = evidence(twisty, x, ("first",), (Target(2),))
    assert found.gradient.dtype == wanted.gradient.dtype == wanted.maps.dtype == torch.float32
    assert torch.allclose(found.gradient, wanted.gradient, atol=1e-3)
