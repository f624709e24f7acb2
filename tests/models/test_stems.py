"""The first convolution is adapted to gray and to small images, and left alone where shapes do not say what it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models import build, identify, stems


def shapes_of(name: str, place: str, conv: nn.Conv2d) -> dict[str, tuple[int, ...]]:
    net = build.torchvision_net(name)
    net.set_submodule(place, conv)
    return {key: tuple(value.shape) for key, value in net.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "place", "conv"),
    [
        ("resnet18", "conv1", nn.Conv2d(1, 64, 7, 2, 3, bias=False)),
        ("densenet121", "features.conv0", nn.Conv2d(1, 64, 7, 2, 3, bias=False)),
        ("vgg11", "features.0", nn.Conv2d(1, 64, 3, 1, 1)),
        ("efficientnet_b0", "features.0.0", nn.Conv2d(1, 32, 3, 2, 1, bias=False)),
        ("googlenet", "conv1.conv", nn.Conv2d(1, 64, 7, 2, 3, bias=False)),
    ],
)
def test_one_channel_takes_the_place_of_three(name, place, conv):
    net = build.torchvision_net(name)
    assert not stems.replace(net, shapes_of(name, place, conv), {})
    made = net.get_submodule(place)
    assert (made.in_channels, made.stride, made.padding) == (1, conv.stride, conv.padding)
    assert stems.first(net) == (place, made)
    with torch.no_grad():
        assert net.to_empty(device="cpu").eval()(torch.zeros(1, 1, 64, 64)).shape == (1, 1000)


@pytest.mark.parametrize("stride", ["stride 1", "stride 2"])
@pytest.mark.parametrize("pooled", [True, False])
def test_the_stride_of_a_3_x_3_stem_is_assumed_and_can_be_set(stride, pooled):
    shapes = shapes_of("resnet18", "conv1", nn.Conv2d(3, 64, 3, 1, 1, bias=False))
    net = build.torchvision_net("resnet18")
    assert stems.replace(net, shapes, {"stem": f"{stride}, {'' if pooled else 'no '}max pooling"})
    assert net.conv1.stride == (int(stride[-1]),) * 2
    assert isinstance(net.maxpool, nn.MaxPool2d) == pooled


@pytest.mark.parametrize("conv", [nn.Conv2d(4, 64, 7, bias=False), nn.Conv2d(3, 64, 5, bias=False)])
def test_another_stem_stays_as_it_was_and_is_named(conv):
    shapes = shapes_of("resnet18", "conv1", conv)
    net = build.torchvision_net("resnet18")
    assert not stems.replace(net, shapes, {})
    assert net.conv1.in_channels == 3
    state = {key: torch.zeros(shape) for key, shape in shapes.items()}
    with pytest.raises(identify.CheckpointError, match=r"conv1\.weight is 64 x .* and should be 64 x 3 x 7 x 7"):
        identify.name_of(state)
