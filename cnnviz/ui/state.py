"""What a visit knows: the current photo and net, and what stands in its link.

Pages use `photo()`, `model()` and `engine()`; widgets that belong in the link go through `linked` and `note`.
"""

from __future__ import annotations

import contextlib
import runpy
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz.options import RequestError
from cnnviz.photo import Photo, PhotoError, samples
from cnnviz.ui import jobs, luggage, start

if TYPE_CHECKING:
    from cnnviz.engine import Engine

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
SIDE = 2048  # px: what is kept of an uploaded photo; 12 MiB each at most
MOST = 24  # photos of a visit; `luggage.ROOM` bounds those of all visits together
OWN = "own"  # all that a link says of a visitor's own photo
BAGS = ("_mine", "_many")  # the photos of the sidebar, and those of the pages that take many
DECODING = threading.BoundedSemaphore(2)  # 50 megapixels take 200 MiB while they are decoded


class Note(NamedTuple):
    """What a widget last had: its value, what the link said before that and when it changed; and where that was.

    `page` is where it was drawn last, and `entry` what was brought along to there from another page: what a link to the
    page means that does not name it; else that means the default. `stood` says that the link did name it.
    """

    value: Any = None
    stale: str | None = None
    stamp: float = 0.0
    page: str | None = None
    entry: Any = None
    stood: bool = False


def enter() -> None:
    """Mark this run as having come through app.py; its first line."""
    start.START.begin()
    setattr(get_script_run_ctx(), "cnnviz_entered", True)  # noqa: B010
    luggage.watched(*(luggage.bag(name) for name in BAGS))


def guard() -> None:
    """A page's first line: where a fresh server was asked for the page itself, go through app.py all the same."""
    context = get_script_run_ctx()
    whole = context is None or Path(context.main_script_path).resolve() == ROOT / "app.py"
    if whole and not getattr(context, "cnnviz_entered", False):
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
        st.stop()


def engine() -> Engine:
    """The engine of this server; the first visitors wait for it under a sentence that says so.

    Where it cannot be loaded, the page ends here with the reason.
    """
    try:
        if start.START.ready():
            return start.START.engine()
        with st.spinner("Loading PyTorch, a few seconds, once after the server starts"):
            return start.START.engine()
    except RequestError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def model() -> str:
    """The key of the current net: the one picked, or where that refused to load, the last one that did."""
    return st.session_state.get("_model_loaded") or model_picked()


def model_picked() -> str:
    """The key of the net picked in the sidebar."""
    return noted("model") or start.first(start.rows())


def use_model(key: str | None) -> None:
    """Remember the net that did load."""
    st.session_state["_model_loaded"] = key


def photo() -> Photo:
    """The current photo: a sample, or one of the visitor's own."""
    name, mine = noted("photo"), own_photos()
    return mine[name] if name in mine else Photo.sample(name if name in samples() else samples()[0])


def visit() -> str:
    """What tells this visit from all others."""
    return getattr(get_script_run_ctx(), "session_id", "")


def own_photos() -> dict[str, Photo]:
    """The photos this visit brought along, by the name they have in its link (mine-1, mine-2, ...)."""
    return dict(luggage.bag("_mine"))


def bring(files: Sequence[Any]) -> list[str]:
    """Take uploaded files in and make the last good one the current photo; a sentence for each that is refused.

    What is kept is pixels: the files themselves are let go, refused or not.
    """
    bag, refused = luggage.bag("_mine"), []
    for file in files:
        try:
            if len(bag) >= MOST:
                raise PhotoError(f"{file.name}: {MOST} photos are kept at most; forget some first.")
            with DECODING:
                taken = Photo.open(file, name=file.name, side=SIDE)
        except PhotoError as error:
            refused.append(str(error))
            continue
        finally:
            luggage.let_go(file)
        name = next((n for n, p in list(bag.items()) if p.digest == taken.digest), None)
        if name is None:
            st.session_state["_brought"] = count = st.session_state.get("_brought", 0) + 1
            luggage.put(bag, name := f"mine-{count}", taken)
        st.session_state["photo"] = name
    return refused


