"""A text goes to the clipboard, where the browser allows it, and by the older way on a page without https."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cnnviz.ui.components.shared import joiner

HERE = Path(__file__).parent
_copier = st.components.v2.component(
    "cnnviz_copier", js=joiner.script(HERE / "index.js"), css=joiner.sheet(HERE / "style.css")
)


def copier(key: str, text: str) -> None:
    """A button that copies a text; it does so of itself when it comes into sight, as the click that opened it asked."""
    _copier(key=key, data={"text": text})
