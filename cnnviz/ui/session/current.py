"""What a visit knows: the current photo and net, and what stands in its link.

Pages use `photo()`, `model()` and `engine()`; widgets that belong in the link go through `linked` and `note`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from cnnviz.options import RequestError
from cnnviz.photo import CROPS, Crop, Photo
from cnnviz.ui.server import startup
from cnnviz.ui.session import networks, photos, visit
from cnnviz.ui.session.link import _text, needless, noted
from cnnviz.ui.session.photos import STORES, own_photos

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine


def enter() -> None:
    """Begin a run of the script: have the engine loaded, and what a visit brought forgotten once its tab is closed."""
    startup.START.begin()
    visit.this_visit().runs += 1
    photos.watched(*(photos.photo_store(name) for name in STORES), networks.store())


def engine() -> Engine:
    """The engine of this server; the first visitors wait for it under a sentence that says so.

    Where it cannot be loaded, the page ends here with the reason.
    """
    try:
        if startup.START.ready():
            return startup.START.engine()
        with st.spinner("Loading PyTorch, a few seconds, once after the server starts"):
            return startup.START.engine()
    except RequestError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def model() -> str:
    """The key of the current net: the one picked, or where that refused to load, the last one that did."""
    picked = model_picked()
    asked, loaded = st.session_state.get("_model_loaded", (None, None))
    return loaded if loaded and asked == picked else picked


def model_picked() -> str:
    """The key of the net picked in the sidebar."""
    return noted("model") or startup.first(startup.rows())


def use_model(key: str | None) -> None:
    """Remember the net that did load."""
    st.session_state["_model_loaded"] = model_picked(), key


def photo() -> Photo:
    """The current photo: a sample, or one of the visitor's own; with the crop that was chosen."""
    name, mine = noted("photo"), own_photos()
    found = mine[name] if name in mine else startup.sample(name if name in startup.photos() else startup.photos()[0])
    return found.with_crop(crop())


def crop() -> Crop:
    """How photos fit the network's input on this visit."""
    way, at = noted("crop"), noted("crop-at")
    if way == "move":
        return "centre" if at is None else float(at)
    return way if way in CROPS else "centre"


def presenting() -> bool:
    """Whether the view is for a lecture hall: big type, no sidebar, no prose."""
    return bool(st.session_state.get("present", False))


def choose(photo: Photo) -> None:
    """Make a photo the current one: a sample, or one that this visit brought to whichever page."""
    mine, photo = photos.photo_store(STORES[0]), photo.with_crop("centre")  # the crop is the visit's, not the photo's
    name = next((name for name, one in mine.items() if one.digest == photo.digest), None)
    if name is None and photo.personal:
        name = photos.next_name()
        photos.put(mine, name, photo)
    st.session_state["photo"] = name or photo.name


def view() -> dict[str, str]:
    """The net and the photo as a link names them, unless they are the first; a personal photo is never part of it."""
    shown, rows = {}, startup.rows()
    if not (model() == startup.first(rows) == startup.opening(rows)):
        shown["model"] = model()
    if not photo().personal and photo().name != startup.photos()[0]:
        shown["photo"] = photo().name
    if (way := crop()) != "centre":
        shown |= {"crop": way} if isinstance(way, str) else {"crop": "move", "crop-at": str(way)}
    return shown


def link(page: str, **params: Any) -> str:
    """The whole address of a page showing what is shown now; what it would show anyway is not in it."""
    here = "/".join((st.context.url or "http://localhost:8501/").split("/")[:3])
    query = urlencode(view() | {k: _text(v) for k, v in params.items() if not needless(k, v)}, safe="/")
    return f"{here}/{page}" + f"?{query}" * bool(query)
