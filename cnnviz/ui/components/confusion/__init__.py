"""A confusion matrix as a table: rows of true, columns of predicted classes, each number a cell to choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.ui.components.shared import joiner
from cnnviz.ui.components.shared.subject import subject

HERE = Path(__file__).parent
_matrix = st.components.v2.component(
    "cnnviz_confusion", js=joiner.script(HERE / "index.js"), css=joiner.sheet(joiner.SHEET, HERE / "style.css")
)


def confusion(
    key: str, classes: Sequence[str], counts: Sequence[Sequence[int]], totals: Sequence[int], alt: str
) -> tuple[int, int] | None:
    """Draws counts[true][predicted] of these classes, each shaded by its share of `totals`, the images of the class.

    The cell that is chosen, (row, column); None where there is none.
    """
    told = subject(classes, counts, totals)
    chosen = _chosen(st.session_state.get(key), told, len(classes))
    data = {
        "classes": list(classes), "counts": counts, "totals": list(totals), "alt": alt, "subject": told,
        "chosen": None if chosen is None else list(chosen),
    }  # fmt: skip
    _matrix(key=key, data=data, on_cell_change=lambda: None)
    return chosen


def _chosen(state: Any, told: str, count: int) -> tuple[int, int] | None:
    """The cell in what the browser told, if it told it of this matrix."""
    match (state or {}).get("cell"):
        case {"subject": of, "row": int(row), "column": int(column)} if of == told:
            return (row, column) if 0 <= row < count and 0 <= column < count else None
    return None
