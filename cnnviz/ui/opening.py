"""Opening a plan: a ready-made one, or a file of one's own, put into the widgets of the Train page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.train import plan as plans
from cnnviz.train.plan import Plan
from cnnviz.ui import plan, runs, show, state


def draw() -> None:
    """A popover with the ready-made plans and an uploader."""
    ready = {path.stem: path for path in sorted((state.ROOT / "plans").glob("*.json"))}
    with st.popover("Open a plan", icon=":material/folder_open:"):
        if ready:
            titles = {name: _title(path) for name, path in ready.items()}
            st.selectbox(
                "Ready-made", list(ready), index=None, placeholder="Choose a plan", key="plan-ready",
                format_func=titles.__getitem__, on_change=_ready, args=(ready,),
            )  # fmt: skip
        st.file_uploader("A plan file", type=["json"], key="plan-upload", on_change=_uploaded)
    if told := st.session_state.pop("_opened", ""):
        st.error(show.plain(told), icon=":material/error:")


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
    if file := st.session_state["plan-upload"]:
        _open(lambda: plans.parse(file.getvalue()[: plans.LARGEST_FILE].decode(errors="replace"), file.name))


def _open(read: Callable[[], Plan]) -> None:
    """Puts the plan that is read into the widgets; what is in the way is said once the page is drawn."""
    try:
        wanted = read()
    except RequestError as error:
        st.session_state["_opened"] = str(error)
        return
    plan.fill(wanted)
    if (name := Path(wanted.data).name) not in runs.data_sets():
        st.session_state["_opened"] = f"The plan's data set {name} is not here: add it on the Data page, or choose one."
