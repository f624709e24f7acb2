"""Receptive fields: how much of the photo one number of a feature map can see, and how much it does see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnviz import picture
from cnnviz.options import RequestError
from cnnviz.signal.convolve import extent, output_size


class ReceptiveError(RequestError):
    """A network or layer whose receptive field cannot be told."""


@dataclass(frozen=True)
class Window:
    """One step of a stack: what it is ("conv", "max", "average") and how its window walks."""

    kind: str
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


@dataclass(frozen=True)
class Field:
    """The receptive field along one side, in input pixels: its size, the jump between neighbours, the first middle.

    `middle` is where the field of unit 0 is centred (0 is the middle of pixel 0). `whole` marks a map every number of
    which sees the whole image; `gated` one that is also scaled by such a number (squeeze and excitation).
    """

    size: int = 1
    jump: int = 1
    middle: float = 0.0
    whole: bool = False
    gated: bool = False

    def span(self, unit: int) -> tuple[int, int]:
        """First and last input pixel that a unit can see; they may lie outside, in the padding."""
        first = self.middle + unit * self.jump - (self.size - 1) / 2
        return round(first), round(first) + self.size - 1


def through(field: Field, layer: Window) -> Field:
    """The field after one more layer (Araujo, Norris, Sim, 2019)."""
    span = extent(layer.kernel, layer.dilation)
    return replace(
        field,
        size=field.size + (span - 1) * field.jump,
        jump=field.jump * layer.stride,
        middle=field.middle + ((span - 1) / 2 - layer.padding) * field.jump,
    )


def stack(layers: Sequence[Window]) -> tuple[Field, ...]:
    """The field of the input and then after each layer, one more than there are layers."""
    fields = [Field()]
    for layer in layers:
        fields.append(through(fields[-1], layer))
    return tuple(fields)


def sizes(size: int, layers: Sequence[Window]) -> tuple[int, ...]:
    """The side of the map at the input and after each layer; 0 from where the window no longer fits."""
    out = [size]
    for layer in layers:
        out.append(output_size(out[-1], layer.kernel, layer.stride, layer.padding, layer.dilation) if out[-1] else 0)
    return tuple(out)


def effective_stack(layers: Sequence[Window]) -> np.ndarray:
    """How much each pixel of the field moves its unit, along one side, float32 (size,), largest 1.

    The root mean square gradient over random weights: each window spreads it evenly over its cells, so the profile is
    the windows convolved with each other, near a bell (Luo et al., 2016). The field's image is the outer product.
    """
    power: np.ndarray = np.ones(1)
    for layer in reversed(layers):
        spread = np.zeros((len(power) - 1) * layer.stride + 1)
        spread[:: layer.stride] = power
        window = np.zeros(extent(layer.kernel, layer.dilation))
        window[:: layer.dilation] = 1 / layer.kernel
        power = np.convolve(spread, window)
    profile = np.sqrt(power)
    share: np.ndarray = profile / profile.max()
    return share.astype(np.float32)


def drawn(heat: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """An effective field (H, W) glowing on the darkened photo (H, W, 3), uint8."""
    glow = np.sqrt(heat)[..., None]  # a square root, so that the faint rim shows
    dark = pixels.astype(np.float32) * (0.3 + 0.5 * glow)
    shown: np.ndarray = np.clip(dark + picture.colourise(heat, picture.HEAT) * 0.7 * glow, 0, 255)
    return shown.astype(np.uint8)
