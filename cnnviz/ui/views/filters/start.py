"""Whether a gallery begins by itself: what is quick does, what takes minutes waits for a click and previews itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.ui.server.jobs import JOBS
from cnnviz.ui.views.filters import gallery
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    import numpy as np

    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.feature_vis import Effort

STYLE = Path(__file__).with_name("filters.css")
UNASKED = 20.0  # seconds of work that begin without a click
FEW, SHORT = 4, 16  # channels and steps of a preview


def style() -> None:
    """The look of the page; once on it."""
    st.html(f"<style>{STYLE.read_text()}</style>")


def keep_place(key: str, image: np.ndarray) -> None:
    """Keep the place of an image (h, w, 3) that a component draws later, as wide as its column and at most --tall."""
    height, width = image.shape[:2]
    st.html(f"<style>.st-key-{key} {{ aspect-ratio: {width} / {height}; max-height: var(--tall); }}</style>")


def gallery_shown(engine: Engine, request: gallery.Request, photo: Photo | None) -> gallery.Request | None:
    """The gallery that is drawn: what was asked, or until somebody starts it a preview; None where that is long, too.

    A preview stands under a sentence that says how long the whole takes, and a button that starts it.
    """
    if JOBS.get(request) is not None or st.session_state.get("_started") == request:
        return request
    whole = effort(engine, request, photo)
    if whole.seconds <= UNASKED:
        return request
    short = replace(request.ascent, steps=min(SHORT, request.ascent.steps))
    preview = replace(request, channels=request.channels[:FEW], ascent=short)
    quick = effort(engine, preview, photo).seconds <= UNASKED
    with st.container(key="filters-start", horizontal=True, vertical_alignment="center"):
        st.button("Start", type="primary", icon=":material/play_arrow:", on_click=_start, args=(request,), width=110)
        many, steps = len(request.channels), request.ascent.steps
        what = f"{many} image{'s' * (many > 1)}, {steps} steps each: about {duration(whole.seconds)}."
        few = len(preview.channels)
        shown = f" Below, a preview of {few} channel{'s' * (few > 1)} with {short.steps} steps." if quick else ""
        show.say(what + shown)
    return preview if quick else None


def effort(engine: Engine, request: gallery.Request, photo: Photo | None) -> Effort:
    """What of a request is still to be computed, and how long that takes."""
    layer = None if request.layer == "logits" else request.layer
    return engine.effort(request.model, layer, request.channels, request.ascent, photo)


def duration(seconds: float) -> str:
    """About how long: "40 s", "3 min", "2 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds / 5)) * 5} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _start(request: gallery.Request) -> None:
    st.session_state["_started"] = request
