"""Photos with a caption each in a grid: a click or Enter opens one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from cnnviz.ui.components.shared import joiner

HERE = Path(__file__).parent
_grid = st.components.v2.component(
    "cnnviz_photogrid", js=joiner.script(HERE / "index.js"), css=joiner.sheet(joiner.SHEET, HERE / "style.css")
)


@dataclass(frozen=True)
class Tile:
    """One photo: what tells it from the others, its image as an address, and what is written below."""

    ident: str
    source: str
    alt: str
    name: str
    label: str
    note: str


def photogrid(key: str, tiles: Sequence[Tile], on_open: Callable[[str], None]) -> None:
    """The grid; `on_open` hears the `ident` of the tile that was chosen."""
    known = {tile.ident for tile in tiles}

    def opened() -> None:
        chosen = st.session_state[key].get("opened")
        if chosen in known:
            on_open(chosen)

    _grid(key=key, data={"tiles": [asdict(tile) for tile in tiles]}, on_opened_change=opened)
