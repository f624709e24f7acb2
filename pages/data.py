"""Data: the training images, inspected before a network is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import places
from cnnviz.options import RequestError
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session.link import linked, note
from cnnviz.ui.views.data import adding, augmentation, findings, folder, image_map, suspects
from cnnviz.ui.views.data.batch import tiles
from cnnviz.ui.widgets import controls, show, tables

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

TILE = 128  # px
IMAGES, ON_STAGE = 12, 16  # of a batch
FEW = 6  # classes whose images are counted on a stage
VIEWS = ("Batch", "Augmentation", "Map")  # what presenter mode shows, one at a time

# say
stage = show.presenting()
show.head("Data", "Inspect the training data: images, classes, splits, near-duplicates and augmentation.")


def batch(name: str, row: DeltaGenerator) -> None:
    """A batch of a data set in pictures, with the choice of its split and of another batch in a row of controls."""
    data = data_sets.data_set(name)
    with row:
        split = controls.switch("Split", "split", list(data.splits()), "train")
        linked("batch", 0, lambda turn: turn >= 0, int)
        if st.button("Another batch", icon=":material/shuffle:"):
            st.session_state["batch"] += 1
        note("batch", 0)
    if stage:
        counts = data.splits()[split].counts(len(data.classes))
        some = dict(zip(data.classes[:FEW], map("{:,}".format, counts), strict=False))
        rest = {f"{len(counts) - FEW} more": f"{sum(counts[FEW:]):,}"} if len(counts) > FEW else {}
        show.facts({"Classes": len(data.classes), f"Images in {split}": f"{sum(counts):,}"} | some | rest)
    count = ON_STAGE if stage else IMAGES
    images, labels = data_sets.batch(data, split, count, st.session_state["batch"], 2 * TILE if stage else TILE)
    tiles(split, images, labels, halves=2 if stage else 1)


def look(name: str) -> None:
    """One data set: a batch, its classes, its folder and what the audit finds, beside its augmentation."""
    with st.container(key="data-views"):
        left, right = st.columns(2, gap="large")
    with left:
        show.section("Batch", "labelled images, drawn at random")
        batch(name, st.container(horizontal=True, vertical_alignment="bottom"))
        door(name)
        classes(name)
        folder.left_out(name)
        if data_sets.labels(name):
            folder.classes_from(name)
        findings.draw(name)
        if not fresh(name):
            folder.made(name)
        folder.draw(name)
    with right:
        augmentation.draw(name, beside=True)
    suspects.draw(name)
    image_map.draw(name)


def fresh(name: str) -> bool:
    """Whether this visit added the data set last: what became of its files stands on top then, else at the end."""
    return bool(st.session_state.get("_new") == name)


def classes(name: str) -> None:
    """The classes of a data set with their images in each split, and the check of every image."""
    data = data_sets.data_set(name)
    show.facts({"Classes": len(data.classes)} | {k: f"{len(v):,}" for k, v in data.splits().items()})
    counts = {k: v.counts(len(data.classes)) for k, v in data.splits().items()}
    rows = [(c, *(f"{n[i]:,}" for n in counts.values())) for i, c in enumerate(data.classes)]
    tables.table(("class", *counts), rows, "Images per class and split")


def door(name: str) -> None:
    """The way to train a network on a data set."""
    st.page_link(
        places.page("train"), label=f"Train a network on {name}", query_params={"set": name},
        icon=":material/model_training:",
    )  # fmt: skip


# ask
names = () if runs.public() else data_sets.data_sets()
if (new := st.session_state.pop("_added", None)) in names:
    st.session_state["set"] = st.session_state["_new"] = new
row, chosen, view = st.container(horizontal=True, vertical_alignment="bottom"), None, VIEWS[0]
if names:
    with row:
        chosen = controls.pick("Data set", "set", list(names), names[0], always=True)
if stage and names:
    with row:
        view = controls.switch("View", "stage-data", VIEWS, VIEWS[0])
else:
    if chosen is not None and fresh(chosen):
        with row:  # beside the list, so that the images stay on the first screen
            folder.made(chosen)
    if not runs.public():
        folder.trash()
    if (added := adding.draw(expanded=not names)) is not None:
        st.session_state["_added"] = added
        st.rerun()

# compute and show
if chosen is not None and view == VIEWS[0]:
    try:
        if stage:
            batch(chosen, row)
            st.stop()
        look(chosen)
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        folder.classes_from(chosen)
        folder.draw(chosen)
        augmentation.draw(None)
elif chosen is not None and view == VIEWS[2]:
    with show.refusals():
        image_map.draw(chosen)
else:
    augmentation.draw(chosen)
