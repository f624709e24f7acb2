"""Circles to be counted: some to look at, and a data set of them."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.data.counting import Counting, CountingError, draw, usual_name, write
from cnnviz.options import RequestError
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.widgets import show


def ask() -> str | None:
    """See some circles, then draw them all; the name of the data set once it is there."""
    left, right = st.columns([1, 1.4], gap="large")
    with left:
        low, high = st.slider(
            "Circles", 0, 60, (1, 5), key="circles-range", persist_state="session", help="One class for each number"
        )
        size = st.slider("Side, px", 32, 256, 128, 16, key="circles-size", persist_state="session")
        radius = st.slider("Radius, px", 1.5, 32.0, (4.0, 10.0), 0.5, key="circles-radius", persist_state="session")
        style = st.segmented_control(
            "Style",
            ("discs", "rings", "colours", "noise"),
            default="discs",
            key="circles-style",
            persist_state="session",
        )
        count = st.number_input("Images per class", value=500, key="circles-count", persist_state="session")
        seed = st.number_input("Seed", value=0, key="circles-seed", persist_state="session")
        wanted = None
        with show.refusals():
            asked = Counting(low, high, int(count), size, *radius, style=style or "discs", seed=int(seed))
            st.session_state["_circles"] = _some(asked)
            wanted = asked
    with right:
        if "_circles" in st.session_state:
            numbers, some = st.session_state["_circles"]
            show.image(picture.grid(some, 3), f"Examples of {numbers} circles")
            show.say(f"Circles: {numbers}" if wanted else f"Circles: {numbers}, by the last setting that fits")
        if not runs.public():
            name = _name(low, high)
            draws = st.button("Generate", type="primary", icon=":material/draw:", disabled=wanted is None)
            if draws and wanted is not None:
                with show.refusals():
                    place = data_sets.place_for(name)
                    write(place, wanted, show.counted("Generating"))
                    return place.name
    return None


def _name(low: int, high: int) -> str:
    """The name in the field, which follows the range until another is typed."""
    usual = usual_name(low, high)
    if st.session_state.get("circles-name") in (None, "", st.session_state.get("_circles-usual")):
        st.session_state["circles-name"] = usual
    st.session_state["_circles-usual"] = usual
    return st.text_input("Name", key="circles-name")


def _some(wanted: Counting) -> tuple[str, np.ndarray]:
    """A few of the numbers in words, and a picture of each, uint8 (n, S, S, 3). Raises `RequestError`."""
    rng = np.random.default_rng(wanted.seed)
    numbers = np.linspace(wanted.low, wanted.high, min(6, wanted.high - wanted.low + 1)).round().astype(int)
    try:
        some = [draw(int(n), wanted, rng) for n in numbers]
    except CountingError:
        raise RequestError(
            f"{wanted.low} to {wanted.high} circles of radius {wanted.smallest:g} to {wanted.largest:g} do not fit "
            f"into {wanted.size} × {wanted.size} pixels; choose fewer or smaller ones, or larger images."
        ) from None
    return ", ".join(map(str, numbers)), np.stack(some)
