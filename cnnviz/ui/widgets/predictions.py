"""Predictions as bars, and beneath them which classes there are, where a network has few."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.probability import percent
from cnnviz.ui.server import startup
from cnnviz.ui.widgets.feedback import heading, plain, say

if TYPE_CHECKING:
    from cnnviz.inference.predict import Prediction
    from cnnviz.models.catalog import ModelInfo
    from cnnviz.models.load import Model

FEW = 10  # classes that are named one by one


def bars(
    predictions: Sequence[Prediction], marked: int | None = None, model: Model | None = None, title: str = "",
    note: str = "",
) -> None:  # fmt: skip
    """The most probable classes as bars with their percentages; `marked` is the class that is being explained.

    Above them stands a `title`, with a quiet `note` beside it.
    Of a `model` with few classes it is said which these are, and one with more is offered where one is on the disk.
    """
    rows = []
    for p in predictions:
        kind = "cv-marked" if p.index == marked else ""
        share = p.probability if math.isfinite(p.probability) else 0.0
        chance = percent(p.probability) if math.isfinite(p.probability) else "NaN"
        rows.append(
            f'<div role="listitem" class="{kind}"><span>{html.escape(p.label)}</span>'
            f"<b>{html.escape(chance)}</b>"
            f'<i><u style="width:{max(share, 0.002):.2%}"></u></i></div>'
        )
    head = heading(title, note) if title else ""
    st.html(f'{head}<div role="list" class="cv-bars" aria-label="Predictions">{"".join(rows)}</div>')
    if not all(math.isfinite(p.probability) for p in predictions):
        say("The prediction is NaN: weights are NaN or overflow, as after a training that diverged.")
    if model is not None and model.known is not None and model.known.unsure:
        say(f"Assumed of this network, since its file does not say it: {'; '.join(model.known.unsure)}.")
    if model is not None and 0 < len(model.labels) <= FEW:
        say(f"{few(model)} Every photo is assigned to one of them, whatever it shows.")
        if (other := startup.everyday(startup.rows())) and other.key != model.key:
            _offer(other)


def few(model: Model) -> str:
    """The sentence that names the classes of a network."""
    return f"This network has {len(model.labels)} classes: {', '.join(model.labels)}."


def _offer(other: ModelInfo) -> None:
    """A button that takes the other network."""

    def take() -> None:
        st.session_state["model"] = other.key

    if st.button(
        f"Use {plain(other.title)}: 1,000 {startup.EVERYDAY} classes", key="more-classes", on_click=take,
        icon=":material/category:",
    ):  # fmt: skip
        st.rerun()  # the whole page: the network is picked outside of what runs by itself here