def forget_photos() -> None:
    """Drop this visit's photos and files, pictures made of them, and all the engine derived from personal photos."""
    for name in BAGS:
        luggage.bag(name).clear()
    luggage.let_all_go()
    jobs.JOBS.forget_personal(visit())
    kept().clear()
    st.session_state["photo"] = samples()[0]
    if engine := start.START.loaded():
        engine.purge()


def kept() -> dict[str, Any]:
    """The last good question of each place on the pages, and thumbnails of the visit's own photos."""
    return st.session_state.setdefault("_kept", {})


def linked(key: str, default: T, allowed: Callable[[T], bool], parse: Callable[[str], T]) -> None:
    """Before the widget `key`: give it the value in the link, else what it last had, else the default.

    Unlike `bind=`, the link holds the value and not its label, and it may be written by `st.query_params`. What stood
    in the link of this very page and stands there no longer was undone: by the browser's way back.
    """
    last = noted_of(key)
    before = last.value
    url, value = st.query_params.get(key), st.session_state.get(key, before)
    touched = key in st.session_state and before is not None and st.session_state[key] != before
    echo = url == last.stale and time.monotonic() - last.stamp < 2  # the browser had not heard of our last change yet
    if url is not None and not touched and not echo and url != _text(before):
        with contextlib.suppress(ValueError):
            value = parse(url) if allowed(parse(url)) else value
    if url is None and not touched and not echo and last.stood and last.page == _page():
        value = default if last.entry is None else last.entry
    good = value is not None and allowed(value)
    if st.session_state.get(key) != (value if good else default) or key not in st.session_state:
        st.session_state[key] = value if good else default


def noted_of(key: str) -> Note:
    """The note about the widget `key`; an empty one before it ever was."""
    return st.session_state.get("_notes", {}).get(key, Note())


def noted(key: str) -> Any:
    """The value of the widget `key`, also on a page or in a mode that does not draw it; None before it ever was."""
    return st.session_state.get(key, noted_of(key).value)


def note(key: str, default: Any, secret: bool = False) -> None:
    """After the widget `key`: keep its value over page switches, and put it in the link unless it is the default.

    What is `secret` is kept for this visit alone and never stands in a link; there, it is called `OWN`.
    """
    value, url, last = st.session_state[key], st.query_params.get(key), noted_of(key)
    wanted = OWN if secret else None if value == default else _text(value)
    stale, stamp, entry = last.stale, last.stamp, last.entry
    if last.value != value or url != wanted:
        stale, stamp = url, time.monotonic()
    if arrived := last.page != _page():
        entry = None if url is not None or last.page is None else value
    notes = st.session_state.setdefault("_notes", {})
    notes[key] = Note(value, stale, stamp, _page(), entry, wanted is not None)
    if url is None and not arrived and entry is not None and value == entry:
        return  # the link means it already; written out, it would be one more step on the browser's way back
    if wanted is None and url is not None:
        del st.query_params[key]
    elif wanted is not None and url != wanted:
        st.query_params[key] = wanted


def _page() -> str:
    """What tells the current page from the others."""
    return getattr(get_script_run_ctx(), "page_script_hash", "")


def _text(value: Any) -> str:
    """A value as it stands in a link."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def view() -> dict[str, str]:
    """The net and the photo as a link names them; a personal photo is never part of it."""
    shown = {"model": model()}
    if not photo().personal:
        shown["photo"] = photo().name
    return shown


def link(page: str, **params: Any) -> str:
    """The whole address of a page showing what is shown now."""
    here = "/".join((st.context.url or "http://localhost:8501/").split("/")[:3])
    query = urlencode(view() | {name: _text(value) for name, value in params.items()}, safe="/")
    return f"{here}/{page}?{query}"
