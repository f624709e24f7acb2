"""What one unit of a stack of layers sees, drawn on a photo: a frame for each layer, and the effective field."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from cnnviz import picture
from cnnviz.caption import captioned
from cnnviz.signal.receptive import Window, effective_stack, sizes, stack

SCALE = 3  # px of the drawing to a px of the photo
MIDDLE = 0.5, 0.5
KINDS = {"conv": "convolution", "max": "max pooling", "average": "average pooling"}


def unit(layers: Sequence[Window], side: int, at: tuple[float, float] = MIDDLE) -> tuple[int, int]:
    """Column and row of the unit at these shares of the last map, for a photo of so many px."""
    last = sizes(side, layers)[-1]
    column, row = (min(last - 1, int(share * last)) for share in at)
    return column, row


def effective(layers: Sequence[Window], side: int, at: tuple[float, float] = MIDDLE) -> np.ndarray:
    """How much each pixel of a photo moves the unit, float32 (side, side), largest 1."""
    profile, lines = effective_stack(layers), []
    for place in unit(layers, side, at):
        first, _ = stack(layers)[-1].span(place)
        line = np.zeros(side, np.float32)
        start, end = max(0, first), min(side, first + len(profile))
        line[start:end] = profile[start - first : end - first]
        lines.append(line)
    return np.outer(lines[1], lines[0])


def drawn(
    layers: Sequence[Window], pixels: np.ndarray, at: tuple[float, float] = MIDDLE, glow: bool = True
) -> np.ndarray:
    """The photo uint8 (S, S, 3), three times as large: dark outside the field of a unit, with a frame for each layer.

    With `glow` the effective field lies over it.
    """
    side, fields = len(pixels), stack(layers)
    middles = [fields[-1].middle + place * fields[-1].jump for place in unit(layers, side, at)]
    frames = [[_ends(middle, field.size) for middle in middles] for field in fields]
    (left, right), (top, low) = ((max(0, a), max(0, b + 1)) for a, b in frames[-1])
    shown = picture.resize(pixels, SCALE * side, SCALE * side).astype(np.float32)
    outside = np.ones(shown.shape[:2], bool)
    outside[top:low, left:right] = False
    shown[outside] = (shown[outside] + np.array((16, 18, 21))) / 2
    if glow and layers:
        heat = effective(layers, side, at).repeat(SCALE, 0).repeat(SCALE, 1)  # (S, S) -> (3 S, 3 S)
        shown += 0.8 * heat[..., None] * (picture.colourise(heat, picture.HEAT) - shown)
    framed = Image.fromarray(shown.round().astype(np.uint8))
    pen = ImageDraw.Draw(framed)
    for i, (across, down) in enumerate(frames[1:]):
        box = (across[0], down[0], across[1], down[1])
        pen.rectangle(box, None, colour(i, len(layers)), 5 if i == len(layers) - 1 else 3)
    return np.asarray(framed)


def figure(
    layers: Sequence[Window], pixels: np.ndarray, photo: str, at: tuple[float, float] = MIDDLE, glow: bool = True
) -> Image.Image:
    """The same with what the frames stand for, the size of the field and the unit it is of, below it."""
    last, side = stack(layers)[-1], len(pixels)
    column, row = unit(layers, side, at)
    legend = [
        (colour(i, len(layers)), f"{i + 1}. {KINDS[layer.kind]} {layer.kernel} × {layer.kernel}: {field.size} px")
        for i, (layer, field) in enumerate(zip(layers, stack(layers)[1:], strict=True))
    ]
    words = f"Unit {row + 1}, {column + 1} of {sizes(side, layers)[-1]} × {sizes(side, layers)[-1]} on {photo}, "
    words += f"{side} × {side} px. Total stride: {last.jump} px."
    words += " The brighter, the more a pixel counts (effective field)." if glow and layers else ""
    title = f"Receptive field of one unit: {last.size} × {last.size} px"
    return captioned(drawn(layers, pixels, at, glow), title, words=words, legend=legend)


def colour(i: int, count: int) -> tuple[int, int, int]:
    """The colour of the frame of a layer, as the page has it."""
    red, green, blue = colorsys.hls_to_rgb((210 - 190 * i / max(1, count - 1)) / 360, 0.55, 0.75)
    return round(255 * red), round(255 * green), round(255 * blue)


def _ends(middle: float, size: int) -> tuple[int, int]:
    """First and last px of the drawing that a field of a size around a middle covers."""
    first = middle - (size - 1) / 2
    return round(SCALE * first), round(SCALE * (first + size)) - 1
