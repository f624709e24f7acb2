"""The layers of a network as a table: output shape, parameters, multiply-adds; of one without weights, too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from cnnviz.ui.session import current, networks
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.inference.layers import Layer, LayerTable
    from cnnviz.train.summary import LayerRow

Row = TypeVar("Row", bound="Layer | LayerRow")


def draw(key: str) -> None:
    """An expander with the layers of the network picked, or of any other; counted only while it is open."""
    closed = st.expander("Layers", icon=":material/table_rows:", key="layer-table", on_change="rerun")
    with closed:
        if not closed.open:
            return
        titles = {row.key: row.title for row in networks.rows()}
        if key not in titles:
            return
        named = controls.pick("Network of the table", "layers-of", list(titles), key, words=titles.__getitem__)
        with show.refusals(), st.spinner("Counting the layers"):
            found = counted(named)
            table(found.layers)
            maps = sum(row.parameters for row in found.layers if len(row.shape) == 3)
            show.facts(
                {
                    "Input": " × ".join(map(str, found.input)),
                    "Parameters": f"{found.total_parameters:,}",
                    "Of layers with feature maps": f"{maps:,}",
                    "Mult-adds": f"{found.total_mult_adds / 1e6:,.1f} M",
                }
            )


def counted(key: str) -> LayerTable:
    """The layers of a network; where its weights would have to be downloaded, it is counted without. `RequestError`."""
    engine = current.engine()
    if any(row.key == key and row.where == "download" for row in networks.rows()):
        return _without_weights(key)
    return engine.layers(key)


@functools.lru_cache(maxsize=32)
def _without_weights(key: str) -> LayerTable:
    from cnnviz.inference import layers  # brings in torch, so only once somebody looks
    from cnnviz.models.load import blueprint

    return layers.table(*blueprint(key))


def table(
    rows: Sequence[Row],
    more: Callable[[Row], Mapping[str, Any]] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> None:
    """The rows in the order they run; `more` gives further columns of a row, and `columns` says how they are shown."""
    st.dataframe(
        [
            {
                "layer": row.name, "kind": row.kind, "output": " × ".join(map(str, row.shape)),
                "parameters": row.parameters, "mult-adds": row.mult_adds, **(more(row) if more else {}),
            }
            for row in rows
        ],
        hide_index=True, height=show.tall(len(rows), 11), alt="The layers in the order they run",
        column_config={
            "layer": st.column_config.TextColumn(pinned=True),
            "parameters": st.column_config.NumberColumn(format="localized"),
            "mult-adds": st.column_config.NumberColumn(format="compact", help="For one image"),
            **(columns or {}),
        },
    )  # fmt: skip
