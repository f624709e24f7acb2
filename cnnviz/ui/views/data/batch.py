"""A batch of a data set on the page: rows of pictures, each with the name of its class."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.widgets import show

COLUMNS = 4  # of a row, or of half a row


def padded(pictures: np.ndarray, columns: int) -> np.ndarray:
    """A row of pictures (n, h, w, 3) filled up with grey ones to so many columns."""
    missing = columns - len(pictures)
    return np.concatenate([pictures, np.full((missing, *pictures.shape[1:]), picture.GAP, np.uint8)])


def under(names: list[str], columns: int) -> None:
    """A name under each picture of a row."""
    cells = "".join(
        f'<span style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{html.escape(name)}</span>'
        for name in names
    )
    grid = f"display:grid;grid-template-columns:repeat({columns},minmax(0,1fr));text-align:center;margin-top:-0.75rem"
    st.html(f'<div class="cv-note" style="{grid}" aria-hidden="true">{cells}</div>')


def tiles(split: str, pictures: np.ndarray, labels: list[str], halves: int) -> None:
    """A batch in rows, or in rows of two `halves`, with a name under each picture."""
    half = COLUMNS
    with st.container(key="batch"):
        st.html(f"<style>.st-key-batch .stImage {{ aspect-ratio: {half}; }}</style>")  # their place, before they load
        for row in range(0, len(labels), halves * half):
            for column, first in zip(st.columns(halves, gap="xxsmall"), (row, row + half), strict=False):
                if named := labels[first : first + half]:
                    with column:
                        some = padded(pictures[first : first + half], half)
                        show.image(picture.grid(some, half), f"A batch of {split}: {', '.join(named)}")
                        under(named, half)
