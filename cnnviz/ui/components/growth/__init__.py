"""A filter image as it grew: every step under the finger, before at the left end, after at the right, and a Play."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from cnnviz.picture import data_url
from cnnviz.ui.components.shared import joiner
from cnnviz.ui.components.shared.subject import subject

HERE = Path(__file__).parent
_growth = st.components.v2.component(
    "cnnviz_growth",
    html='<div class="growth"></div>\n',
    css=joiner.sheet(HERE / "style.css"),
    js=joiner.script(HERE / "index.js"),
)


def growth(key: str, frames: Sequence[bytes], steps: Sequence[int], values: Sequence[float], *, alt: str) -> None:
    """Pictures as JPEG, after which step each was, 0 for the first, and the objective before and after every step."""
    _growth(
        key=key,
        data={
            "subject": subject(frames, steps, values, alt),
            "frames": [*map(data_url, frames)],
            "steps": list(steps),
            "values": [float(f"{v:.9g}") for v in values],
            "alt": alt,
        },
    )
