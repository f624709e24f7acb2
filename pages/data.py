"""Data: the training images, inspected before a network is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture, places
from cnnviz.data.archive import offers, unpack
from cnnviz.data.audit import KINDS
from cnnviz.data.counting import Counting, CountingError, draw, usual_name, write
from cnnviz.data.downloads import CATALOG, fetch
from cnnviz.data.label_lists import NAMES
from cnnviz.options import RequestError
from cnnviz.printable import printable
from cnnviz.ui.server import data_sets, runs
from cnnviz.ui.session import uploads
from cnnviz.ui.session.link import linked, note
from cnnviz.ui.views import data_augmentation, data_batch, data_folder
from cnnviz.ui.widgets import controls, show, tables

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from cnnviz.data.audit import Audit

TILE = 128  # px
IMAGES, ON_STAGE = 12, 16  # of a batch
SHOWN = 12  # pairs of near-duplicates
FEW = 6  # classes whose images are counted on a stage
VIEWS = ("Batch", "Augmentation")  # what presenter mode shows, one at a time
WAYS = {"": "folders", NAMES: "the names of the images"}

# say
stage = show.presenting()
show.head("Data", "Inspect the training data: images, classes, splits, near-duplicates and augmentation.")


def added(name: str) -> None:
    """Shows the new data set once the page runs again."""
    st.session_state["_added"] = name
    st.rerun()


def add_circles() -> None:
    """Circles to be counted: see some, then draw them all."""
    left, right = st.columns([1, 1.4], gap="large")
    with left:
        low, high = st.slider(
            "Circles", 0, 60, (1, 5), key="circles-range", persist_state="session", help="One class for each number"
        )
        size = st.slider("Side, px", 32, 256, 128, 16, key="circles-size", persist_state="session")
        radius = st.slider("Radius, px", 1.5, 32.0, (4.0, 10.0), 0.5, key="circles-radius", persist_state="session")
        style = st.segmented_control(
            "Style",
            ("discs", "rings", "colours", "noise"),
            default="discs",
            key="circles-style",
            persist_state="session",
        )
        count = st.number_input("Images per class", value=500, key="circles-count", persist_state="session")
        seed = st.number_input("Seed", value=0, key="circles-seed", persist_state="session")
        wanted = None
        with show.refusals():
            asked = Counting(low, high, int(count), size, *radius, style=style or "discs", seed=int(seed))
            st.session_state["_circles"] = some_circles(asked)
            wanted = asked
    with right:
        if "_circles" in st.session_state:
            numbers, some = st.session_state["_circles"]
            show.image(picture.grid(some, 3), f"Examples of {numbers} circles")
            show.say(f"Circles: {numbers}" if wanted else f"Circles: {numbers}, by the last setting that fits")
        if not runs.public():
            name = circles_name(low, high)
            draws = st.button("Generate", type="primary", icon=":material/draw:", disabled=wanted is None)
            if draws and wanted is not None:
                with show.refusals():
                    place = data_sets.place_for(name)
                    write(place, wanted, show.counted("Generating"))
                    added(place.name)


def circles_name(low: int, high: int) -> str:
    """The name in the field, which follows the range until another is typed."""
    usual = usual_name(low, high)
    if st.session_state.get("circles-name") in (None, "", st.session_state.get("_circles-usual")):
        st.session_state["circles-name"] = usual
    st.session_state["_circles-usual"] = usual
    return st.text_input("Name", key="circles-name")


def some_circles(wanted: Counting) -> tuple[str, np.ndarray]:
    """A few of the numbers in words, and a picture of each, uint8 (n, S, S, 3). Raises `RequestError`."""
    rng = np.random.default_rng(wanted.seed)
    numbers = np.linspace(wanted.low, wanted.high, min(6, wanted.high - wanted.low + 1)).round().astype(int)
    try:
        some = [draw(int(n), wanted, rng) for n in numbers]
    except CountingError:
        raise RequestError(
            f"{wanted.low} to {wanted.high} circles of radius {wanted.smallest:g} to {wanted.largest:g} do not fit "
            f"into {wanted.size} × {wanted.size} pixels; choose fewer or smaller ones, or larger images."
        ) from None
    return ", ".join(map(str, numbers)), np.stack(some)


def add_zip() -> None:
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
            added(place.name)


def add_download() -> None:
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
            added(place.name)


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
    data_batch.tiles(split, images, labels, halves=2 if stage else 1)


def look(name: str) -> None:
    """One data set: a batch, its classes, its folder and what the audit finds, beside its augmentation."""
    with st.container(key="data-views"):
        left, right = st.columns(2, gap="large")
    with left:
        show.section("Batch", "labelled images, drawn at random")
        batch(name, st.container(horizontal=True, vertical_alignment="bottom"))
        door(name)
        classes(name)
        data_folder.left_out(name)
        if data_sets.labels(name):
            data_folder.classes_from(name)
        checked(name)
        if not fresh(name):
            data_folder.made(name)
        data_folder.draw(name)
    with right:
        data_augmentation.draw(name, beside=True)


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


def checked(name: str) -> None:
    """The audit of a data set, once it is asked for."""
    if st.session_state.get("_audited") == name or st.button("Check every image", icon=":material/fact_check:"):
        st.session_state["_audited"] = name
        with st.spinner("Reading every image once", show_time=True):
            findings(data_sets.audited(name))


def findings(found: Audit) -> None:
    """What an audit found, in sentences and pictures."""
    show.section("Findings", f"{len(found.sizes):,} images read")
    low, high = found.sizes.min(0), found.sizes.max(0)
    show.facts(
        {
            "Unreadable": len(found.unreadable),
            "Largest class / smallest": f"{found.imbalance:.2f}",
            "Width, px": f"{low[0]} to {high[0]}",
            "Height, px": f"{low[1]} to {high[1]}",
            "Near-duplicates across splits": len(found.duplicates),
            "Under two classes": len(found.conflicts),
            "Inside a split": len(found.inside),
        }
    )
    for path, why in found.unreadable[:20]:
        show.say(f"{printable(f'{path.parent.name}/{path.name}')}: {why}")
    for pair in found.twins[:SHOWN]:
        both = np.stack([data_sets.square(pair.one, 128), data_sets.square(pair.other, 128)])
        one, other = (
            printable(f"{split}/{path.parent.name}/{path.name}")
            for split, path in ((pair.one_split, pair.one), (pair.other_split, pair.other))
        )
        show.image(picture.grid(both, 2), f"Near-duplicates: {one} and {other}", width=260)
        show.say(f"{one} and {other}: {KINDS[pair.kind]}{', under two classes' if pair.conflicts else ''}")
    if found.pairs > SHOWN:
        show.say(f"{found.pairs - SHOWN:,} more near-duplicates; `cnnviz audit FOLDER` lists them.")


def door(name: str) -> None:
    """The way to train a network on a data set."""
    st.page_link(
        places.page("train"), label=f"Train a network on {name}", query_params={"set": name},
        icon=":material/model_training:",
    )  # fmt: skip


def add() -> None:
    """Three ways to a data set; on a public server, circles to look at."""
    with st.expander("Add a data set", expanded=not names, icon=":material/add:"):
        if runs.public():
            add_circles()
            return
        circles, archive, download = st.tabs(["Circles to count", "Upload a zip", "Download"])
        with circles:
            add_circles()
        with archive:
            add_zip()
        with download:
            add_download()


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
            data_folder.made(chosen)
    if not runs.public():
        data_folder.trash()
    add()

# compute and show
if chosen is not None and view == VIEWS[0]:
    try:
        if stage:
            batch(chosen, row)
            st.stop()
        look(chosen)
    except RequestError as error:
        st.error(show.plain(str(error)), icon=":material/error:")
        data_folder.classes_from(chosen)
        data_folder.draw(chosen)
        data_augmentation.draw(None)
else:
    data_augmentation.draw(chosen)
