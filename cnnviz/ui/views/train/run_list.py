"""The newest runs as a table that keeps up with those that train, and several of them compared."""

from __future__ import annotations

import streamlit as st

from cnnviz.train import interval
from cnnviz.train.run import Run
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.views.train import curves, plan_form, run_view, solved_plan
from cnnviz.ui.widgets import show, tables

RUN_HELPS = (  # of the columns of the runs
    *("",) * 5, "A linear head that is solved has no epochs", "The lowest on the validation images",
    "On the validation images, with the weights of the lowest loss",
    "In 95 of 100 data sets like this the true accuracy lies in such an interval (Wilson)",
)  # fmt: skip


def table(listed: list[Run], count: int) -> None:
    """The newest runs, to choose one; it keeps up with those that train."""
    busy = any(one.state in ("starting", "queued", "running") for one in listed)
    show.section("Runs", f"the newest {len(listed)} of {count:,}" if len(listed) < count else "the newest first")

    @st.fragment(run_every=2 * run_view.POLL if busy else None)
    def draw() -> None:
        rows = [_row(one) for one in (runs.listing() if busy else listed)]
        with st.container(key="runs-table"):
            tables.table([*rows[0]], [[*row.values()] for row in rows], "The newest runs", RUN_HELPS, words=5)

    draw()


def _row(one: Run) -> dict[str, str]:
    kept, last = one.last("best"), one.last("epoch")
    epochs = f"{last.get('epoch', 0)} of {run_view.first_of(one).get('epochs', one.plan.epochs)}"
    if solved_plan.solves(one):
        epochs = "solved" if kept else "–"
    return {
        "run": one.id, "state": run_view.WORDS[one.state], "network": one.plan.net,
        "recipe": plan_form.RECIPES[one.plan.recipe][0], "data": data_sets.name_of(one.plan.data),
        "epochs": epochs,
        "lowest loss": f"{kept['valid_loss']:.4f}" if kept else "–",
        "accuracy": f"{kept['accuracy']:.1%}{'' if kept['step'] else ' before training'}" if kept else "–",
        "95% interval": interval.words(kept["accuracy"], run_view.first_of(one).get("val", 0)) if kept else "–",
    }  # fmt: skip


def compare(listed: list[Run]) -> None:
    """Several runs' validation loss and accuracy, one chart each."""
    done = [one.id for one in listed if one.of("epoch")]
    if len(done) > 1:
        with st.expander("Compare runs", icon=":material/stacked_line_chart:"):
            picked = st.multiselect("Runs", done, done[:3], key="compare")
            if some := [one for one in listed if one.id in picked]:
                left, right = st.columns(2, gap="large")
                with left:
                    curves.compared(some, "valid_loss", "validation loss")
                with right:
                    curves.compared(some, "accuracy", "validation accuracy")
