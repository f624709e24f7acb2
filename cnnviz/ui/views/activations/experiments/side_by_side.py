"""Pictures of an experiment side by side, with what stands between them, and the same to take away."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.measured import measured
from cnnviz.ui.session import current
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.file_name import KEYS, file_name

if TYPE_CHECKING:
    from cnnviz.photo import Photo

MAP = 240  # px, the side of a map


def row(titles: Sequence[str], drawn: Sequence[np.ndarray], notes: Sequence[str], signs: Sequence[str]) -> None:
    """Pictures of one size side by side, with what stands between them."""
    parts = []
    for i, (title, pixels, note) in enumerate(zip(titles, drawn, notes, strict=True)):
        if i:
            parts.append(f"<b>{html.escape(signs[i - 1])}</b>")
        large = show.pixelated(pixels, MAP) if len(pixels) < MAP else pixels
        words = html.escape(title)
        parts.append(
            f'<figure><figcaption>{words}</figcaption><img src="{picture.address(large, 92)}" alt="{words}">'
            f"<small>{html.escape(note)}</small></figure>"
        )
    st.html(f'<div class="cv-row-of" style="--n:{len(drawn)}">{"".join(parts)}</div>')


def extremes(values: np.ndarray) -> str:
    """Lowest, mean and highest of a map."""
    return f"lowest {measured(values.min())}, mean {measured(values.mean())}, highest {measured(values.max())}"


def signed(value: float, digits: int) -> str:
    """A number with its sign before it, so that it stands as a summand."""
    return f"{'−' if value < 0 else '+'} {abs(value):.{digits}f}"


def take(
    name: str, photo: Photo, key: str, words: Sequence[str], drawn: Sequence[np.ndarray],
    arrays: dict[str, np.ndarray], lines: str, view: dict[str, object],
) -> None:  # fmt: skip
    """The pictures as they stand side by side, their numbers, link and Python."""

    def whole() -> np.ndarray:
        large = [show.pixelated(one, MAP) if len(one) < MAP else one for one in drawn]
        high = max(map(len, large))
        return np.concatenate(
            [np.pad(one, ((0, high - len(one)), (0, 12), (0, 0)), constant_values=255) for one in large], axis=1
        )

    read: dict[str, Callable[[], np.ndarray]] = {what: partial(_same, one) for what, one in arrays.items()}
    show.take_away(
        name, picture=whole, array=read, python=lines,
        file=file_name(photo.name.rsplit(".", 1)[0], key, *words, keep=KEYS),
        link=current.link("activations", experiment=name, **view),
    )  # fmt: skip


def _same(values: np.ndarray) -> np.ndarray:
    return values
