"""Thumbnails of many images in sheets: squares of one size side by side, each sheet one file for a browser."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cnnviz import picture
from cnnviz.data.decode import decode_all
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import PhotoError

SIDE = 32  # px of a thumbnail: whole blocks of a JPEG, so that none runs into its neighbour
ACROSS = 32  # thumbnails in a row of a sheet, and rows
SHEET = ACROSS * ACROSS
QUALITY = 82
AT_ONCE = 64  # images between two words of progress
THREADS = 2


def thumbnails(paths: Sequence[Path], side: int = SIDE) -> Generator[float, None, np.ndarray]:
    """The centre square of each image, uint8 (N, side, side, 3), as the decoder of training has it; yields shares done.

    What cannot be read is gray.
    """
    small = np.full((len(paths), side, side, 3), picture.GAP, np.uint8)
    with ThreadPoolExecutor(THREADS) as pool:
        for first in range(0, len(paths), AT_ONCE):
            some = paths[first : first + AT_ONCE]
            for i, seen in enumerate(decode_all(some, Preprocess(side, side), pool), first):
                if not isinstance(seen, PhotoError):
                    small[i] = seen
            yield min(1.0, (first + len(some)) / len(paths))
    return small


def sheets(small: np.ndarray) -> tuple[bytes, ...]:
    """Thumbnails uint8 (N, s, s, 3) as JPEGs of ACROSS x ACROSS each, row by row; the last ends with its last row."""
    return tuple(
        picture.encode(_laid(small[first : first + SHEET]), "jpeg", QUALITY) for first in range(0, len(small), SHEET)
    )


def _laid(some: np.ndarray) -> np.ndarray:
    """One sheet, uint8 (rows s, ACROSS s, 3)."""
    side, rows = some.shape[1], -(-len(some) // ACROSS)
    laid = np.full((rows * ACROSS, side, side, 3), picture.GAP, np.uint8)
    laid[: len(some)] = some
    # (rows, ACROSS, s, s, 3) -> (rows, s, ACROSS, s, 3) -> (rows s, ACROSS s, 3)
    return laid.reshape(rows, ACROSS, side, side, 3).swapaxes(1, 2).reshape(rows * side, ACROSS * side, 3)
