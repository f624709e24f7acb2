"""Which experiment is shown: none at first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from cnnviz.ui.views.activations.experiments.pooling import pooling
from cnnviz.ui.views.activations.experiments.skip_connection import skip_connection
from cnnviz.ui.views.activations.experiments.translation import translation
from cnnviz.ui.widgets import controls

if TYPE_CHECKING:
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STYLE = Path(__file__).with_name("style.css")
NONE = "none"


class Experiment(NamedTuple):
    """One experiment: its title, and what draws it and returns what a link to it says of its own controls."""

    title: str
    draw: Callable[[Engine, str, Photo, str, int], dict[str, object]]


def chosen(stage: bool) -> str:
    """The experiment that is shown: a key of `EXPERIMENTS`."""
    ask = controls.pick if stage else controls.switch
    return ask("Experiment", "experiment", list(EXPERIMENTS), NONE, words=lambda which: EXPERIMENTS[which].title)


def experiment(which: str, engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> dict[str, object]:
    """Draw the experiment that was chosen; what a link says of it."""
    st.html(f"<style>{STYLE.read_text()}</style>")
    return {"experiment": which, **EXPERIMENTS[which].draw(engine, key, photo, layer, channel)}


def _none(*_: object) -> dict[str, object]:
    return {}


EXPERIMENTS = {
    NONE: Experiment("No experiment", _none),
    "skip": Experiment("Skip connection", skip_connection),
    "pooling": Experiment("Global average pooling", pooling),
    "shift": Experiment("Translation", translation),
}
