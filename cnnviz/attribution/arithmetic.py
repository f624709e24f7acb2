"""From a number in a feature map down to the multiplication that made it.

A number in a map is followed back through activation, batch norm, addition, pooling and concatenation to the
convolution it came from, and there spelled out: patch times weights, plus bias. Forward again, step by step, it ends in
the very number that was shown; that is checked each time, not assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.arrays import read_only
from cnnviz.attribution.backtrace import Walk
from cnnviz.attribution.cam import Evidence
from cnnviz.attribution.products import operands, reads_photo
from cnnviz.inference.device import rounds
from cnnviz.inference.recording import record
from cnnviz.inference.tap import LayerError
from cnnviz.options import RequestError
from cnnviz.signal.receptive import Field

TOLERANCE = 1e-4  # relative; what float32 sums in another order may differ by
ROUGHLY = 2**-7  # the same, of numbers with eight bits


class ArithmeticMismatch(RuntimeError):
    """The arithmetic did not end in the number that was shown: a fault of ours, never of the question."""


@dataclass(frozen=True)
class Step:
    """One thing that happened to the number: what did it, in words and figures, and what it was afterwards."""

    layer: str
    kind: str
    words: str
    value: float


@dataclass(frozen=True)
class Arithmetic:
    """How one number of a feature map is computed.

    source   the convolution or linear layer it starts from, with the channel and place (y, x) in its output
    patch    float32 (C, k, k), its input there (0 in the padding); weights, of the same shape
    photo    whether that input is the photo itself
    inputs   int (C,), the channels of its input that the patch shows
    bias     what was added to the sum of patch times weights
    steps    from the convolution's sum to the number shown, in the order they happened
    shown    the tensor's own number; the last step's value equals it to 1e-4 of the sizes that were summed
    """

    layer: str
    channel: int
    place: tuple[int, int]
    source: str
    source_channel: int
    source_place: tuple[int, int]
    patch: np.ndarray
    weights: np.ndarray
    inputs: np.ndarray
    bias: float
    steps: tuple[Step, ...]
    shown: float
    photo: bool

    @property
    def products(self) -> np.ndarray:
        """Patch times weights, float64 (C, k, k); with the bias they add up to the first step's value."""
        each: np.ndarray = self.patch.astype(np.float64) * self.weights
        return each


@dataclass(frozen=True)
class ChannelContribution:
    """One channel's part in a class score: what it contributed, its mean and largest value, where it counted most."""

    channel: int
    contribution: float
    mean: float
    highest: float
    place: tuple[int, int]


@dataclass(frozen=True)
class Drill:
    """The way down from a class to one multiplication.

    witnesses   the channels of the layer, the largest contribution first; with `rest` they add up to the score
    rest        what no channel of this layer accounts for: biases, and what the head does besides multiplying
    field       (left, top, right, bottom) of what a value depends on, in pixels of the input, right and bottom outside;
                all of it where the network's operations depend on the photo
    """

    target: int
    label: str
    score: float
    witnesses: tuple[ChannelContribution, ...]
    rest: float
    arithmetic: Arithmetic
    field: tuple[int, int, int, int]


def channel_contributions(e: Evidence) -> tuple[ChannelContribution, ...]:
    """Every channel's gradient times activation, summed over its places, the largest first.

    Where the rest of the network is linear (a pooling and one layer), these are exactly the terms of the score.
    """
    part = (e.gradient * e.maps).cpu().double()  # (C, h, w); not every GPU has doubles
    sums, best = part.sum((1, 2)), part.flatten(1).argmax(1)  # (C,)
    means, tops, wide = e.maps.mean((1, 2)), e.maps.amax((1, 2)), e.maps.shape[2]
    found = [
        ChannelContribution(
            c, float(sums[c]), float(means[c]), float(tops[c]), (int(best[c]) // wide, int(best[c]) % wide)
        )
        for c in range(len(sums))
    ]
    return tuple(sorted(found, key=lambda w: -w.contribution))


def seen_from(field: Field, place: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """What a place of a map can see of the image (H, W): left, top, right, bottom, cut at its edges."""
    if field.whole:
        return 0, 0, shape[1], shape[0]
    (top, low), (left, right) = (field.span(i) for i in place)
    return max(0, left), max(0, top), min(shape[1], right + 1), min(shape[0], low + 1)


def arithmetic(net: nn.Module, x: Tensor, layer: str, channel: int, place: tuple[int, int]) -> Arithmetic:
    """The arithmetic of one number in a layer's map, for a photo (1, C, H, W).

    Raises `LayerError` for a layer without maps or a place outside them, and `RequestError` where what makes the
    number is no convolution followed by known operations.
    """
    value = record(net, x, until=layer).last(net, layer)
    shown = value.numbers
    if shown.ndim != 4:
        raise LayerError(
            f"Layer {layer!r} has output {tuple(shown.shape[1:])}, not feature maps; choose a convolutional layer."
        )
    if not all(0 <= i < n for i, n in zip((channel, *place), shown.shape[1:], strict=True)):
        raise LayerError(f"{layer} has maps {tuple(shown.shape[1:])}; channel {channel} at {place} lies outside.")
    truth = float(shown[0, channel, place[0], place[1]])
    if not math.isfinite(truth):
        raise RequestError(
            f"{layer} has NaN or infinity for this photo, so nothing adds up; load weights from before the training "
            "diverged."
        )
    walk = Walk(dict(net.named_modules()))
    source, at = walk.back(value, (0, channel, *place))
    patch, weights, inputs, bias = operands(source, at)
    products = patch.cpu().double() * weights.cpu().double()
    total = float(products.sum()) + bias
    size = float(products.abs().sum()) + abs(bias)  # sums that cancel are as exact as what was summed
    written = f"{products.numel():,} products" + (f" {float(products.sum()):+.6g}, bias {bias:+.6g}" if bias else "")
    steps = [Step(walk.named(source), walk.kind(source), f"sum of {written}", total)]
    for named, kind, go in reversed(walk.trail):
        words, total, size = go(total, size)
        steps.append(Step(named, kind, words, total))
    rough = shown.dtype in (torch.float16, torch.bfloat16) or rounds(shown.device)  # autocast, TF32
    near = ROUGHLY if rough else TOLERANCE
    if not math.isclose(total, truth, rel_tol=near, abs_tol=near * max(size, 1e-6)):
        raise ArithmeticMismatch(f"{layer} has {truth:.8g} and its arithmetic gives {total:.8g}")
    return Arithmetic(
        layer,
        channel,
        place,
        walk.named(source),
        at[1],
        (at[-2], at[-1]),
        read_only(patch.float().cpu().numpy()),
        read_only(weights.float().cpu().numpy()),
        read_only(np.asarray(inputs)),
        bias,
        tuple(steps),
        truth,
        reads_photo(source),
    )
