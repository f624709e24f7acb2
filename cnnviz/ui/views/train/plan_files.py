"""Opening a plan: a ready-made one, or a file of one's own, put into the widgets of the Train page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from cnnviz import picture, places
from cnnviz.data.counting import Counting, write
from cnnviz.data.counting import draw as draw_circles
from cnnviz.options import RequestError
from cnnviz.train import plan as plans
from cnnviz.train.plan import Plan
from cnnviz.ui.server import data_sets
from cnnviz.ui.session import uploads
from cnnviz.ui.views.train import plan_form
from cnnviz.ui.widgets import show

PLAN = "counting_1_5"  # and the data set that belongs to it, as docs/plans.md draws it
LESSON = Counting(low=1, high=5, per_class=800, size=32, smallest=2.0, largest=3.5, gap=1.5, seed=0)
LARGER = 8  # times as many pixels on each side have the examples, whose circles would be crosses else
SHOWN = 128  # px of an example on the screen


def draw() -> None:
    """A popover with the ready-made plans and an uploader."""
    ready = {path.stem: path for path in sorted(places.PLANS.glob("*.json"))}
    with st.popover("Open a plan", icon=":material/folder_open:"):
        if ready:
            titles = {name: _title(path) for name, path in ready.items()}
            st.selectbox(
                "Ready-made", list(ready), index=None, placeholder="Choose a plan", key="plan-ready",
                format_func=titles.__getitem__, on_change=_ready, args=(ready,),
            )  # fmt: skip
        st.file_uploader(
            "A plan file", type=["json"], key="plan-upload", on_change=_uploaded, max_upload_size=uploads.limit("plan")
        )
    if told := st.session_state.pop("_opened", ""):
        st.error(show.plain(told), icon=":material/error:")


def first() -> None:
    """What to begin with where there is no data set: circles to count, drawn at a click, and their plan opened."""
    show.say("There is no data set yet. A lecture’s first: how many circles are there, one to five?")
    rng, large = np.random.default_rng(LESSON.seed), enlarged(LESSON, LARGER)
    some = [draw_circles(count, large, rng) for count in range(LESSON.low, LESSON.high + 1)]
    drawn = picture.grid(np.stack(some), len(some))
    show.image(drawn, "Examples of 1, 2, 3, 4, 5 circles", width=len(some) * SHOWN * (2 if show.presenting() else 1))
    if st.button("Generate and set up training", type="primary", icon=":material/draw:"):
        with show.refusals():
            write(data_sets.place_for(PLAN), LESSON, show.counted("Drawing circles"))
            _open(lambda: plans.read(places.PLANS / f"{PLAN}.json"))
            st.rerun()


def enlarged(options: Counting, times: int) -> Counting:
    """The same images with more pixels."""
    lengths = {key: times * getattr(options, key) for key in ("size", "smallest", "largest", "gap")}
    return dataclasses.replace(options, **lengths)


def _title(path: Path) -> str:
    try:
        return plans.read(path).title or path.stem
    except RequestError:
        return f"{path.stem} (cannot be read)"


def _ready(ready: dict[str, Path]) -> None:
    if name := st.session_state["plan-ready"]:
        _open(lambda: plans.read(ready[name]))
        st.session_state["plan-ready"] = None  # so that it can be opened again


def _uploaded() -> None:
    if files := uploads.arrived("plan-upload"):
        file = files[0]
        _open(lambda: plans.parse(file.getvalue()[: plans.LARGEST_FILE].decode(errors="replace"), file.name))


def _open(read: Callable[[], Plan]) -> None:
    """Puts the plan that is read into the widgets; what is in the way is said once the page is drawn."""
    try:
        wanted = read()
    except RequestError as error:
        st.session_state["_opened"] = str(error)
        return
    plan_form.fill(wanted)
    if (name := data_sets.name_of(wanted.data)) not in data_sets.data_sets():
        st.session_state["_opened"] = f"The plan's data set {name} is not here: add it on the Data page, or choose one."
