"""Images as one picture to take away: under each its title, its colour bar or legend, and its caption.

captioned(pixels, "Channel 9 of relu1", Bar("0", "6.18", picture.ACTIVATION, (0.5, 1.0)), "The photo cat, ResNet-18")
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnviz import picture

GROUND, INK = (255, 255, 255), (34, 38, 43)
GAP = 0.02  # of the width of a picture: around what is written, and between pictures
LEAST = 14  # px: the smallest type
_PLAIN = str.maketrans({"×": "x", "²": "2", "−": "-", "→": "to", "·": ","})  # what Pillow's own font lacks


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
    return Bar(f"{low:.3g}", f"{high:.3g}{note}", colour_map, ends)


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
    font, gap, row = ImageFont.load_default(size), max(4, round(GAP * above.width)), round(1.45 * size)
    per_line = max(16, int((above.width - 2 * gap) / (0.5 * size)))
    titles, captions = (textwrap.wrap(text.translate(_PLAIN), per_line) for text in (title, words))
    rows = len(titles) + (scale is not None) + len(legend) + len(captions)
    whole = Image.new("RGB", (above.width, above.height + 2 * gap + rows * row), GROUND)
    whole.paste(above)
    pen, y = ImageDraw.Draw(whole), above.height + gap
    for line in titles:
        pen.text((gap, y), line, INK, font)
        y += row
    if scale is not None:
        _draw_bar(whole, pen, scale, (gap, y), font)
        y += row
    for colour, line in legend:
        pen.rectangle((gap, y + size // 4, gap + size, y + size), colour)
        pen.text((gap + round(1.6 * size), y), line.translate(_PLAIN), INK, font)
        y += row
    for line in captions:
        pen.text((gap, y), line, INK, font)
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


def _draw_bar(
    whole: Image.Image, pen: ImageDraw.ImageDraw, scale: Bar, at: tuple[int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:  # fmt: skip
    (x, y), width, height = at, max(24, whole.width // 4), max(6, whole.width // 70)
    least = f"{scale.low} "
    begin = round(x + pen.textlength(least, font))
    stops = np.linspace(*scale.ends, width, dtype=np.float32)[None]
    colours = picture.colourise(stops, scale.colour_map).repeat(height, 0)
    size = int(pen.textbbox((0, 0), "0", font)[3])
    whole.paste(Image.fromarray(colours), (begin, y + max(0, (size - height) // 2 + 2)))
    pen.text((x, y), least, INK, font)
    pen.text((begin + width + 6, y), scale.high, INK, font)
