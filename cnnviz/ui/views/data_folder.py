"""A data set as a folder on this machine: where it came from, deleting it, and bringing it back."""

from __future__ import annotations

import streamlit as st

from cnnviz.data.trash import DAYS
from cnnviz.ui.server import data_sets
from cnnviz.ui.widgets import show


def draw(name: str) -> None:
    """What became of its files when cnnviz made it, and Delete; for a folder of one's own, where it lies."""
    made = data_sets.origin(name)
    if made is None:
        where = (data_sets.shelf() / name).absolute()
        show.say(f"cnnviz did not make this folder and does not delete it. It lies in {where}")
        return
    for sentence in made.notes:
        show.say(sentence)
    with st.popover("Delete", icon=":material/delete:"):
        st.write(f"It goes to the trash and can be brought back for {DAYS} days.")
        if st.button(f"Delete {name}", key="delete-data"):
            with show.refusals():
                data_sets.remove(name)
                st.session_state["_deleted"] = True
                st.rerun()


def trash() -> None:
    """The deleted data sets, each with its Undo; nothing where there is none."""
    held = data_sets.trashed()
    if not held:
        return
    with st.expander(
        f"Trash ({len(held)})", expanded=st.session_state.get("_deleted", False), icon=":material/delete:"
    ):
        show.say(f"Removed for good {DAYS} days after it was deleted, and earlier where more than 4 GiB are held.")
        for one in held:
            if st.button(f"Undo: bring {show.plain(one.name)} back", key=f"undo-{one.id}", icon=":material/undo:"):
                with show.refusals():
                    st.session_state["_added"] = data_sets.restore(one.id)
                    st.rerun()
        st.button(
            "Empty the trash", key="empty-trash", icon=":material/delete_forever:", on_click=data_sets.empty_trash
        )
