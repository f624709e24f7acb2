"""Translation: the photo is shifted, the maps shift along, and what is left of them after pooling stays.

A convolution commutes with a shift as far as the edges and the stride let it; a mean over all places does not depend on
where the places are. Zhang, 2019, Making Convolutional Networks Shift-Invariant Again, measures what stride costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnviz.inference.activations import Activations
from cnnviz.options import Options, knob

WRAP, MEAN = "wrap", "mean colour"


@dataclass(frozen=True)
class Shift(Options):
    """How far the photo is shifted, and what moves in at its edge."""

    dx: int = knob(32, "To the right; negative values shift to the left", low=-256, high=256, unit="px")
    dy: int = knob(0, "Down; negative values shift up", low=-256, high=256, unit="px")
    border: str = knob(WRAP, "What moves in: the opposite edge, or the network's mean colour", choices=(WRAP, MEAN))


@dataclass(frozen=True)
class Translation:
    """The activations of one layer `before` and `after` the photo was shifted.

    peaks    int (2, C, 2), row and column of each channel's maximum before and after
    cosine   between the vectors of means before and after, both (C,); 1 where the shift leaves no trace
    largest  the largest change of a mean, absolute, and `share` of the largest mean
    """

    shift: Shift
    before: Activations
    after: Activations
    peaks: np.ndarray
    cosine: float
    largest: float
    share: float

    def moved(self, channel: int, jump: float = 0) -> tuple[int, int]:
        """How many rows and columns of the map the maximum of a channel moved.

        Where the photo wraps, so does its map: once round is its side over the total stride `jump`, px (0: unknown, the
        side of the map), and the count is the one nearest to what the shift makes expected.
        """
        steps = self.steps(channel)
        if self.shift.border != WRAP:
            return steps
        return self._round(0, steps[0], self.shift.dy, jump), self._round(1, steps[1], self.shift.dx, jump)

    def steps(self, channel: int) -> tuple[int, int]:
        """Row and column of the maximum after the shift minus those before it."""
        was, now = self.peaks[:, channel]
        return int(now[0] - was[0]), int(now[1] - was[1])

    def lost(self, channel: int) -> bool:
        """Whether the place of the maximum was shifted out of the photo, so that another place has it now."""
        if self.shift.border == WRAP:
            return False
        shape, side = self.before.maps.shape[1:], self.before.seen.shape
        by = self.shift.dy * shape[0] / side[0], self.shift.dx * shape[1] / side[1]
        was = self.peaks[0, channel]
        return not all(0 <= w + b <= n - 1 for w, b, n in zip(was, by, shape, strict=True))

    def _round(self, axis: int, steps: int, shift: int, jump: float) -> int:
        side = self.before.seen.shape[axis]
        once = side / jump if jump else float(self.before.maps.shape[1 + axis])
        return int(np.rint(steps + once * np.rint((shift * once / side - steps) / once)))


def shifted(seen: np.ndarray, shift: Shift, mean: tuple[float, ...]) -> np.ndarray:
    """The pixels uint8 (H, W, 3) shifted; what moves in is the opposite edge or the network's `mean` colour, 0..1."""
    rolled = np.roll(seen, (shift.dy, shift.dx), axis=(0, 1))
    if shift.border == WRAP:
        return rolled
    colour = np.rint(255 * np.array(mean if len(mean) == 3 else mean * 3)).astype(np.uint8)
    rows, columns = _moved_in(shift.dy, seen.shape[0]), _moved_in(shift.dx, seen.shape[1])
    rolled[rows], rolled[:, columns] = colour, colour
    return rolled


def compared(shift: Shift, before: Activations, after: Activations) -> Translation:
    """Where each channel's maximum was and is, and how far the vector of means changed."""
    peaks = np.stack([_peaks(one.maps) for one in (before, after)])
    was, now = before.mean.astype(np.float64), after.mean.astype(np.float64)
    sizes = float(np.linalg.norm(was) * np.linalg.norm(now))
    largest = float(np.abs(now - was).max())
    cosine = float(was @ now) / sizes if sizes else 1.0
    return Translation(shift, before, after, peaks, cosine, largest, largest / (float(np.abs(was).max()) or 1.0))


def _moved_in(by: int, side: int) -> slice:
    return slice(0, min(by, side)) if by >= 0 else slice(max(0, side + by), side)


def _peaks(maps: np.ndarray) -> np.ndarray:
    """Row and column of the maximum of each map, int (C, 2)."""
    best = np.nan_to_num(maps, nan=-np.inf).reshape(len(maps), -1).argmax(1)  # (C, h, w) -> (C,)
    return np.stack(np.divmod(best, maps.shape[2]), axis=1)
