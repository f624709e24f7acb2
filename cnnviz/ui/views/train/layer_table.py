"""The layers of a plan's net as a table: output, cost, memory, and which of them learn; made once asked for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.train.plan import Plan
from cnnviz.ui.server import data_sets
from cnnviz.ui.views import layer_table
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.train.summary import Summary


def draw(wanted: Plan, name: str) -> None:
    """An expander that counts the layers only while it is open."""
    closed = st.expander("Layers", icon=":material/table_rows:", key="layers-open", on_change="rerun")
    with closed:
        if not closed.open:
            return
        with show.refusals(), st.spinner("Counting the layers"):
            found = _summary(wanted, len(data_sets.data_set(name).classes))
            _table(found, wanted.batch)


@functools.lru_cache(maxsize=32)
def _summary(wanted: Plan, classes: int) -> Summary:
    from cnnviz.train.summary import summary  # brings in torch, so only once somebody looks

    return summary(wanted, classes)


def _table(found: Summary, batch: int) -> None:
    layer_table.table(
        found.rows,
        lambda row: {"trainable": row.learns, "memory": row.memory / 2**10},
        {
            "trainable": st.column_config.TextColumn(help="Whether its weights are trained by this recipe"),
            "memory": st.column_config.NumberColumn(
                "output, KiB", format="%.1f", help="Bytes of the layer’s output for one image"
            ),
        },
    )
    one = found.input_bytes + found.pass_bytes
    show.facts(
        {
            "Input": " × ".join(map(str, found.input)),
            "Parameters": f"{found.parameters:,}",
            "Trainable": f"{found.trainable:,}",
            "Non-trainable": f"{found.parameters - found.trainable:,}",
            "Mult-adds": f"{found.mult_adds / 1e6:,.1f} M",
            "Weights": size(found.weight_bytes),
            "Forward/backward pass": size(found.pass_bytes),
            f"Total, batch size {batch}": size(found.weight_bytes + batch * one),
        }
    )


def size(count: int) -> str:
    """Bytes in MiB, as a person reads them."""
    return f"{count / 2**20:,.1f} MiB" if count < 1 << 30 else f"{count / 2**30:,.1f} GiB"
