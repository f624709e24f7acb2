"""Images as one picture to take away: under each its title, its colour bar or legend, and its caption.

captioned(pixels, "Channel 9 of relu1", Bar("0", "6.18", picture.ACTIVATION, (0.5, 1.0)), "The photo cat, ResNet-18")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cnnviz import picture
from cnnviz.lettering import legible, length, noted, wrapped, write
from cnnviz.measured import measured

GROUND = (255, 255, 255)
GAP = 0.02  # of the width of a picture: around what is written, and between pictures
LEAST = 14  # px: the smallest type


@dataclass(frozen=True)
class Bar:
    """Colours from the lowest to the highest value, and what is written at both ends.

    ends     which part of the colour map, shares 0..1
    """

    low: str
    high: str
    colour_map: str = picture.HEAT
    ends: tuple[float, float] = (0.0, 1.0)


def bar(low: float, high: float, colour_map: str = picture.ACTIVATION, note: str = "") -> Bar:
    """The bar of values from low to high; a diverging map keeps 0 in its middle."""
    reach = max(abs(low), abs(high)) or 1.0
    ends = (low / reach / 2 + 0.5, high / reach / 2 + 0.5) if picture.is_diverging(colour_map) else (0.0, 1.0)
    least, most = map(measured, (low, high))  # as on the page
    return Bar(least, f"{most}{note}", colour_map, ends)


def captioned(
    drawn: Image.Image | np.ndarray,
    title: str,
    scale: Bar | None = None,
    words: str = "",
    legend: Sequence[tuple[tuple[int, int, int], str]] = (),
) -> Image.Image:
    """A picture with its title, colour bar, legend (a colour and what it stands for, each) and caption below."""
    above = Image.fromarray(drawn) if isinstance(drawn, np.ndarray) else drawn
    size = max(LEAST, above.width // 52)
    gap, row = max(4, round(GAP * above.width)), round(1.45 * size)
    wide = max(8 * size, above.width - 2 * gap)
    below = noted(words, [title, words, *(line for _, line in legend)])
    titles, captions = (wrapped(text, wide, size) for text in (title, below))
    keys = [(colour, wrapped(line, wide - 1.6 * size, size)) for colour, line in legend]
    numbers = [] if scale is None else _ends(scale, above.width, wide, size)
    rows = len(titles) + len(numbers) + sum(len(lines) for _, lines in keys) + len(captions)
    whole = Image.new("RGB", (max(above.width, wide + 2 * gap), above.height + 2 * gap + rows * row), GROUND)
    whole.paste(above)
    pen, y = ImageDraw.Draw(whole), above.height + gap
    for line in titles:
        write(pen, (gap, y), line, size)
        y += row
    for i, line in enumerate(numbers):
        at: float = gap
        if scale is not None and i == 0:
            at = _draw_bar(whole, pen, scale, (gap, y), _bar_width(above.width), size)
        write(pen, (at, y), line, size)
        y += row
    for colour, lines in keys:
        pen.rectangle((gap, y + size // 4, gap + size, y + size), colour)
        for line in lines:
            write(pen, (gap + round(1.6 * size), y), line, size)
            y += row
    for line in captions:
        write(pen, (gap, y), line, size)
        y += row
    return whole


def beside(parts: Sequence[Image.Image]) -> Image.Image:
    """Captioned pictures side by side."""
    gap = round(GAP * max(part.width for part in parts)) if len(parts) > 1 else 0
    whole = Image.new("RGB", (sum(part.width + gap for part in parts) - gap, max(p.height for p in parts)), GROUND)
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width + gap
    return whole


def _ends(scale: Bar, side: int, wide: int, size: int) -> list[str]:
    """What is written at the high end of a bar: as many words beside it as fit, the others in lines below."""
    words = legible(scale.high).split()
    beside = wide - length(scale.low, size) - _bar_width(side) - 12
    fits = max((n for n in range(len(words) + 1) if length(" ".join(words[:n]), size) <= beside), default=0)
    return [" ".join(words[:fits]), *wrapped(" ".join(words[fits:]), wide, size)]


def _bar_width(side: int) -> int:
    return max(24, side // 4)


def _draw_bar(
    whole: Image.Image, pen: ImageDraw.ImageDraw, scale: Bar, at: tuple[int, int], width: int, size: int
) -> float:
    """The low end and the colours; the x where the high end is written."""
    (x, y), height = at, max(6, whole.width // 70)
    begin = round(x + length(scale.low, size)) + 6
    stops = np.linspace(*scale.ends, width, dtype=np.float32)[None]
    colours = picture.colourise(stops, scale.colour_map).repeat(height, 0)
    whole.paste(Image.fromarray(colours), (begin, y + max(0, (size - height) // 2)))
    write(pen, (x, y), scale.low, size)
    return begin + width + 6
