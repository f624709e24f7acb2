"""A network that a stranger uploads on a public server: read from memory, for this visit alone, and chosen."""

from __future__ import annotations

import streamlit as st

from cnnviz.ui.session import networks, uploads
from cnnviz.ui.widgets import show


def draw() -> None:
    """A popover with an uploader, what became of the last file, and the way to remove it."""
    turn = uploads.turn("network")  # another popover after each upload is a closed one
    shown = st.popover("Load a network", icon=":material/upload_file:", width="stretch", key=f"networks-{turn}")
    with shown:
        show.say(
            "A whole network, saved with torch.export.save (.pt2) or as ONNX (.onnx). It is read as data: no code in "
            "it is run. It stays in this server’s memory, for this visit alone: never on its disk, gone within two "
            "minutes after you close this tab."
        )
        key = f"network-{turn}"
        st.file_uploader(
            "Network", key=key, max_upload_size=uploads.limit("network"), on_change=uploads.take,
            args=("network", "network", key, networks.add), help=".pt2, .onnx",
        )  # fmt: skip
    show.refused(uploads.refused("network"))
    row = next((row for row in networks.own_rows() if row.key == st.session_state["model"]), None)
    if row is None:
        return
    title = show.plain(row.title)
    st.success(f"{title} is loaded, for this visit alone.", icon=":material/check:")
    st.button(
        f"Remove {title}", key="network-remove", on_click=networks.remove, args=(row.key,), icon=":material/delete:",
        width="stretch",
    )  # fmt: skip
