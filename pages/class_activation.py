"""Class activation: which parts of the photo support a class, and how far the map can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.ui.components import camcanvas
from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.server import startup
from cnnviz.ui.session import current
from cnnviz.ui.views.class_activation import beside, evidence, gallery, question
from cnnviz.ui.views.class_activation.answer import Places, answer
from cnnviz.ui.views.class_activation.overlay import CANVAS
from cnnviz.ui.views.class_activation.question import Case, Question
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap

ON_STAGE = ("Map", "Contributions")  # what presenter mode shows, one at a time


# say
evidence.style()
stage = show.presenting()
title, how_many = st.columns(
    [1, 2] if stage else [2.4, 1], vertical_alignment="top" if stage else "bottom", gap="medium"
)
with title:
    show.head("Class activation", "Which parts of the photo support a class.")
engine, photo = current.engine(), current.photo()
key = show.required_net()


@st.fragment
@startup.listing_once()
@show.refusals()
def one_photo() -> None:
    """The map over the photo, beside it predictions and controls, beneath it the checks."""
    if current.photo().digest != photo.digest:
        st.rerun()  # the whole page: the crop was moved, and what runs by itself here holds the photo from before
    said = show.asked("cam-said", partial(engine.predict, key, photo, top=1_000_000), "Running the network")
    if said is None:
        return
    with st.container(key="offstage-map" if drilled else "map"):
        left, right = st.columns([2.4, 1], gap="medium")
    below = st.container()
    bars = right.container()
    places = Places(left.container(gap="xsmall", key="camplace"), below, bars, bars.container())
    places.map.html("<i></i>")  # an empty place would have no height

    # ask
    begin, erased = Look(), False
    if not drilled:
        begin = evidence.looking(CANVAS, photo)
        erased = bool(camcanvas.left(begin, photo, CANVAS).strokes)
    with right:
        asked = question.ask(engine, key, said, erased)
        with evidence.offstage("compare"):
            found = beside.ask(engine, key, {p.index: p.label for p in said}, asked)
            pair = found is not None and beside.one_scale(found)

    # compute
    draw = partial(answer, Case(engine, key, photo, said, asked, begin, found, pair, drilled), places)
    with below if drilled else right:  # the last of its column: the bar may come and go without moving anything
        heat = mapped(asked, lambda before: draw(before, None, waits=True))
        other = None
        if heat is not None and found is not None:
            other = beside.second(engine, key, found, heat, asked, lambda before: draw(heat, before, waits=True))

    # show
    draw(heat, other)


def mapped(asked: Question, draw: Callable[[Heatmap | None], None]) -> Heatmap | None:
    """The map that answers the question; `draw` shows the one before meanwhile."""
    ask = partial(
        engine.heatmap, key, photo, asked.target, asked.layer, asked.method, asked.given, versus=asked.versus,
        against=asked.against,
    )  # fmt: skip
    of = engine.model(key).fingerprint, photo.digest, *astuple(asked)
    return patiently("cam", ask, f"{startup.methods()[asked.method].title} on {photo.name}", of, draw)


drilled, views = False, how_many.container()
with how_many.container(key="offstage-photos"):
    mode = controls.switch("Photos", "how-many", [gallery.ONE, gallery.MODE], gallery.ONE, label_visibility="collapsed")
if stage and mode == gallery.ONE:
    with views:
        view = controls.switch("View", "stage-view", ON_STAGE, ON_STAGE[0], label_visibility="collapsed")
        drilled = view != ON_STAGE[0]
if mode == gallery.ONE:
    one_photo()
else:
    gallery.gallery(engine, key)
