"""Images from a camera: collected class by class, and saved as a data set."""

from __future__ import annotations

import streamlit as st

from cnnviz.data.frames import Frames, shares, told, write
from cnnviz.ui.components.camera import Heard, camera, take
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session.visit import this_visit
from cnnviz.ui.widgets import show

KEY = "camera-frames"
USUAL = "camera"  # what the data set is called where nothing else is typed


def ask() -> None:
    """The camera with the classes that are collected, and a button that saves them as a data set."""
    show.say(
        "Name two classes or more, start the camera, and hold the button of a class, with space or enter, too. Each "
        "hold is a burst: collect several, from other angles and places. The view is flipped horizontally; frames are "
        "its middle square, not flipped. They stay in this server's memory until you save them, and go with this tab."
    )
    _collect()


@st.fragment
def _collect() -> None:
    visit = this_visit()
    camera(KEY, visit.frames, visit.state(Heard), _hear)
    lacking = visit.frames.lacking()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", USUAL, key="camera-name", width=280)
        saves = st.button(
            "Save as data set", key="camera-save", type="primary", icon=":material/save:", disabled=bool(lacking)
        )
        st.button(
            "Delete all frames", key="camera-forget", icon=":material/delete:", disabled=not visit.frames,
            on_click=_forget,
        )  # fmt: skip
    show.say(lacking or " ".join(told(shares(visit.frames))))
    if saves and not runs.public():
        with show.refusals():
            st.session_state["_added"] = write(data_sets.place_for(name), visit.frames).name
            st.rerun()


def _hear() -> None:
    """Takes in what the camera told; strangers have none."""
    if not runs.public():
        take(this_visit().frames, this_visit().state(Heard), st.session_state[KEY].get("told"))


def _forget() -> None:
    this_visit().frames = Frames()
