"""Presenter mode's keys: arrows, PageUp and PageDown (a remote's keys) change pages, Escape ends it.

Streamlit's own shortcuts know one key for each button, and take it also from whatever has the focus.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz.ui.components.shared import joiner

_keys = st.components.v2.component("cnnviz_stagekeys", js=joiner.script(Path(__file__).parent / "index.js"))


def listen(back: str, ahead: str, out: str) -> None:
    """Have the keys press the widgets of these Streamlit keys: the page before, the page after, and out of the mode."""
    _keys(key="stagekeys", data={"back": back, "ahead": ahead, "out": out}, height=1)
