"""A choice that means something of one net or layer alone: of another it is not believed, and there it waits."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from cnnviz.ui import state

T = TypeVar("T")


def linked(key: str, of: Hashable, default: T, allowed: Callable[[T], bool], parse: Callable[[str], T]) -> None:
    """As `state.linked`, for a value of `of`: what was chosen there before, or the link says, else the default.

    Where nobody has chosen, a new default is followed.
    """
    kept = state.kept().setdefault(f"{key} of", {"now": None, "chosen": {}})
    chosen = kept["chosen"]
    if kept["now"] is not None and not _followed(key):
        of_then, default_then = kept["now"]
        if of_then != of:
            st.session_state[key] = chosen.get(of, default)
        elif state.noted(key) == default_then:
            st.session_state[key] = default
    state.linked(key, default, allowed, parse)
    value = st.session_state[key]
    kept["now"] = of, default
    if value != default:
        chosen[of] = value
    else:
        chosen.pop(of, None)


def _followed(key: str) -> bool:
    """Whether the address has a value that is none of this visit's own: somebody follows a link."""
    url = st.query_params.get(key)
    note = state.noted_of(key)
    return url is not None and url not in (str(note.value), note.stale)
