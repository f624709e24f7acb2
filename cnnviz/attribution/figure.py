"""Overlays as one picture to take away: side by side, each with its title, colour bar and caption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnviz import picture
from cnnviz.attribution import methods
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.regions import caption

GROUND, INK = (255, 255, 255), (34, 38, 43)
GAP = 0.02  # of the width of a picture: around what is written, and between pictures
LEAST = 14  # px: the smallest type


def figure(
    drawn: Sequence[Image.Image],
    heats: Sequence[Heatmap],
    colour_map: str = picture.HEAT,
    titles: Sequence[str] = (),
) -> Image.Image:
    """Pictures side by side at the height of the lowest, under each its title, colour bar and caption.

    `heats` are the maps that `drawn` show in the colours of `colour_map`; a title left out names class, method, layer.
    """
    height = min(one.height for one in drawn)
    parts = []
    for i, (one, heat) in enumerate(zip(drawn, heats, strict=True)):
        sized = one.resize((max(1, round(one.width * height / one.height)), height), Image.Resampling.LANCZOS)
        parts.append(_captioned(sized if len(drawn) > 1 else one, heat, colour_map, titles[i] if titles else ""))
    gap = round(GAP * max(part.width for part in parts)) if len(parts) > 1 else 0
    whole = Image.new("RGB", (sum(part.width + gap for part in parts) - gap, max(p.height for p in parts)), GROUND)
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width + gap
    return whole


def _captioned(drawn: Image.Image, heat: Heatmap, colour_map: str, title: str) -> Image.Image:
    """A picture with the lines about its map below."""
    size = max(LEAST, drawn.width // 52)
    font, gap, row = ImageFont.load_default(size), max(4, round(GAP * drawn.width)), round(1.45 * size)
    method = methods.method(heat.method).title
    title = title or ", ".join([heat.subject, method, *([] if heat.layer == "input" else [heat.layer])])
    per_line = max(16, int((drawn.width - 2 * gap) / (0.5 * size)))
    above, below = textwrap.wrap(title, per_line), textwrap.wrap(caption(heat), per_line)
    rows = len(above) + 1 + len(below)
    whole = Image.new("RGB", (drawn.width, drawn.height + 2 * gap + rows * row), GROUND)
    whole.paste(drawn)
    pen, y = ImageDraw.Draw(whole), drawn.height + gap
    for line in above:
        pen.text((gap, y), line, INK, font)
        y += row
    _bar(whole, pen, heat, colour_map, (gap, y), font)
    for line in below:
        y += row
        pen.text((gap, y), line, INK, font)
    return whole


def _bar(
    whole: Image.Image, pen: ImageDraw.ImageDraw, heat: Heatmap, colour_map: str, at: tuple[int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:  # fmt: skip
    """The colours with their numbers, and what they are scaled to."""
    (x, y), width, height = at, max(24, whole.width // 4), max(6, whole.width // 70)
    most = max(heat.top, heat.reach)
    least = "0 "
    begin = round(x + pen.textlength(least, font))
    colours = picture.colourise(np.linspace(0, 1, width, dtype=np.float32)[None], colour_map).repeat(height, 0)
    size = int(pen.textbbox((0, 0), "0", font)[3])
    whole.paste(Image.fromarray(colours), (begin, y + max(0, (size - height) // 2 + 2)))
    scaled = "one scale" if heat.top > heat.reach else "scaled to the map's own maximum"
    pen.text((x, y), least, INK, font)
    pen.text((begin + width + 6, y), f"{most:.3g}, {scaled}" if most > 0 else "nothing above 0", INK, font)
