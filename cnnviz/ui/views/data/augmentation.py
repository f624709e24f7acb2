"""The augmentation of a data set on the page: one image, and many variants of it by the settings beside them."""

from __future__ import annotations

import contextlib
from functools import partial

import numpy as np
import streamlit as st

from cnnviz import picture, places
from cnnviz.data.augment import PRESETS, Augment
from cnnviz.options import RequestError
from cnnviz.ui.server import data_sets
from cnnviz.ui.session import current
from cnnviz.ui.session.link import noted
from cnnviz.ui.views.data import folder
from cnnviz.ui.views.train import plan_form
from cnnviz.ui.widgets import controls, show


@st.fragment
def draw(name: str | None, beside: bool = False) -> None:
    """One picture under many draws of the augmentation; its settings stand below it where another view is `beside`."""
    stage = show.presenting()
    if not stage:
        show.section("Augmentation", "one image, augmented at random as in every epoch of training")
    if beside:
        top, left, right = st.container(), st.container(), st.container()
    else:
        left, right = st.columns([1.4 if stage else 1.6, 1], gap="large")
        top = right
    with top:
        usual = "photos"
        with contextlib.suppress(RequestError):  # what cannot be read is told of beside it
            usual = data_sets.usual_augmentation(name) if name is not None else usual
        preset = controls.switch("Preset", "preset", list(PRESETS), usual, of=name or "own")
    with right:
        wanted = controls.options(Augment, f"aug-{preset}", PRESETS[preset], columns=2)
        seed = controls.number("Seed", "aug-seed", 0, 10_000, 0)
    current.engine()  # by then PyTorch is loaded
    with left, st.container(key="augmented"):
        st.html("<style>.st-key-augmented .stImage { aspect-ratio: 4 / 3; }</style>")  # its place, before it loads
        small = picked(name, noted("batch") or 0)
        many = show.asked("augmented", partial(data_sets.varied, small, wanted, int(seed)))
        if many is None:
            return
        show.image(picture.grid(many, 4), "The original image, then eleven augmented ones")
        show.say("Top left: the original image.")
        if name is not None and not stage:
            st.page_link(
                places.page("train"), label=f"Train a network on {name} with this augmentation",
                query_params={"set": name, **plan_form.handed(wanted)}, icon=":material/model_training:",
            )  # fmt: skip
    with left:
        lines = folder.varied_as_python(name, noted("batch") or 0, current.photo(), wanted, int(seed))
        stands = ("set", "split", "batch", "preset", "aug-seed"), f"aug-{preset}-"
        link = current.link(
            "data", **{k: v for k, v in st.query_params.items() if k in stands[0] or k.startswith(stands[1])}
        )
        show.take_away(
            "augmentation", picture=lambda: picture.grid(many, 4), array=lambda: many, python=lines, link=link
        )


def picked(name: str | None, turn: int) -> np.ndarray:
    """A picture of a data set, uint8 (192, 192, 3); without one, the current photo's middle.

    Where the data set cannot be read any more, a sentence, and the picture that was shown before.
    """
    of, kept = st.session_state.get("_sample", ((None,), None))
    if name is not None:
        with show.refusals():
            if of != (now := (name, turn, data_sets.stamp(name))):
                some, _ = data_sets.batch(data_sets.data_set(name), "train", 3, turn, 192)
                of, kept = st.session_state["_sample"] = now, some[0] if len(some) else None
        if kept is not None and of[0] == name:
            square: np.ndarray = kept
            return square
    pixels = current.photo().pixels
    side = min(pixels.shape[:2])
    top, west = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return picture.resize(pixels[top : top + side, west : west + side], 192, 192)
