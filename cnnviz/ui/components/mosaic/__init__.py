"""A mosaic that answers: hover names a channel, a click or the arrow keys choose one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components.shared import joiner
from cnnviz.ui.components.shared.subject import subject
from cnnviz.ui.components.shared.told import whole

HERE = Path(__file__).parent
_mosaic = st.components.v2.component(
    "cnnviz_mosaic",
    html='<div class="mosaic"></div>\n',
    css=joiner.sheet(HERE / "style.css"),
    js=joiner.script(HERE / "index.js"),
)


def mosaic(
    key: str,
    tiles: np.ndarray,
    *,
    columns: int,
    names: Sequence[str],
    chosen: int | None,
    gap: int,
    alt: str,
    on_choose: Callable[[], None],
    link: str = "",
) -> None:
    """The mosaic `tiles` (H, W, 3) with one name for each tile; `on_choose` runs after a tile was chosen.

    Where none is `chosen`, none is framed. Mosaics of one `link` are pointed at together.
    The place of the tile that was chosen is `st.session_state[key]["place"]`.
    """
    height, width = tiles.shape[:2]
    data = {
        "subject": subject(tiles, names, columns, gap, alt),
        "src": picture.address(tiles, 92),
        "columns": columns,
        "rows": -(-len(names) // columns),
        "gap": gap,
        "width": width,
        "height": height,
        "names": list(names),
        "chosen": chosen,
        "alt": alt,
        "key": key,
        "link": link,
    }

    def told() -> None:
        if whole(st.session_state[key].get("place"), 0, len(names) - 1) is not None:
            on_choose()

    _mosaic(key=key, data=data, on_place_change=told)
