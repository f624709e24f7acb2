"""Forgetting photos of one's own: one of them, or all."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cnnviz.ui.session.photos import forget_photo, forget_photos
from cnnviz.ui.widgets.feedback import plain


def draw(place: str, named: Mapping[str, str]) -> None:
    """A list with a button for each photo, by digest, and a button for all of this visit."""
    if len(named) > 1:
        _one(place, named)
    st.button(
        "Forget my photos", key=f"forget-all-{place}", on_click=forget_photos, icon=":material/delete_sweep:",
        width="stretch",
    )  # fmt: skip


def _one(place: str, named: Mapping[str, str]) -> None:
    # never `on_change="rerun"`: the click on a link that closes it would ask for this page once more, and stay here
    with st.popover("Forget one", icon=":material/delete:", width="stretch", key=f"forget-{place}"):
        for digest, name in named.items():
            st.button(
                f"Forget {plain(name)}", key=f"forget-{place}-{digest}", on_click=forget_photo, args=(digest,),
                icon=":material/close:", width="stretch",
            )  # fmt: skip
