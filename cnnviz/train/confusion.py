"""What follows from a confusion matrix, counts[true][predicted]: F1, and the pairs confused most. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence


def f1(recall: float, precision: float) -> float:
    """The harmonic mean of recall and precision; 0 where both are."""
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def pairs(counts: Sequence[Sequence[int]], most: int) -> list[tuple[int, int, int]]:
    """The pairs of classes confused most: (true, predicted, images), the most first."""
    wrong = [(t, p, n) for t, row in enumerate(counts) for p, n in enumerate(row) if t != p and n]
    return sorted(wrong, key=lambda pair: (-pair[2], pair[:2]))[:most]
