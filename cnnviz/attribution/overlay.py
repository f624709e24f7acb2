"""A map over its photo with what can be drawn on it: contour lines, boxes, and the network's input by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cnnviz import picture
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.masking import Stroke, checked, masks
from cnnviz.attribution.regions import Threshold, regions
from cnnviz.photo import Photo

LEVELS = {0.25: 0.55, 0.5: 0.8, 0.75: 1.0}  # heat -> how opaque its contour line is
FIRST, OTHER = ((255, 176, 46), 1.0), ((255, 255, 255), 0.7)  # colour and opacity of the warmest box, and of the rest
VEIL = (124, 116, 104)  # where a brush erased the photo: the mean colour of photos
GRAIN = 640  # px: the side of a picture whose lines are as thin as on the page


def overlay(
    photo: Photo,
    heat: Heatmap,
    opacity: float = 0.5,
    colour_map: str = picture.HEAT,
    *,
    side: int | None = None,
    threshold: float = 0.0,
    contours: bool = False,
    boxes: bool = False,
    seen: bool = False,
    alpha: str = "uniform",
    strokes: Sequence[Stroke] = (),
) -> Image.Image:
    """`picture.overlay` with contour lines at heat 0.25, 0.5 and 0.75, and boxes around the regions.

    Regions have heat from the `threshold`, or from Otsu's threshold where it is 0. `seen` draws the network's input
    alone. Where the `strokes` of a brush erased the photo there is no heat, but a plain veil.
    """
    values, box = (heat.values, heat.box) if seen else heat.lying
    left, top, across, down = (float(n) for n in box)
    if seen:
        height, width = heat.seen.shape[:2]
        grow = max(1, -(-GRAIN // max(height, width)))
        under = picture.resize(heat.seen, width * grow, height * grow)
        drawn = picture.overlay(under, heat.values, opacity, colour_map, side=side, threshold=threshold, alpha=alpha)
        x0, y0, x1, y1 = 0, 0, *drawn.size
    else:
        drawn = picture.overlay(photo, heat, opacity, colour_map, side=side, threshold=threshold, alpha=alpha)
        scale = drawn.width / photo.width, drawn.height / photo.height
        x0, x1 = (max(0, min(drawn.width, round(n * scale[0]))) for n in (left, left + across))
        y0, y1 = (max(0, min(drawn.height, round(n * scale[1]))) for n in (top, top + down))
    pixels, grain = np.array(drawn, np.float32), max(1.0, max(drawn.size) / GRAIN)
    if contours and x1 > x0 and y1 > y0:
        part = pixels[y0:y1, x0:x1]
        part += _contours(picture.resize(values, x1 - x0, y1 - y0), 1.5 * grain)[..., None] * (255 - part)
    if strokes and x1 > x0 and y1 > y0:
        pixels[y0:y1, x0:x1][_erased(strokes, heat, seen, (y1 - y0, x1 - x0))] = VEIL
    if boxes:
        found = regions(heat, Threshold(level=threshold or None)).boxes
        for place, one in reversed([*enumerate(found)]):
            columns = (x0 + (n - left) / across * (x1 - x0) for n in (one.left, one.left + one.width))
            rows = (y0 + (n - top) / down * (y1 - y0) for n in (one.top, one.top + one.height))
            colour, strong = OTHER if place else FIRST
            _frame(pixels, [round(n) for n in columns], [round(n) for n in rows], round(2 * grain), colour, strong)
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _erased(strokes: Sequence[Stroke], heat: Heatmap, seen: bool, shape: tuple[int, int]) -> np.ndarray:
    """Where strokes erased the photo, bool (H, W); of a padded one without its border, unless drawn as `seen`."""
    if seen or not any(heat.padding):
        whole: np.ndarray = masks(checked(strokes), shape)[-1]
        return whole
    inside = masks(checked(strokes), heat.seen.shape[:2])[-1][heat.window]
    erased: np.ndarray = picture.resize(inside.astype(np.float32), shape[1], shape[0]) > 0.5
    return erased


def _contours(values: np.ndarray, width: float) -> np.ndarray:
    """How opaque the contour lines of a map are at each pixel, float32 (H, W) in 0..1."""
    slope = np.hypot(*np.gradient(values.astype(np.float32))) if min(values.shape) > 1 else np.zeros_like(values)
    drawn = np.zeros(values.shape, np.float32)
    for level, opacity in LEVELS.items():
        away = np.abs(values - level) / np.maximum(slope, 1e-6)  # px, to first order
        drawn = np.maximum(drawn, opacity * np.clip(width / 2 + 0.5 - away, 0, 1))
    return drawn


def _frame(
    pixels: np.ndarray, columns: list[int], rows: list[int], thick: int, colour: tuple[int, int, int], opacity: float
) -> None:
    """Draw the border of a rectangle, first and last columns and rows, into float pixels (H, W, 3)."""
    height, width = pixels.shape[:2]
    (x0, x1), (y0, y1) = np.clip(columns, 0, width), np.clip(rows, 0, height)
    border = np.zeros((height, width, 1), np.float32)
    border[y0:y1, x0:x1] = opacity
    border[y0 + thick : y1 - thick, x0 + thick : x1 - thick] = 0
    pixels += border * (np.array(colour, np.float32) - pixels)
