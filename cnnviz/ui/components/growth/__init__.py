"""A filter image as it grew: every step under the finger, before at the left end, after at the right, and a Play."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_growth = st.components.v2.component(
    "cnnviz_growth",
    html='<div class="growth"></div>\n',
    css=(HERE / "style.css").read_text(encoding="utf-8"),
    js=(HERE / "index.js").read_text(encoding="utf-8"),
)


def growth(key: str, frames: Sequence[bytes], steps: Sequence[int], values: Sequence[float], *, alt: str) -> None:
    """Pictures as JPEG, after which step each was, 0 for the first, and the objective before and after every step."""
    coded = ["data:image/jpeg;base64," + base64.b64encode(frame).decode() for frame in frames]
    _growth(
        key=key, data={"frames": coded, "steps": list(steps), "values": [float(f"{v:.5g}") for v in values], "alt": alt}
    )
