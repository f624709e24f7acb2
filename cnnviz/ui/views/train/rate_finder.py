"""Looking for a learning rate: one click, the loss over the rate while it is looked for, a suggestion to take over."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.train import run as runfolder
from cnnviz.train.plan import Plan
from cnnviz.ui.server import runs
from cnnviz.ui.views.train import curves, plan_form
from cnnviz.ui.widgets import show

STEPS = 100  # of a search, at most


def begin(wanted: Plan) -> None:
    """Starts a search in place of an earlier one. Raises `RequestError`."""
    plan_form.forget_rate()
    st.session_state["_rate_folder"] = str(runs.find_rate(wanted))


def draw() -> None:
    """The search that goes on, or what the last one found; nothing before the first."""
    if st.session_state.get("_rate_folder"):
        _search()
    elif found := st.session_state.get("_rate_curve"):
        _found(*found)


@st.fragment(run_every=1.0)
def _search() -> None:
    folder = Path(st.session_state["_rate_folder"])
    try:
        now = runs.look_at(folder)
    except RequestError as error:
        _over([], None, str(error))
        return
    points = [(e["rate"], e["loss"]) for e in now.of("rate")]
    if now.state not in ("starting", "queued", "running"):
        why = now.last("failed").get("message") or "The search was stopped."
        _over(points, now.last("finished").get("suggestion"), why)
        return
    left, right = st.columns([2, 1], gap="large", vertical_alignment="center")
    with left:
        if points:
            curves.rates(points, None)
        else:
            st.skeleton(height=curves.HEIGHT)
    with right:
        words = f"The rate is raised until the loss diverges: step {len(points)} of at most {STEPS}."
        if now.state == "queued":
            words = "Another run uses the device; the search starts when it ends."
        elif not points:
            words = preparing(now)
        show.say(words)
        if st.button("Stop", icon=":material/stop:", key="stop-rate"):
            with show.refusals():
                runfolder.stop(folder)


def preparing(now: runfolder.Run) -> str:
    """How far the images are read, and their features computed, before the first step."""
    at = now.last("prepare")
    return f"Preparing {at['stage']}: {at['done']:,} of {at['of']:,}." if at else "Starting."


def _over(points: list[tuple[float, float]], suggestion: float | None, why: str) -> None:
    """Remembers what was found, and draws the page without asking again."""
    st.session_state.pop("_rate_folder")
    st.session_state["_rate_curve"] = (points, suggestion, why)
    st.rerun()


def _found(points: list[tuple[float, float]], suggestion: float | None, why: str) -> None:
    left, right = st.columns([2, 1], gap="large", vertical_alignment="center")
    with left:
        if points:
            curves.rates(points, suggestion)
    with right:
        if suggestion is None:
            st.error(show.plain(why), icon=":material/error:")
            return
        show.say(f"The loss falls fastest at a rate of {suggestion:.1e}.")
        taken = st.session_state.get("plan-rate") == suggestion
        st.button(
            f"{'Uses' if taken else 'Use'} {suggestion:.1e}", icon=":material/check:", key="take-rate",
            on_click=plan_form.take, args=("rate", suggestion), disabled=taken, type="primary",
        )  # fmt: skip
