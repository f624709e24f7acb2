"""The two directions in which features vary most: principal component analysis, without all of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import read_only
from cnnviz.options import RequestError

BLOCK = 12  # directions that are iterated for the sake of two: the more, the sooner these stand still
ROUNDS = 200
STILL = 1e-9  # how far the directions may still turn, 1 - cos


@dataclass(frozen=True)
class Plane:
    """The mean of features, (D,), their first principal axes, (2, D), and each one's share of the variance, (2,)."""

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray

    def place(self, features: np.ndarray) -> np.ndarray:
        """Where features (N, D) lie, float32 (N, 2)."""
        flat = np.asarray(features, np.float32)
        placed: np.ndarray = flat @ self.axes.T.astype(np.float32) - (self.axes @ self.mean).astype(np.float32)
        return placed


def plane(features: np.ndarray) -> Plane:
    """The first two principal axes of features float32 (N, D): of N images, D numbers each.

    Subspace iteration, so that it costs some passes over the features and not D² of anything. The largest entry of an
    axis is positive, as scikit-learn has it. Raises `RequestError` for fewer than three images.
    """
    flat = np.asarray(features, np.float32)
    if flat.ndim != 2 or len(flat) < 3:
        raise RequestError("A map needs at least three images; add some.")
    mean = flat.mean(0, dtype=np.float64)
    total = float(np.square(flat - mean.astype(np.float32)).sum(dtype=np.float64)) or 1.0

    def spread(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The features along some directions (D, k), (N, k), and how these turn towards the principal ones, (D, k)."""
        along = (flat @ directions.astype(np.float32)).astype(np.float64) - mean @ directions
        return along, (flat.T @ along.astype(np.float32)).astype(np.float64) - np.outer(mean, along.sum(0))

    block = min(BLOCK, *flat.shape)
    found = np.linalg.qr(np.random.default_rng(0).normal(size=(flat.shape[1], block)))[0]  # (D, k)
    last = np.zeros_like(found[:, :2])
    for _ in range(ROUNDS):
        along, turned = spread(found)
        _, _, within = np.linalg.svd(along.T @ along)  # (k, k): the principal directions among those found
        first = found @ within[:2].T
        if np.all(1 - np.abs((first * last).sum(0)) < STILL):
            break
        last, found = first, np.linalg.qr(turned @ within.T)[0]
    axes = np.zeros((2, flat.shape[1]))
    axes[: first.shape[1]] = first.T
    axes *= np.where(axes[np.arange(2), np.abs(axes).argmax(1)] < 0, -1, 1)[:, None]
    shares = np.square(flat @ axes.T.astype(np.float32) - mean @ axes.T).sum(0, dtype=np.float64) / total
    return Plane(read_only(mean), read_only(axes), read_only(shares))
