"""The frame around every page: list of pages, sidebar, presenter mode, style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import places
from cnnviz.ui.components import stagekeys
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, link
from cnnviz.ui.shell import activity, checkpoint_card, sidebar
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
    "<rect x='1' y='1' width='30' height='30' rx='6' fill='#0e0f12' stroke='#7d8490'/>"
    "<rect x='6' y='6' width='9' height='9' fill='#781c6d'/><rect x='17' y='6' width='9' height='9' fill='#ed6925'/>"
    "<rect x='6' y='17' width='9' height='9' fill='#320a5e'/>"
    "<rect x='17' y='17' width='9' height='9' fill='#fcffa4'/></svg>"
)
# section -> (file in pages/, title, icon, one line for the tooltip); pages that are not there yet are left out
PAGES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "": (("home", "Home", "home", "Prediction, evidence and feature maps"),),
    "Labs": (
        ("convolution", "Convolution lab", "grid_on", "A kernel slides over an image"),
        ("gabor", "Gabor lab", "waves", "One oriented filter, and a filter bank"),
        ("data", "Data", "photo_library", "Inspect the training data"),
        ("train", "Train", "model_training", "Train or fine-tune a network"),
    ),
    "Look inside": (
        ("activations", "Activations", "apps", "Feature maps of every channel in a layer"),
        ("filters", "Filters", "texture", "Images that maximise each channel"),
        ("class_activation", "Class activation", "local_fire_department", "Which parts of the photo support a class"),
        ("time_machine", "Time machine", "history", "Snapshots of a training run"),
    ),
    "Teach": (("lecture", "Lecture", "school", "Scenes in an order"),),
}
LAYERS = ("layer", "at")  # what pages call their layer in a link
APART = ("model", "photo", *LAYERS)  # what has sentences of its own where it is unknown


def run() -> None:
    """One visit of one page: frame, then the page."""
    with startup.listing_once():
        _run()


def _run() -> None:
    current.enter()
    link.arrive()
    presenting = controls.linked_tick("present")
    st.set_page_config(page_icon=ICON, layout="wide", initial_sidebar_state="expanded" if presenting else "auto")
    pages = _pages()
    page = st.navigation(pages, expanded=True)
    link.arrive()  # the first run of a visit learns only now which page it is of
    st.logo(ICON, size="large")
    if presenting:
        _stage([p for group in pages.values() for p in group], page)
    unknown = st.empty()
    about, foot = sidebar.draw()
    with st.sidebar:  # the last of it, at its lower edge: what begins to run moves nothing
        free = activity.draw(st.empty())
    try:
        with show.refusals():  # pages ask under this edge of their own accord, so that the rest of them stays
            page.run()
    finally:  # also where a page stops early: by now the engine is loaded and can name its device
        if free is not None:  # what the page itself began
            activity.draw(free)
        with about:
            checkpoint_card.draw()
        with foot:
            sidebar.foot()
        if told := " ".join(filter(None, (sidebar.unknown_photo(), _unknown_layer(), link.strange(apart=APART)))):
            unknown.container(key="unknown").warning(show.plain(told), icon=":material/link_off:")


def _unknown_layer() -> str:
    """A sentence where a link names a layer that the network does not have, until another one is picked; else ""."""
    said = next(filter(None, map(link.strange_of, LAYERS)), None)
    if said is None or not startup.START.ready():
        return ""
    title = current.engine().model(current.model()).title
    return f"There is no layer {said.text[:60]!r} in {title}; {said.instead} is shown."


def _pages() -> dict[str, list[StreamlitPage]]:
    found: dict[str, list[StreamlitPage]] = {}
    for section, entries in PAGES.items():
        there = [
            st.Page(path, title=title, icon=f":material/{icon}:", help=help, default=file == "home", url_path=file)
            for file, title, icon, help in entries
            if (path := places.page(file)).is_file()
        ]
        if there:
            found[section] = there
    return found


def _stage(pages: list[StreamlitPage], page: object) -> None:
    """Presenter mode's bar: the sidebar as a drawer, the pages before and after, and the way out, each by a key too."""
    view = {**current.view(), "present": "true"}
    here = next((i for i, p in enumerate(pages) if p == page), 0)
    with st.container(key="stage"):
        if st.button("Previous page", key="stage-back"):
            st.switch_page(pages[(here - 1) % len(pages)], query_params=view)
        if st.button("Next page", key="stage-next"):
            st.switch_page(pages[(here + 1) % len(pages)], query_params=view)
        stagekeys.listen("stage-back", "stage-next", "present")
