"""The stages of fine-tuning: what follows on a run, and what is said when it stands in the plan."""

from __future__ import annotations

import streamlit as st

from cnnviz.train.plan import GENTLE, Plan
from cnnviz.train.run import Run
from cnnviz.ui.widgets import show

NEXT = {
    "features": ("Unfreeze and continue", "full"),
    "frozen": ("Unfreeze and continue", "full"),
    "partial": ("Unfreeze all and continue", "full"),
    "full": ("Continue in a new run", "full"),
    "scratch": ("Continue in a new run", "scratch"),
}
EASY = 0.1  # of its rate is what a net goes on with that has learned before


def following(run: Run) -> Plan:
    """The plan of the next stage: the run's weights, unfrozen, at a lower rate; to be found where the run had none."""
    _, recipe = NEXT[run.plan.recipe]
    had = None if run.plan.solves else run.plan.rate if run.plan.recipe in GENTLE else run.plan.highest
    rate = float(f"{had * EASY:.1e}") if had else None
    return run.plan.but(start=f"run/{run.id}@best", recipe=recipe, backbone_rate=0.1, rate=rate, title="")


def icon(recipe: str) -> str:
    """An open padlock on the button to the stage after a recipe, where that unfreezes something."""
    return ":material/fast_forward:" if recipe in ("full", "scratch") else ":material/lock_open:"


def say(begun: str) -> None:
    """Says that the plan is the next stage of the run whose weights it begins with; nothing for other weights."""
    if not begun or begun != st.session_state.get("_stage"):
        return
    line = f"The next stage of {begun}: its learning rate is found, then it is trained."
    if st.session_state["plan-rate"]:
        line = f"The next stage of {begun}: run the learning rate finder, use its rate, then train."
    show.say(line)
    if not st.session_state["_told"]:  # where it was asked for may be far below
        st.session_state["_told"] = True
        st.toast(show.plain(line), icon=":material/tune:")
