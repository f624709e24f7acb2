"""Curves as one picture to take away: axes with ticks and names, a legend, a title and a caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cnnviz.lettering import INK, length, noted, wrapped, write

WIDTH, HEIGHT = 760, 560  # px of one plot with its axes
LEFT, RIGHT, TOP, BELOW = 90, 44, 56, 84  # px around the axes
SIZE, SMALL, ROW = 26, 20, 34  # px: type, and the height of a line
GROUND, GRAY = (255, 255, 255), (206, 206, 202)
INKS = ((224, 100, 47), (63, 143, 208), (138, 138, 134))
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Plot:
    """Curves over shares 0..1, by the words of the legend: (x, y), both 0..1; what stands along both axes."""

    title: str
    across: str
    up: str
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]]


def chart(title: str, plots: Sequence[Plot], caption: str) -> Image.Image:
    """Plots side by side under a title, each with its legend, above a caption."""
    width, legend = WIDTH * len(plots), max(len(plot.lines) for plot in plots)
    texts = [title, caption, *(name for plot in plots for name in plot.lines)]
    above = wrapped(title, width - 48, SIZE)
    below = wrapped(noted(caption, texts), width - 48, SMALL)
    begin = 20 + ROW * len(above)
    whole = Image.new("RGB", (width, begin + HEIGHT + ROW * (legend + len(below)) + 24), GROUND)
    pen = ImageDraw.Draw(whole)
    for i, line in enumerate(above):
        write(pen, (24, 16 + i * ROW), line, SIZE)
    for i, plot in enumerate(plots):
        _plot(pen, plot, (i * WIDTH, begin))
    for i, line in enumerate(below):
        write(pen, (24, begin + HEIGHT + ROW * (legend + i) + 8), line, SMALL)
    return whole


def _plot(pen: ImageDraw.ImageDraw, plot: Plot, at: tuple[int, int]) -> None:
    """One plot: name, axes with ticks and names, curves, legend."""
    x, y = at[0] + LEFT, at[1] + TOP
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BELOW
    write(pen, (x, at[1] + 14), plot.title, SIZE)
    for tick in TICKS:
        across, down = x + tick * wide, y + (1 - tick) * high
        pen.line([(x, down), (x + wide, down)], GRAY)
        pen.line([(across, y + high), (across, y + high + 6)], INK, 2)
        pen.line([(x - 6, down), (x, down)], INK, 2)
        percent, number = f"{tick:.0%}", f"{tick:g}"
        write(pen, (across - length(percent, SMALL) / 2, y + high + 10), percent, SMALL)
        write(pen, (x - 12 - length(number, SMALL), down - SMALL / 2), number, SMALL)
    pen.line([(x, y), (x, y + high), (x + wide, y + high)], INK, 2)
    write(pen, (x + (wide - length(plot.across, SMALL)) / 2, y + high + 42), plot.across, SMALL)
    write(pen, (x + wide - length(plot.up, SMALL), at[1] + 18), plot.up, SMALL)
    for i, (name, (xs, ys)) in enumerate(plot.lines.items()):
        ink = INKS[i % len(INKS)]
        points = [(x + float(a) * wide, y + (1 - float(b)) * high) for a, b in zip(xs, ys, strict=True)]
        pen.line(points, ink, 4, joint="curve")
        line = at[1] + HEIGHT + i * ROW
        pen.line([(x, line + 10), (x + 40, line + 10)], ink, 5)
        write(pen, (x + 52, line), name, SMALL)
