"""From heat to things: a mask above a threshold, boxes around its pieces, a cut-out, a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from cnnviz.arrays import read_only
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.options import Options, RequestError, knob
from cnnviz.photo import Photo


@dataclass(frozen=True)
class Threshold(Options):
    """Where warm begins."""

    level: float | None = knob(None, "Heat from which a pixel counts; none: Otsu's threshold", low=0, high=1, step=0.01)
    smallest: float = knob(
        0.005, "Regions below this share of the network's input are left out", low=0, high=0.5, step=0.005
    )


@dataclass(frozen=True)
class Box:
    """One region, in pixels of the original photo: left, top, width, height; its area in pixels and its heat."""

    left: int
    top: int
    width: int
    height: int
    area: int
    mean: float
    highest: float


@dataclass(frozen=True)
class Regions:
    """The regions of a map, the largest total heat first; `mask` is bool (H, W) over the network's input.

    A padded photo's border is no part of it.
    """

    level: float
    mask: np.ndarray
    boxes: tuple[Box, ...]

    def card(self, heat: Heatmap, photo: Photo) -> dict[str, object]:
        """What a JSON file says about the boxes: of which class, map and photo size, and each box in its pixels."""
        of = {"label": heat.label, "index": heat.target, "method": heat.method, "layer": heat.layer}
        of |= {"versus": heat.other} if heat.goal.versus is not None else {}
        of |= {"against": True} if heat.goal.against else {}
        size = {"width": photo.width, "height": photo.height}
        return {**of, "threshold": self.level, "photo": size, "boxes": [asdict(box) for box in self.boxes]}


def regions(heat: Heatmap, threshold: Threshold | None = None) -> Regions:
    """The pieces of a map that are warmer than a threshold."""
    chosen, values = threshold or Threshold(), heat.values
    level = otsu(values) if chosen.level is None else chosen.level
    warm = np.zeros_like(values, bool)
    warm[heat.window] = ((values >= level) & (values > 0))[heat.window]
    count, pieces, facts, _ = cv2.connectedComponentsWithStats(warm.astype(np.uint8), connectivity=8)
    left, top, width, height = heat.box
    across, down = width / warm.shape[1], height / warm.shape[0]  # photo pixels per pixel the net saw
    found: list[tuple[float, Box]] = []
    mask = np.zeros_like(warm)
    for i in range(1, count):
        x, y, wide, high, area = (int(n) for n in facts[i])
        if area < chosen.smallest * warm.size:
            continue
        inside = pieces == i
        mask |= inside
        inner = values[inside]
        sides = left + x * across, top + y * down, left + (x + wide) * across, top + (y + high) * down
        x0, y0, x1, y1 = (round(side) for side in sides)
        size = round(area * across * down)
        box = Box(x0, y0, max(1, x1 - x0), max(1, y1 - y0), size, float(inner.mean()), float(inner.max()))
        found.append((float(inner.sum()), box))
    found.sort(key=lambda one: -one[0])
    return Regions(float(level), read_only(mask), tuple(box for _, box in found))


def otsu(values: np.ndarray) -> float:
    """The level that separates warm from cold best: least variance within the two (Otsu, 1979). Values in 0..1."""
    counts, edges = np.histogram(values, 256, (0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    below, weighted = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = weighted / below - (weighted[-1] - weighted) / above
        between = np.nan_to_num(below * above * gap**2)
    best = np.flatnonzero(between == between.max())
    return float(edges[round(best.mean()) + 1]) if between.max() > 0 else 1.0


def cut_out(photo: Photo, heat: Heatmap, found: Regions) -> np.ndarray:
    """The warm part of the photo on a transparent ground, uint8 (H, W, 4), cropped to the boxes at the photo's size.

    Raises `RequestError` where nothing is warm.
    """
    if not found.boxes:
        raise RequestError("No region is above the threshold; lower it.")
    _, (left, top, width, height) = heat.lying
    size = (max(1, round(width)), max(1, round(height)))
    inside = cv2.resize(found.mask[heat.window].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    alpha = np.zeros(photo.pixels.shape[:2], np.uint8)
    x, y = max(0, round(left)), max(0, round(top))
    area = alpha[y : y + size[1], x : x + size[0]]
    area[:] = np.rint(inside * 255)[: area.shape[0], : area.shape[1]]
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.dstack([photo.pixels[window], alpha[window]])


def caption(heat: Heatmap) -> str:
    """What a map shows, in a sentence for those who cannot see it."""
    about = heat.subject
    if not np.isfinite(heat.raw).all():
        return f"Heat map of {about}: NaN, see the warnings."
    values, _ = heat.lying
    if values.max() <= 0:
        return f"Heat map of {about}: nothing above 0."
    above = float(values.max() / values.mean())
    y, x = (int(i) for i in np.unravel_index(int(values.argmax()), values.shape))
    place = _WORDS[3 * y // values.shape[0]][3 * x // values.shape[1]]
    hot = float((values >= 0.5).mean())
    whole = "photo" if any(heat.padding) else "network's input"  # the map without a border is of all of it
    told = f"strongest {place} of the {whole}, {_times(above)} the mean; {hot:.0%} of it is above half of "
    told += f"{heat.top:.3g}, the maximum of one scale" if heat.top > 0 else "the maximum"
    return f"Heat map of {about}: {told}."


def _times(ratio: float) -> str:
    whole = round(ratio)
    return f"{_NUMBERS[whole]} times" if 2 <= whole < len(_NUMBERS) else f"{ratio:.1f} times"


_NUMBERS: Sequence[str] = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = (
    ("at the upper left", "at the top", "at the upper right"),
    ("on the left", "in the middle", "on the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
