"""The frozen result of every attribution method, and how a signed map becomes heat in 0..1."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cnnviz.inference.predict import Target
from cnnviz.options import Options


@dataclass(frozen=True)
class Heatmap:
    """Which pixels support a class.

    raw      float32 (h, w), signed, at the layer's own size (or the pixels' own, for pixel-based methods)
    weights  float32 (C,), what each channel of the layer counted; empty where the method uses no channels
    score    the number that was explained: a logit, the difference of two, or minus a logit
    seen     uint8 (H, W, 3), the pixels of the network's input
    box      (left, top, width, height) of those pixels in the original photo
    goal     for which class, against it, or rather than which other
    clip     the quantile of the warm places that counts as the hottest
    other    the label of the second class of `goal`, where there is one
    options  the method's options it was made with
    padding  how many pixels of `seen` are border and no photo: left, top, right, bottom
    top      the raw value that is drawn as heat 1, for maps on one scale; below `reach`: the map's own `reach`
    """

    raw: np.ndarray
    weights: np.ndarray
    target: int
    label: str
    score: float
    layer: str
    method: str
    seen: np.ndarray
    box: tuple[float, float, float, float]
    goal: Target
    clip: float = 1.0
    other: str = ""
    options: Options | None = None
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    top: float = 0.0

    @property
    def question(self) -> tuple[Hashable, ...]:
        """What the map is the answer to, beside a network and a photo: for both it says which map it is."""
        return self.method, self.layer, self.target, self.goal, self.options, self.clip, self.top

    @property
    def reach(self) -> float:
        """The raw value of the hottest place; 0 where none is warm."""
        return _reach(_warm(self.raw), self.clip)

    def scaled(self, top: float) -> Heatmap:
        """The same map with the raw value `top` drawn as heat 1, for maps on one scale."""
        return replace(self, top=top)

    @property
    def subject(self) -> str:
        """What the map is evidence for, in words: the class, the class rather than another, or against it."""
        if self.goal.versus is None:
            return f"against {self.label}" if self.goal.against else self.label
        return (
            f"against {self.label} and for {self.other}"
            if self.goal.against
            else f"{self.label} rather than {self.other}"
        )

    @property
    def values(self) -> np.ndarray:
        """The heat of each pixel of the network's input, float32 (H, W) in 0..1.

        Drawn anew each time: for most methods that takes less than what remembering a map of this size would cost.
        """
        heat = spread(self.raw, self.seen.shape[:2], self.clip)
        if self.top > (reach := self.reach):
            heat *= reach / self.top
        heat.setflags(write=False)
        return heat

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns of `values` that are photo: all of them, but for the border of a padded photo."""
        (height, width), (left, top, right, bottom) = self.seen.shape[:2], self.padding
        return slice(top, height - bottom), slice(left, width - right)

    @property
    def lying(self) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """The heat that lies on the photo, float32 (h, w) in 0..1, and its left, top, width and height there."""
        if not any(self.padding):
            return self.values, self.box
        (height, width), (rows, columns), (left, top, wide, high) = self.seen.shape[:2], self.window, self.box
        across, down = wide / width, high / height  # photo pixels per pixel of the input
        values = self.values[rows, columns]
        place = left + columns.start * across, top + rows.start * down
        return values, (*place, values.shape[1] * across, values.shape[0] * down)


@dataclass(frozen=True)
class Ladder:
    """Heat maps of several classes (columns) at several layers (rows)."""

    layers: tuple[str, ...]
    targets: tuple[int, ...]
    rows: tuple[tuple[Heatmap, ...], ...]


def spread(raw: np.ndarray, shape: tuple[int, ...], clip: float = 1.0) -> np.ndarray:
    """A signed map (h, w) as heat float32 (H, W) in 0..1: negative places cold, interpolated, the hottest place 1.

    With `clip` below 1 that quantile of the warm places counts as the hottest: single pixels may lie far above.
    """
    warm = _warm(raw)
    top = _reach(warm, clip)
    if top > 0:
        warm = np.minimum(warm / top, 1)
    heat = cv2.resize(warm, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    peak = heat.max()
    return np.divide(heat, peak, out=heat) if peak > 0 else heat  # in place: fresh memory costs more than the rest


def _warm(raw: np.ndarray) -> np.ndarray:
    """A signed map's positive finite values, float32; 0 elsewhere."""
    return np.where((raw > 0) & (raw < np.inf), raw, 0).astype(np.float32)  # (NaN is neither)


def _reach(warm: np.ndarray, clip: float) -> float:
    """The value of `_warm` that counts as the hottest."""
    return float(np.quantile(warm[warm > 0], clip)) if clip < 1 and (warm > 0).any() else float(warm.max())
