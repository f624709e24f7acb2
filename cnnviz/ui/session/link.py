"""Widgets whose value stands in the page's link, and comes back with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Hashable
from typing import Any, NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz.ui.session import address
from cnnviz.ui.session.visit import OWN, Choices, Strange, T, alone, held, page, this_visit

SHARED = ("model", "photo", "crop", "crop-at", "present", "set", "run")  # what is chosen for all pages at once

NEVER = -2  # before any run


class Note(NamedTuple):
    """What a widget last had: its value, and where that was.

    `stay` tells during which stay on a page it was drawn last, `entry` what was brought along to there: what a link to
    the page means that does not name it; else that means the default. `stood` says that the link did name it, `run`
    by which run of the whole script, or since which, the widget was drawn.
    """

    value: Any = None
    stay: int = 0
    entry: Any = None
    stood: bool = False
    run: int = NEVER


NOBODYS = Note()


def arrive() -> None:
    """Once a run, when its page is known: count the stays, so that coming to a page is told from changing it."""
    mine, here = this_visit(), page()
    if here and mine.page != here:
        mine.page, mine.stay = here, mine.stay + 1
        mine.strange.clear()
        address.turn()


def linked(key: str, default: T, allowed: Callable[[T], bool], parse: Callable[[str], T]) -> None:
    """Before the widget `key`: give it the value in the link, else what it last had, else the default.

    Unlike `bind=`, the link holds the value and not its label, and it may be written by `st.query_params`. A link says
    what it sets: whatever it does not name is as it was left, by whatever way one comes. Only who goes back in the
    browser without leaving the page undoes a change: what the address named and names no longer.
    """
    last, mine = noted_of(key), this_visit()
    mine.defaults[key] = _text(default)
    before, stays = last.value, last.stay == mine.stay
    url, value = st.query_params.get(key), st.session_state.get(key, before)
    new = not last.stay  # never drawn: what stands there was put there by a callback, such as a plan's
    touched = key in st.session_state and (new or before is not None) and st.session_state[key] != before
    if not (stays or touched or key in SHARED):  # another page may have a widget of the same name
        before = value = mine.kept.get((mine.page, key), before)
    echo = address.echo() and stays
    if url is not None and not touched and not echo and url != _text(before):
        try:
            found = parse(url)
            good = allowed(found)
        except ValueError:
            good = False
        if good:
            value = found
    else:
        good = True
    if url is None and not touched and not echo and last.stood and stays and address.went_back():
        value = default if last.entry is None else last.entry
    if value is None or not allowed(value):
        value = default
    # a widget that is drawn again takes its first value in the browser, unless it is told another in the same run
    if not (stays and _on_the_page(last)) or key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    if not good and url:
        mine.strange[key] = Strange(url, value)


def alias(name: str, key: str) -> None:
    """Before the widget `key`: what a link says under another page's `name` for the same is said under its own."""
    told = st.query_params.get(name)
    if told is None or address.echo():
        return
    if key not in st.query_params:
        address.write(key, told)
    address.write(name, None)


def called(key: str, words: str) -> None:
    """After `linked`, of a widget whose options have names: where the value is called otherwise than before, say so.

    The browser knows its choice by that name alone, shows it while it is told nothing else, and sends it at the next
    change: by then it would be none of the options, and the default would be taken. Another kind of widget under the
    same key, as a list on a stage where there was a row of buttons, knows nothing of the choice until it is told.
    """
    marks, mark = this_visit().names, hash(words)  # the name itself may be of somebody's photo
    if marks.get(key, mark) != mark:
        st.session_state[key] = st.session_state[key]
    marks[key] = mark


def settle(key: str, value: Any) -> None:
    """In a callback: give the widget `key` of the page a value, whatever was chosen there before, or of anything."""
    mine = this_visit()
    st.session_state[key] = mine.kept[mine.page, key] = value
    mine.choices.pop(key, None)


def strange_of(key: str) -> Strange | None:
    """What the link names for the widget `key` and it cannot have; None where there is nothing, or it was replaced."""
    said = this_visit().strange.get(key)
    return said if said is not None and st.session_state.get(key) == said.instead else None


def strange(apart: Collection[str] = ()) -> str:
    """What the link names and its page does not have, in one sentence; "" where there is nothing, or it was replaced.

    `apart` are widgets with a sentence of their own.
    """
    named = {
        key: said.text for key in this_visit().strange if key not in apart and (said := strange_of(key)) is not None
    }
    listed = ", ".join(f"{key} {text[:60]!r}" for key, text in named.items())
    return (
        f"The link names what is not available here ({listed}); the page shows something else instead." if named else ""
    )


def noted_of(key: str) -> Note:
    """The note about the widget `key`; an empty one before it ever was."""
    return held("_notes", dict[str, Note]).get(key, NOBODYS)


def noted(key: str) -> Any:
    """The value of the widget `key`, also on a page or in a mode that does not draw it; None before it ever was."""
    return st.session_state.get(key, noted_of(key).value)


def note(key: str, default: Any, secret: bool = False) -> None:
    """After the widget `key`: keep its value over page switches, and put it in the link unless it is the default.

    What is `secret` is kept for this visit alone and never stands in a link; there, it is called `OWN`.
    """
    value, url, last = st.session_state[key], st.query_params.get(key), noted_of(key)
    wanted = OWN if secret else None if value == default else _text(value)
    entry, stay = last.entry, this_visit().stay
    if last.stay != stay:
        entry = None if url is not None or not last.stay else value
    this_visit().kept[this_visit().page, key] = value
    this_visit().defaults[key] = None if default is None else _text(default)
    held("_notes", dict[str, Note])[key] = Note(
        value, stay, entry, wanted is not None, this_visit().runs if _drawn(key) else NEVER
    )
    address.write(key, wanted)


def stand(key: str, text: str, default: str) -> None:
    """Put what a component shows into the link, unless it is the default; a component keeps its own state."""
    this_visit().defaults[key] = default
    address.write(key, None if text == default else text)


def needless(key: str, value: Any) -> bool:
    """Whether a link can leave a value out, because the page shows it without being told."""
    return value is None or _text(value) == this_visit().defaults.get(key)


def _on_the_page(last: Note) -> bool:
    """Whether a widget stood there when this run began: drawn by the last run of the whole script, or since."""
    return last.run >= this_visit().runs - (not alone())


def _drawn(key: str) -> bool:
    """Whether the widget `key` is on the page in this run; where Streamlit does not tell, it is."""
    with contextlib.suppress(AttributeError):
        return key in get_script_run_ctx().shared.widget_user_keys_this_run.snapshot()  # type: ignore[union-attr]
    return True


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
    return url not in (None, _text(noted_of(key).value)) and not address.echo()
