"""The confusion matrix of a verdict, shaded, with what follows from it: recall, precision, F1, most confused pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnviz.train import interval
from cnnviz.train.confusion import f1, pairs
from cnnviz.ui.components.confusion import confusion
from cnnviz.ui.widgets import show, tables

PAIRS = 5  # most confused ones that are listed
WIDEST, ON_STAGE = 24, 10  # classes of a matrix that is drawn whole
HELPS = (
    "", "Share of its images predicted as it", "Share of its predictions that are it",
    "Harmonic mean of recall and precision",
)  # fmt: skip


def draw(name: str, classes: list[str], found: dict[str, Any], key: str) -> tuple[int, int] | None:
    """Draws the matrix; the cell that is chosen in it, (true, predicted). Files are called `name`.

    Of very many classes, those that errors are about most are drawn.
    """
    counts = found["confusion"]
    some = most_confused(counts, ON_STAGE if show.presenting() else WIDEST)
    sure = interval.words(found["accuracy"], found["images"])
    note = f"{found['accuracy']:.2%} of {found['images']:,} correct{sure and f', 95% interval {sure}'}"
    if len(some) < len(classes):
        note += f"; the {len(some)} of {len(classes):,} classes with the most errors"
    show.section("Confusion matrix", note if show.presenting() else f"{note}; choose a cell")
    cell = confusion(
        key, [classes[i] for i in some], [[counts[t][p] for p in some] for t in some], [sum(counts[t]) for t in some],
        "Number of images by true class (rows) and predicted class (columns)",
    )  # fmt: skip
    named = [[c, *row] for c, row in zip(classes, counts, strict=True)]
    tables.take_csv("Matrix as CSV", f"{name}-confusion", ["true, predicted", *classes], named)
    return cell and (some[cell[0]], some[cell[1]])


def most_confused(counts: list[list[int]], most: int) -> list[int]:
    """At most so many classes, those in the most errors, in their order."""
    matrix = np.array(counts)
    errors = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
    return sorted(np.argsort(-errors, kind="stable")[:most].tolist())


def report(name: str, classes: list[str], found: dict[str, Any]) -> None:
    """Recall, precision and F1 of each class. Files are called `name`."""
    show.section("Each class")
    each = [
        (c, r, p, f1(r, p), sum(row))
        for c, r, p, row in zip(classes, found["recall"], found["precision"], found["confusion"], strict=True)
    ]
    head = ("class", "recall", "precision", "F1", "images")
    rows = [(c, f"{r:.1%}", f"{p:.1%}", f"{f:.3f}", f"{n:,}") for c, r, p, f, n in each]
    tables.table(head, rows, "Recall, precision and F1 of each class", HELPS)
    tables.take_csv("Classes as CSV", f"{name}-classes", head, each)


def confused(name: str, classes: list[str], found: dict[str, Any]) -> None:
    """The pairs of classes confused most; nothing where every answer is right. The file is called `name`."""
    totals = [sum(row) for row in found["confusion"]]
    if not (wrong := pairs(found["confusion"], PAIRS)):
        return
    show.section("Most confused")
    head = ("true", "predicted", "images", "of the class")
    listed = [(classes[t], classes[p], n, n / totals[t]) for t, p, n in wrong]
    rows = [(t, p, f"{n:,}", f"{share:.1%}") for t, p, n, share in listed]
    tables.table(head, rows, "Pairs of classes confused most", words=2)
    tables.take_csv("Pairs as CSV", f"{name}-pairs", head, listed)
