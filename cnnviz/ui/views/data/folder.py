"""A data set as a folder on this machine: where it came from, deleting it, and bringing it back."""

from __future__ import annotations

import streamlit as st

from cnnviz.data.augment import Augment
from cnnviz.data.label_lists import NAMES
from cnnviz.data.trash import DAYS
from cnnviz.photo import Photo
from cnnviz.printable import printable
from cnnviz.script import PHOTO, Name, call, script
from cnnviz.ui.server import data_sets
from cnnviz.ui.widgets import show

SIDE = 192  # px of the image that is augmented


def made(name: str) -> None:
    """What became of the files of a data set that cnnviz made; nothing for a folder of one's own."""
    if (origin := data_sets.origin(name)) is not None:
        show.say(" ".join(origin.notes))


def left_out(name: str) -> None:
    """What of the folder is no part of the data set, a sentence for each reason."""
    made = data_sets.origin(name)
    for left in data_sets.data_set(name).left_out:
        if made is None or str(left) not in made.notes:
            show.say(str(left))


def classes_from(name: str) -> None:
    """Other ways to its classes for a data set that folders do not divide, and back to the folders."""
    now = data_sets.labels(name)
    for labels in () if now else data_sets.offers(name):
        words = "the names of the images" if labels == NAMES else show.plain(printable(labels))
        st.button(f"Read the classes from {words}", key=f"labels-{labels}", on_click=_choose, args=(name, labels))
    if now:
        show.say(f"Classes from {'the names of the images' if now == NAMES else printable(now)}.")
        st.button("Read the classes from folders", key="labels-", on_click=_choose, args=(name, ""))


def _choose(name: str, labels: str) -> None:
    with show.refusals():
        data_sets.set_labels(name, labels)


def draw(name: str) -> None:
    """Delete, for a data set that cnnviz made; for a folder of one's own, where it lies."""
    if data_sets.origin(name) is None:
        where = printable(str(data_sets.folder(name).absolute()))
        show.say(f"cnnviz did not make this folder and does not delete it. It lies in {where}")
        return
    with st.popover("Delete", icon=":material/delete:"):
        st.write(f"It goes to the trash and can be brought back for {DAYS} days.")
        if st.button(f"Delete {name}", key="delete-data"):
            with show.refusals():
                data_sets.remove(name)
                st.session_state["_deleted"] = True
                st.rerun()


def varied_as_python(name: str | None, turn: int, photo: Photo, wanted: Augment, seed: int) -> str:
    """The lines that augment what the page augments: the first image of a data set's batch, or the photo's middle."""
    imports = ["import numpy as np", "import torch", "", "from cnnviz.data.augment import Augment, variants"]
    if name is None:
        imports += ["import cnnviz", "from cnnviz.signal.pictures import square"]
        opening = [show.opening(photo), f"pixels = {call('square', PHOTO, SIDE)}  # uint8 (H, W, C)"]
    else:
        imports += ["from cnnviz.data.decode import decode", "from cnnviz.data.folder import read"]
        imports += ["from cnnviz.models.preprocess import Preprocess"]
        first = f"np.random.default_rng({turn}).permutation(len(train))[0]"
        where = {"labels": labels} if (labels := data_sets.labels(name)) else {}
        opening = [
            f"train = {call('read', str(data_sets.folder(name)), **where)}.splits()['train']",
            f"pixels = decode(train.paths[{first}], Preprocess({SIDE}, {SIDE}))  # uint8 (H, W, C)",
        ]
    drawn = call("variants", Name("channels_first"), wanted, count=11, seed=seed)
    return script(
        *opening,
        "channels_first = torch.from_numpy(pixels.transpose(2, 0, 1).copy())",
        f"changed = {drawn}.permute(0, 2, 3, 1).numpy()  # uint8 (11, H, W, C)",
        "many = np.concatenate([pixels[None], changed])",
        imports=imports,
    )


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
