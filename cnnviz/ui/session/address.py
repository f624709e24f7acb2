"""What the page's address says: as we write it, and as a browser brings it along.

A browser sends its address with each of its messages, and learns of ours a little later: what it sends meanwhile names
what we have changed since. Such an echo is not where somebody went, however soon that may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cnnviz.ui.session.visit import this_visit


@dataclass
class Address:
    """What a visit knows of its address, and of what the browser knows."""

    now: dict[str, str] | None = None  # as we left it
    replaced: list[dict[str, str]] = field(default_factory=list)  # by us, and the browser may not have heard of it yet
    echo: bool = False  # whether what the browser brought along last is one of these
    message: object = None  # the last one of the browser's, with the address in it


def echo() -> bool:
    """Whether this run's address is one that we have replaced, from a browser that had not heard of it yet."""
    mine, here = this_visit().state(Address), st.query_params.to_dict()
    message = getattr(get_script_run_ctx(), "context_info", None)
    heard = message is None or message is not mine.message  # st.rerun repeats a message, with our own address
    mine.message = message
    if here == mine.now:
        if heard:
            mine.replaced.clear()
        return mine.echo
    if went_back():  # what we said last may still be on its way, and come back
        mine.echo, mine.replaced = False, [] if mine.now is None else [mine.now]
    else:
        mine.echo = here in mine.replaced
        if not mine.echo:
            mine.replaced.clear()
    mine.now = here
    return mine.echo


def write(key: str, wanted: str | None) -> None:
    """Have the address say so, or say nothing of it."""
    if wanted == st.query_params.get(key):
        return
    echo()  # what the browser brought along, before it is changed
    mine = this_visit().state(Address)
    mine.replaced.append(st.query_params.to_dict())
    if wanted is None:
        del st.query_params[key]
    else:
        st.query_params[key] = wanted
    mine.now = st.query_params.to_dict()


def turn() -> None:
    """Another page begins, whose address is its own."""
    mine = this_visit().state(Address)
    mine.echo = False
    mine.replaced.clear()


def went_back() -> bool:
    """Whether this run is of an address that the browser went back or forward to."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))
