"""The first convolution of a torchvision network, where people put another in its place: for gray or small images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from cnnviz.models.assumed import assumption
from cnnviz.models.build import Weightless

SMALL = 32  # px; images for which a 3 x 3 stem is made (CIFAR)


def first(net: nn.Module) -> tuple[str, nn.Conv2d]:
    """The name of the first convolution, and itself."""
    return next((name, part) for name, part in net.named_modules() if isinstance(part, nn.Conv2d))


def replace(net: nn.Module, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, str]) -> bool:
    """Gives a network the first convolution that the shapes show, in place: whether its stride had to be assumed.

    One channel in place of three, and in a ResNet 3 x 3 in place of 7 x 7; anything else stays as it is.
    """
    name, old = first(net)
    shape = shapes.get(f"{name}.weight", ())
    if len(shape) != 4 or shape == tuple(old.weight.shape) or shape[1] not in (1, 3):
        return False
    small = isinstance(getattr(net, "maxpool", None), nn.MaxPool2d) and name == "conv1" and shape[2:] == (3, 3)
    if not small and shape[2:] != tuple(old.kernel_size):
        return False
    how, pooled = assumption("stem", given).value, True
    size: dict[str, Any] = {"kernel_size": old.kernel_size, "stride": old.stride, "padding": old.padding}
    if small:
        pooled = "no max pooling" not in how
        size = {"kernel_size": 3, "stride": 1 if "stride 1" in how else 2, "padding": 1}
    with Weightless():
        net.set_submodule(name, nn.Conv2d(shape[1], shape[0], bias=f"{name}.bias" in shapes, **size))
    if not pooled:
        net.set_submodule("maxpool", nn.Identity())
    if shape[1] == 1 and hasattr(net, "transform_input"):
        setattr(net, "transform_input", False)  # noqa: B010 - it is made for three channels
    return small
