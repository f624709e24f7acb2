"""Widgets whose value stands in the page's link, and comes back with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import streamlit as st

from cnnviz.ui.session.visit import OWN, Choices, T, page, this_visit


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
    if url is None and not touched and not echo and last.stood and last.page == page():
        value = default if last.entry is None else last.entry
    good = value is not None and allowed(value)
    here = key in st.session_state and last.page == page()  # else it is the widget of another page, about to be dropped
    if not here or st.session_state[key] != (value if good else default):
        st.session_state[key] = value if good else default


def noted_of(key: str) -> Note:
    """The note about the widget `key`; an empty one before it ever was."""
    last: Note = st.session_state.get("_notes", {}).get(key, Note())
    return last


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
    if arrived := last.page != page():
        entry = None if url is not None or last.page is None else value
    notes = st.session_state.setdefault("_notes", {})
    notes[key] = Note(value, stale, stamp, page(), entry, wanted is not None)
    if url is None and not arrived and entry is not None and value == entry:
        return  # the link means it already; written out, it would be one more step on the browser's way back
    if wanted is None and url is not None:
        del st.query_params[key]
    elif wanted is not None and url != wanted:
        st.query_params[key] = wanted


def _text(value: Any) -> str:
    """A value as it stands in a link."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def linked_of(key: str, of: Hashable, default: T, allowed: Callable[[T], bool], parse: Callable[[str], T]) -> None:
    """As `linked`, for a value of `of`: what was chosen there before, or the link says, else the default.

    Where nobody has chosen, a new default is followed.
    """
    choices = this_visit().choices.setdefault(key, Choices())
    if choices.now is not None and not _followed(key):
        of_then, default_then = choices.now
        if of_then != of:
            st.session_state[key] = choices.chosen.get(of, default)
        elif noted(key) == default_then:
            st.session_state[key] = default
    linked(key, default, allowed, parse)
    value = st.session_state[key]
    choices.now = of, default
    if value != default:
        choices.chosen[of] = value
    else:
        choices.chosen.pop(of, None)


def _followed(key: str) -> bool:
    """Whether the address has a value that is none of this visit's own: somebody follows a link."""
    url = st.query_params.get(key)
    note = noted_of(key)
    return url is not None and url not in (str(note.value), note.stale)
