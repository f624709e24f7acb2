"""Forgetting photos of one's own: one of them, or all."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cnnviz.photo import samples
from cnnviz.ui.session.photos import STORES, forget_photo, forget_photos, own_photos, photo_store
from cnnviz.ui.widgets.feedback import plain

FORGOTTEN = "_forgotten"  # where photos were forgotten, which photo was shown then, and the sentence that says so


def draw(place: str, named: Mapping[str, str]) -> None:
    """A list with a button for each photo, by digest, and a button for all of this visit; then what was forgotten.

    The button is there wherever the visit has photos, also those that another page took and this place does not name.
    """
    if len(named) > 1:
        _one(place, named)
    if named or any(map(photo_store, STORES)):
        st.button(
            "Forget my photos", key=f"forget-all-{place}", on_click=_forget, args=(place,),
            icon=":material/delete_sweep:", width="stretch",
        )  # fmt: skip
    _told(place)


def _one(place: str, named: Mapping[str, str]) -> None:
    # never `on_change="rerun"`: the click on a link that closes it would ask for this page once more, and stay here
    with st.popover("Forget one", icon=":material/delete:", width="stretch", key=f"forget-{place}"):
        for digest, name in named.items():
            st.button(
                f"Forget {plain(name)}", key=f"forget-{place}-{digest}", on_click=_forget, args=(place, digest),
                icon=":material/close:", width="stretch",
            )  # fmt: skip


def _forget(place: str, digest: str = "") -> None:
    """Forget one photo, or all; in a callback."""
    before = st.session_state["photo"]
    if digest:
        forget_photo(digest)
    else:
        forget_photos()
    now, gone = st.session_state["photo"], "That photo is forgotten" if digest else "Your photos are forgotten"
    st.session_state[FORGOTTEN] = place, now, f"{gone}." if now == before else f"{gone}; {_titled(now)} is shown now."


def _titled(key: str) -> str:
    mine = own_photos()
    return mine[key].name if key in mine else f"the sample {key}" if key in samples() else key


def _told(place: str) -> None:
    """What was forgotten here, until another photo is shown."""
    where, photo, words = st.session_state.get(FORGOTTEN, ("", "", ""))
    if st.session_state["photo"] != photo:
        st.session_state.pop(FORGOTTEN, None)
    elif where == place:
        st.info(plain(words), icon=":material/delete_sweep:")
