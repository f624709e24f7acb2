"""Ways to a data set: drawn circles, a zip from the visitor's machine, one that torchvision knows, a camera."""

from __future__ import annotations

import streamlit as st

from cnnviz.data.archive import offers, unpack
from cnnviz.data.downloads import CATALOG, fetch
from cnnviz.data.label_lists import NAMES
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session import uploads
from cnnviz.ui.views.data import camera, circles
from cnnviz.ui.widgets import show

WAYS = {"": "folders", NAMES: "the names of the images"}


def draw(expanded: bool) -> str | None:
    """The ways to a data set, each in a tab; on a public server, circles to look at. The name of one just added."""
    with st.expander("Add a data set", expanded=expanded, icon=":material/add:"):
        if runs.public():
            return circles.ask()
        ways = {"Circles to count": circles.ask, "Upload a zip": _upload, "Download": _download, "Camera": camera.ask}
        names = []
        for tab, ask in zip(st.tabs(list(ways)), ways.values(), strict=True):
            with tab:
                names.append(ask())
    return next((name for name in names if name), None)


def _upload() -> str | None:
    """A zip of pictures from the visitor's own machine."""
    show.say(
        "One folder per class, or train/ and val/ with one folder per class inside. Only images are kept; they stay "
        "on this machine until the data set is deleted."
    )
    file = st.file_uploader("Zip archive", type=["zip"], key="zip", max_upload_size=uploads.limit("zip"))
    title = file.name.rpartition(".")[0] if file else ""
    name = st.text_input("Name", title, key=f"zip-name-{title}")
    labels = ""
    if file and (others := offers(file)):
        labels = st.selectbox(
            "Classes from", ("", *others), format_func=lambda way: WAYS.get(way, way), key=f"zip-labels-{title}"
        )
    if file and st.button("Unpack", type="primary", icon=":material/unarchive:"):
        with show.refusals():
            place = data_sets.place_for(name)
            done = unpack(file, place, progress=show.counted("Unpacking"), labels=labels)
            if done.labels:
                data_sets.set_labels(place.name, done.labels)
            return place.name
    return None


def _download() -> str | None:
    """A data set that torchvision knows."""
    named = {entry.name: f"{entry.title} · {entry.pictures:,} images · {entry.megabytes} MB" for entry in CATALOG}
    name = st.selectbox("Data set", list(named), format_func=named.__getitem__, key="catalog", persist_state="session")
    few = st.number_input(
        "Images per class at most, 0 for all", 0, 10_000, 500, 100, key="catalog-few", persist_state="session"
    )
    if st.button("Download", icon=":material/download:"):
        with show.refusals():
            place = data_sets.place_for(name)
            fetch(name, place, per_class=int(few) or None, progress=show.counted("Downloading"))
            return place.name
    return None
