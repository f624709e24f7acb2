"""Which thumbnails stand on a map at which enlargement, so that none covers another: levels of detail."""

from __future__ import annotations

import numpy as np

FIRST = 1 / 8  # of the plane's side: how far apart thumbnails are at the first level
STEP = 2**-0.25  # how much nearer at each further level
LEVELS = 56  # at the last one, images at one place are no longer told apart: at 1/14,000 of the first distance


def levels(places: np.ndarray) -> np.ndarray:
    """The level (N,) at which each image at `places`, (N, 2) in 0..1, gets room for its thumbnail.

    Those of a level and below are at least FIRST · STEP^level apart in x or in y, and none is left out for which there
    is room. What never has room gets the last level.
    """
    count = len(places)
    found = np.full(count, LEVELS - 1)
    order = np.random.default_rng(0).permutation(count)  # who comes first is no matter of class or name
    points, taken = np.asarray(places, np.float64)[order], np.zeros(count, bool)
    for level in range(LEVELS - 1):
        if taken.all():
            break
        fresh = _with_room(points, taken, FIRST * STEP**level)
        taken[fresh], found[order[fresh]] = True, level
    return found


def _with_room(points: np.ndarray, taken: np.ndarray, reach: float) -> np.ndarray:
    """Which points can be taken beside those `taken`, which are `reach` apart: as many as find room, (k,).

    The plane is cut into squares as wide as `reach`, which hold one each at most, and these into four kinds: two of one
    kind are never neighbours, so all of a kind are filled at once.
    """
    squares = np.floor(points / reach).astype(np.int64) + 1
    across = int(squares.max()) + 2
    keys = squares[:, 0] * across + squares[:, 1]
    held, fresh = np.flatnonzero(taken), []
    for kind in range(4):
        open_ = np.flatnonzero(~taken & (squares[:, 0] % 2 * 2 + squares[:, 1] % 2 == kind))
        open_ = open_[~_covered(points, keys, across, open_, held, reach)]
        first = open_[np.unique(keys[open_], return_index=True)[1]]  # one a square, the first in order
        held = np.concatenate([held, first])
        fresh.append(first)
    return np.concatenate(fresh)


def _covered(
    points: np.ndarray, keys: np.ndarray, across: int, some: np.ndarray, held: np.ndarray, reach: float
) -> np.ndarray:
    """Whether each of `some` points is nearer than `reach`, in x and in y, to one that is held, (k,)."""
    covered = np.zeros(len(some), bool)
    if not len(held):
        return covered
    held = held[np.argsort(keys[held], kind="stable")]
    sorted_keys = keys[held]
    for down in (-across, 0, across):
        for right in (-1, 0, 1):
            wanted = keys[some] + down + right
            at = np.minimum(np.searchsorted(sorted_keys, wanted), len(held) - 1)
            near = np.abs(points[held[at]] - points[some]).max(1) < reach
            covered |= (sorted_keys[at] == wanted) & near
    return covered


def order(places: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The images by level, and within one along a Z-shaped curve: who is seen together comes from few sheets, (N,)."""
    cells = np.clip((np.asarray(places) * 1024).astype(np.int64), 0, 1023)
    curve = np.zeros(len(cells), np.int64)
    for bit in range(10):
        curve |= (cells[:, 0] >> bit & 1) << 2 * bit | (cells[:, 1] >> bit & 1) << 2 * bit + 1
    return np.lexsort((curve, level))


def ends(level: np.ndarray) -> list[int]:
    """How many images stand on the map at each level."""
    return [int(n) for n in np.cumsum(np.bincount(level, minlength=1))]
