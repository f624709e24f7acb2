"""Small tables of the page itself, whose type a stage can enlarge and any reader can read, and their numbers as CSV."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

import streamlit as st

from cnnviz.ui.widgets import show

Row = Sequence[object]


def table(head: Sequence[str], rows: Sequence[Row], alt: str, helps: Sequence[str] = (), words: int = 1) -> None:
    """A table called `alt`; its first columns, so many as `words`, are words, the others numbers.

    `helps` says what columns mean, in their order, where a pointer rests on them.
    """
    titles = [*helps, *[""] * len(head)]
    names = "".join(
        f'<th scope="col"{_word(i, words)}{f" title={chr(34)}{html.escape(title)}{chr(34)}" if title else ""}>'
        f"{html.escape(name)}</th>"
        for i, (name, title) in enumerate(zip(head, titles, strict=False))
    )
    body = "".join(f"<tr>{_cells(row, words)}</tr>" for row in rows)
    st.html(
        f'<div class="cv-table" role="region" tabindex="0" aria-label="{html.escape(alt)}"><table>'
        f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Row, words: int) -> str:
    first, *rest = (html.escape(str(value)) for value in row)
    cells = (f"<td{_word(i, words)}>{value}</td>" for i, value in enumerate(rest, 1))
    return f'<th scope="row" class="cv-word">{first}</th>{"".join(cells)}'


def _word(column: int, words: int) -> str:
    return ' class="cv-word"' if column < words else ""


def as_csv(head: Sequence[object], rows: Sequence[Row]) -> bytes:
    """The same as a file of comma-separated values, UTF-8."""
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    return text.getvalue().encode()


def take_csv(label: str, name: str, head: Sequence[object], rows: Sequence[Row]) -> None:
    """A button that downloads a table as `name`.csv; a stage has none."""
    if not show.presenting():
        st.download_button(
            label, lambda: as_csv(head, rows), f"{name}.csv", "text/csv", key=f"csv-{name}", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
