"""What follows from a confusion matrix, counts[true][predicted]: F1, and the pairs confused most. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST = 20  # pairs in a report


def report(counts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Plain values: recall, precision and f1 of each class, and the pairs confused most, [true, predicted, images].

    A class without images, or that nothing was predicted as, has 0.
    """
    classes = range(len(counts))
    predicted = [sum(row[i] for row in counts) for i in classes]
    recall = [counts[i][i] / max(1, sum(counts[i])) for i in classes]
    precision = [counts[i][i] / max(1, predicted[i]) for i in classes]
    return {
        "recall": recall,
        "precision": precision,
        "f1": [f1(r, p) for r, p in zip(recall, precision, strict=True)],
        "confused": [list(pair) for pair in pairs(counts, MOST)],
    }


def f1(recall: float, precision: float) -> float:
    """The harmonic mean of recall and precision; 0 where both are."""
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def pairs(counts: Sequence[Sequence[int]], most: int) -> list[tuple[int, int, int]]:
    """The pairs of classes confused most: (true, predicted, images), the most first."""
    wrong = [(t, p, n) for t, row in enumerate(counts) for p, n in enumerate(row) if t != p and n]
    return sorted(wrong, key=lambda pair: (-pair[2], pair[:2]))[:most]
