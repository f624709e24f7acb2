"""Arrays that answers are made of: closed to writing, how many bytes they hold, and heat with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Heat(Protocol):
    """How warm each pixel is, (H, W) in 0..1, and left, top, width and height of these pixels in the photo."""

    @property
    def lying(self) -> tuple[np.ndarray, tuple[float, float, float, float]]: ...


def size(value: object) -> int:
    """Bytes that an answer holds: arrays, tensors and nets at full size, everything else at a small flat rate."""
    held = getattr(value, "nbytes", None)
    if isinstance(held, int):
        return held + 128
    if callable(parameters := getattr(value, "parameters", None)):  # a net
        copies = 4  # of a convolution's weights: as they are, folded, and packed there and back
        tensors: int = sum(p.nbytes * (copies if p.ndim == 4 else 1) for p in parameters())
        return tensors + 128
    if isinstance(value, (bytes, str)):
        return len(value) + 64
    if isinstance(value, Mapping):
        return 64 + sum(size(v) for v in value.values())
    if isinstance(value, (tuple, list)):
        return 64 + sum(size(v) for v in value)
    if dataclasses.is_dataclass(value):
        return 64 + sum(size(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 64


def read_only(array: np.ndarray) -> np.ndarray:
    """The same array, contiguous, and closed to writing."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
