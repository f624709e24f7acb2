"""The confusion matrix of a verdict, shaded, with what follows from it: recall, precision, F1, most confused pairs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cnnviz.train.confusion import f1, pairs
from cnnviz.ui.widgets import show

CORNER = "true ↓ predicted →"
PAIRS = 5  # most confused ones that are listed


def shaded(classes: list[str], counts: list[list[int]]) -> Any:
    """The matrix as a styled table: the darker a cell, the more of the images of its true class are in it."""
    import pandas as pd  # type: ignore[import-untyped]  # brought by Streamlit, which takes styles from nothing else

    rows = [{CORNER: c} | dict(zip(classes, row, strict=True)) for c, row in zip(classes, counts, strict=True)]

    def shades(row: Any) -> list[str]:
        total = sum(row[c] for c in classes)
        cells = (0.75 * row[c] / total if total else 0.0 for c in classes)
        return ["", *(f"background-color: rgba(59, 125, 216, {share:.3f})" for share in cells)]

    return pd.DataFrame(rows, columns=[CORNER, *classes]).style.apply(shades, axis=1)


def draw(classes: list[str], found: dict[str, Any], key: str) -> tuple[int, str] | None:
    """Draws the matrix; the cell that is chosen in it: row, and name of the column."""
    show.section("Confusion matrix", f"{found['accuracy']:.2%} of {found['images']:,} correct; choose a cell")
    cell = st.dataframe(
        shaded(classes, found["confusion"]), hide_index=True, key=key, on_select="rerun", selection_mode="single-cell",
        alt="Number of images by true class (rows) and predicted class (columns)",
        column_config={CORNER: st.column_config.TextColumn(pinned=True)},
    )  # fmt: skip
    cells = cell["selection"]["cells"]
    return (int(cells[0][0]), str(cells[0][1])) if cells else None


def report(classes: list[str], found: dict[str, Any]) -> None:
    """Recall, precision and F1 of each class, and the pairs confused most."""
    show.section("Each class")
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        [
            {"class": c, "recall": r, "precision": p, "F1": f1(r, p), "images": sum(row)}
            for c, r, p, row in zip(classes, found["recall"], found["precision"], found["confusion"], strict=True)
        ],
        hide_index=True, alt="Recall, precision and F1 of each class",
        column_config={
            "recall": st.column_config.NumberColumn(format="percent", help="Share of its images predicted as it"),
            "precision": st.column_config.NumberColumn(format="percent", help="Share of its predictions that are it"),
            "F1": st.column_config.NumberColumn(format="%.3f", help="Harmonic mean of recall and precision"),
        },
    )  # fmt: skip
    totals = [sum(row) for row in found["confusion"]]
    if wrong := pairs(found["confusion"], PAIRS):
        show.section("Most confused")
        st.dataframe(
            [
                {"true": classes[t], "predicted": classes[p], "images": n, "of the class": n / totals[t]}
                for t, p, n in wrong
            ],
            hide_index=True, alt="Pairs of classes confused most", column_config={"of the class": percent},
        )  # fmt: skip
