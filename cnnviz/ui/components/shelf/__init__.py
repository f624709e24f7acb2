"""A shelf in the browser: what is large and seldom changes lies there, and travels apart from what changes often.

Streamlit sends a message that it sent before as a short reference, so an unchanged thing on the shelf costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from cnnviz.ui.components.shared import joiner

_shelf = st.components.v2.component("cnnviz_shelf", js=joiner.script(Path(__file__).parent / "index.js"))


def lay(name: str, data: dict[str, Any]) -> None:
    """Lay `data` on the shelf under a name; once on a page for each name."""
    _shelf(key=f"shelf-{name}".replace(" ", "-"), data={**data, "name": name}, height=1)
