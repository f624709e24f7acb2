"""Plans and runs whose head is solved: they have no steps of training, and so no epochs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cnnviz.data.augment import PRESETS
from cnnviz.options import RequestError
from cnnviz.train.plan import Plan
from cnnviz.train.run import Run
from cnnviz.ui.widgets import show


def ask(data: str, net: str, recipe: str) -> dict[str, Any]:
    """The fields of a plan whose head is solved, after a line that says so; empty for any other plan."""
    hidden, dropout, norm = (st.session_state[f"plan-{field}"] for field in ("hidden", "dropout", "head_norm"))
    try:
        solves = Plan(
            data, net=net, start="run", recipe=recipe, hidden=hidden, dropout=dropout, head_norm=norm or None
        ).solves
    except RequestError:  # said where the whole plan is
        return {}
    if not solves:
        return {}
    show.say(
        "One linear layer is solved by L-BFGS, its L2 weight chosen by cross-validation: no learning rate, batch size "
        "or epochs. With hidden units or dropout, under More, the head is trained."
    )
    kept = {field: st.session_state[f"plan-{field}"] for field in ("epochs", "batch", "rate")}
    return kept | {"augment": PRESETS["none"]}


def solves(run: Run) -> bool:
    """Whether a run is nothing but a head that is solved."""
    first = run.last("start") or run.last("resume")
    return bool(first.get("solves")) if first else run.plan.solves
