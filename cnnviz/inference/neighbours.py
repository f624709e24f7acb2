"""The images nearest to one in the space of a network's features, by cosine similarity."""

from __future__ import annotations

import numpy as np


def nearest(
    features: np.ndarray, of: np.ndarray, count: int, without: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of features (N, D) that are most similar to `of`, (D,): their places and cosines, (k,), nearest first.

    `without` leaves one row out, the image itself. The cosine with a row of zeros is 0.
    """
    flat, one = np.asarray(features, np.float32), np.asarray(of, np.float32)
    sizes = np.linalg.norm(flat, axis=1) * np.linalg.norm(one)
    cosines = np.divide(flat @ one, sizes, out=np.zeros(len(flat), np.float32), where=sizes > 0)
    ranked = cosines if without is None else np.where(np.arange(len(flat)) == without, -np.inf, cosines)
    count = min(count, len(flat) - (without is not None))
    best = np.argpartition(-ranked, max(0, count - 1))[:count] if count else np.empty(0, np.intp)
    best = best[np.lexsort((best, -ranked[best]))]
    return best, cosines[best]
