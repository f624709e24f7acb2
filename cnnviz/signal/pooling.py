"""What comes after a convolution in the lecture's networks: ReLU, and pooling as a window that keeps one number."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnviz.options import RequestError
from cnnviz.signal.convolve import output_size

KINDS = ("max", "average")


class PoolingError(RequestError):
    """A pooling window that does not fit."""


def relu(maps: np.ndarray) -> np.ndarray:
    """What is above zero, the rest zero; same shape and unit."""
    above: np.ndarray = np.maximum(maps, 0)
    return above


def pool(maps: np.ndarray, size: int = 2, stride: int | None = None, padding: int = 0, kind: str = "max") -> np.ndarray:
    """The largest or the mean value under each window, float32 (..., H', W').

    As in PyTorch, padding is minus infinity for max and zero for average, and at most half the window; the
    stride is the window's size where none is given. Raises `PoolingError`.
    """
    stride = size if stride is None else stride
    if kind not in KINDS or not 0 <= padding <= size // 2:
        raise PoolingError(f"Pooling is {' or '.join(KINDS)}, with padding at most half the window of {size}.")
    if not all(output_size(n, size, stride, padding) for n in maps.shape[-2:]):
        raise PoolingError(f"A pooling window of {size} does not fit on {maps.shape[-2]} x {maps.shape[-1]}.")
    around = [(0, 0)] * (maps.ndim - 2) + [(padding, padding)] * 2
    filler = -np.inf if kind == "max" else 0.0
    padded = np.pad(maps.astype(np.float32, copy=False), around, constant_values=filler)
    windows: np.ndarray = sliding_window_view(padded, (size, size), axis=(-2, -1))[..., ::stride, ::stride, :, :]
    pooled: np.ndarray = windows.max((-2, -1)) if kind == "max" else windows.mean((-2, -1), dtype=np.float32)
    return pooled
