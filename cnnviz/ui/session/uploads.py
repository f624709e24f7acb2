"""Uploads of a visit: how large a file of each kind may be, which files are here, and what was refused of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit import config
from streamlit.runtime.uploaded_file_manager import DeletedFile

from cnnviz.options import RequestError
from cnnviz.photo import MAX_BYTES
from cnnviz.ui.server import metrics, startup
from cnnviz.ui.session import visit
from cnnviz.ui.session.photos import let_go

LIMITS = {"photo": MAX_BYTES >> 20, "zip": 1024, "checkpoint": 1024, "network": 100, "plan": 1}  # MB; the server's is
# the largest, and on a public server that of networks
STRANGERS = 10  # MB of any other file on a public server


def limit(kind: str) -> int:
    """Megabytes of a file of that kind at most: what its widget says, never more than the server lets through."""
    most = min(LIMITS[kind], int(config.get_option("server.maxUploadSize")))
    return min(most, STRANGERS) if startup.public() and kind != "network" else most


def arrived(key: str) -> list[Any]:
    """The files of the uploader of that key.

    One that was let go is none of them: until the page has a new uploader, the browser sends the names of the old one's
    files along with every rerun, and Streamlit takes them for a change.
    """
    held = st.session_state[key]
    files = held if isinstance(held, list) else [held]
    return [file for file in files if file is not None and not isinstance(file, DeletedFile)]


def turn(place: str) -> int:
    """How many uploads that place has taken: part of its uploader's key, so that each is followed by a fresh one."""
    return int(st.session_state.setdefault(f"_turn-{place}", 0))


def take(place: str, kind: str, key: str, keep: Callable[[Any], None]) -> None:
    """Give each file that an uploader brought to `keep`, let its bytes go, and note the sentence of each refusal."""
    if not (files := arrived(key)):
        return
    told = []
    for file in files:
        try:
            if file.size > limit(kind) << 20:
                raise RequestError(f"{file.name} is larger than {limit(kind)} MB; choose a smaller file.")
            keep(file)
        except RequestError as error:
            told.append(str(error))
            metrics.REFUSED.add(kind)
        finally:
            let_go(file)
    st.session_state[f"_refused-{place}"] = visit.page(), key.partition("-")[0], tuple(told)
    st.session_state[f"_turn-{place}"] = turn(place) + 1


def refused(place: str, *by: str) -> tuple[str, ...]:
    """The refusals of that place's last upload; they end with the next one, and with the page.

    Where a place has several uploaders: if it came `by` one whose key begins so.
    """
    at, which, told = st.session_state.get(f"_refused-{place}", ("", "", ()))
    return told if at == visit.page() and (not by or which in by) else ()
