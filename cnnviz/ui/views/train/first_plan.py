"""The network and the recipe that a plan begins with: for photos in colour those of fine-tuning, else a lecture's."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from cnnviz import settings
from cnnviz.models import catalog, weights
from cnnviz.options import RequestError
from cnnviz.ui.server import data_sets, startup
from cnnviz.ui.session import link

EXAMPLE = "squeezenet1_1-b8a52dc0.pth"


class First(NamedTuple):
    """What a plan for a data set begins with: its network and recipe, and whether its images are augmented."""

    data: str
    augmented: bool
    net: str
    recipe: str


def follow(name: str, usual: str) -> First:
    """What the plan for the data set `name` begins with; `usual` is the lecture network for all but photos.

    Where nobody has chosen another network or recipe, it is taken for another data set, too, and for a link that
    augments the images.
    """
    last: First | None = st.session_state.get("_first")
    now = _first(name, usual)
    if last is not None and not {"net", "recipe"} & set(st.query_params):
        new = last.data != name or (now.augmented and not last.augmented)
        if new and (link.noted("net"), link.noted("recipe")) == (last.net, last.recipe):
            st.session_state["net"], st.session_state["recipe"] = now.net, now.recipe
    st.session_state["_first"] = now
    return now


def forget() -> None:
    """A whole plan was put into the widgets: what it says is not replaced."""
    st.session_state.pop("_first", None)


def hint(name: str, recipe: str) -> str:
    """How to fine-tune on photos where no pretrained network is on this machine; "" where that is no question."""
    if recipe != "scratch" or _pretrained() or not _of_photos(name):
        return ""
    place = (settings.weights(None) or Path(weights.FOLDER)).absolute()
    return (
        "Fine-tuning a pretrained network usually gives a higher accuracy on photos: choose a network marked "
        f"“download” and the recipe Feature extraction, or put a file of torchvision’s weights, such as {EXAMPLE}, "
        f"into {place}."
    )


def _first(name: str, usual: str) -> First:
    augmented = st.session_state["plan-augment"] != "none"
    net = _pretrained() if _of_photos(name) else ""
    if not net:
        return First(name, augmented, usual, "scratch")
    return First(name, augmented, net, "frozen" if augmented else "features")


def _of_photos(name: str) -> bool:
    with contextlib.suppress(RequestError):  # a folder that cannot be read is told of where it is trained on
        return data_sets.of_photos(name)
    return False


def _pretrained() -> str:
    """The widest network of ImageNet on this machine that Train knows; "" where there is none."""
    wide = startup.everyday(tuple(row for row in startup.rows() if catalog.entry(row.key)))
    return wide.key if wide else ""
