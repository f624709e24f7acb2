"""Presenter mode's bar and keys: M opens the drawer with network and photo, arrows and a remote's keys change pages.

Streamlit's own shortcuts know one key for each button, and take it also from whatever has the focus.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz.ui.components.shared import joiner

HERE = Path(__file__).parent
_keys = st.components.v2.component(
    "cnnviz_stagekeys", js=joiner.script(HERE / "index.js"), css=joiner.sheet(HERE / "style.css")
)


def listen(back: str, ahead: str, out: str) -> None:
    """Draw the bar; it presses the widgets of these Streamlit keys: the page before, the page after, out of the mode.

    The sidebar opens over the page while the document's element has the class `cv-drawer`.
    """
    _keys(key="stagekeys", data={"back": back, "ahead": ahead, "out": out})
