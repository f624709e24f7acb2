"""What the list of networks has beside those at hand: what a link or somebody typing asks for, timm's, snapshots."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import streamlit as st

from cnnviz.ui.server import startup
from cnnviz.ui.session import link, visit
from cnnviz.ui.session.visit import Strange

SHORT = {"global average pooling": "GAP", "without max pooling": "no pooling", "convolutional base": "base"}
WHERE = {
    "live": "live",
    "uploaded": "uploaded",
    "bundled": "bundled",
    "on disk": "on disk",
    "run": "trained here",
    "untrained": "untrained",
}


def complete(named: Mapping[str, str]) -> dict[str, str]:
    """The nets at hand in words by key, and what a link asks for, snapshots, timm's, and what was typed."""
    return _typed(_with_library(_with_snapshots(_with_asked(named))))


def _with_asked(named: Mapping[str, str]) -> dict[str, str]:
    """The nets by key, and one that a link asks for although the list is too short for it."""
    found = dict(named)
    for key in map(str, (link.noted("model"), st.query_params.get("model"))):
        if key not in found and (row := startup.asked(key)):
            found[key] = words(row)
    return found


def _with_library(named: Mapping[str, str]) -> dict[str, str]:
    """The nets by key, and behind them those of timm that are not here, to be found by typing."""
    here = {key.partition(".")[0] for key in named}  # with the tag of the weights or without
    return {**named, **{row.key: words(row) for row in startup.library() if row.key not in here}}


def _typed(named: Mapping[str, str]) -> dict[str, str]:
    """The nets by key, and the one that was typed into their list: its key, or what stands in it behind the slash, else
    the first in whose words it stands, as the list finds it.

    Where there is none, the one before stays and a sentence says so.
    """
    text, before = st.session_state.get("model"), link.noted_of("model").value
    if not isinstance(text, str) or text in named or before is None or text == before:
        return dict(named)
    name = text.strip()
    exact = next((key for key in named if key == name or key.endswith(f"/{name}")), None)
    rows = {} if exact else {key: row for key in (name, f"timm/{name}") if (row := startup.asked(key))}
    within = (key for key, said in named.items() if name and name.lower() in f"{said} {key}".lower())
    chosen = exact or next(iter(rows), None) or next(within, None)
    strange = visit.this_visit().strange
    strange.pop("model", None)
    if chosen is None:
        strange["model"] = Strange(name, before)
    st.session_state["model"] = chosen or before
    return {**named, **{key: words(row) for key, row in rows.items()}}


def _with_snapshots(named: Mapping[str, str]) -> dict[str, str]:
    """The nets by key, and behind its run the snapshot that is asked for."""
    found = dict(named)
    for key in map(str, (link.noted("model"), st.query_params.get("model"))):
        run, _, which = key.partition("@")
        if key not in found and f"{run}@best" in found and which in startup.snapshots(run):
            at = list(found).index(f"{run}@best") + 1
            here = f"{found[f'{run}@best']}, {'step ' * which.isdecimal()}{which}"
            found = dict([*list(found.items())[:at], (key, here), *list(found.items())[at:]])
    return found


@functools.lru_cache(maxsize=4096)  # of hundreds of networks, in every run
def words(row: Any) -> str:
    """A net in one line: its title, where it is, what it knows."""
    size = f"{row.bytes / 1e6:,.0f} MB" if row.bytes >= 1e7 else f"{row.bytes / 1e6:.1f} MB"
    where = WHERE.get(row.where, f"download {size}")
    title = row.title
    for long, short in SHORT.items():
        title = title.replace(long, short)
    return " · ".join(
        [
            title,
            *([where] if where not in title else []),
            *([row.knows] if row.knows and row.knows not in title else []),
        ]
    )
