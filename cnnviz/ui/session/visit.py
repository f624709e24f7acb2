"""What tells one visit from another, and what it keeps between reruns."""

from __future__ import annotations

from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")
OWN = "own"  # all that a link says of a visitor's own photo


def visit_id() -> str:
    """What tells this visit from all others."""
    return getattr(get_script_run_ctx(), "session_id", "")


def kept() -> dict[str, Any]:
    """The last good question of each place on the pages, and thumbnails of the visit's own photos."""
    return st.session_state.setdefault("_kept", {})


def page() -> str:
    """What tells the current page from the others."""
    return getattr(get_script_run_ctx(), "page_script_hash", "")
