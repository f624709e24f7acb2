"""How the photo fits the network's input: the control beside the photo, and what it comes to, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from cnnviz.ui.widgets import controls
from cnnviz.ui.widgets.feedback import say

if TYPE_CHECKING:
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

WAYS = {"centre": "Centre", "move": "Move", "pad": "Pad", "squash": "Squash"}
LONG = 3.0  # from this aspect ratio on, a crop shows so little of a photo that it is said


def control() -> None:
    """Crop, pad or squash, for every page; where the crop is moved, how far."""
    way = controls.switch(
        "Crop", "crop", list(WAYS), "centre", words=WAYS.__getitem__,
        help="What a network gets of a photo: the centre; a crop elsewhere; all of it with a border, or squashed",
    )  # fmt: skip
    if way == "move":
        controls.slide(
            "Position of the crop", "crop-at", 0.0, 1.0, 0.5, 0.01, help="0 is the left or top of the photo, 1 the end"
        )


def move(at: float) -> None:
    """Crop elsewhere: so far along the longer side of the photo, 0 to 1; in a callback."""
    st.session_state.update({"crop": "move", "crop-at": at})


def notice(model: Model, photo: Photo) -> None:
    """What the network's input is of the photo, where it is not what one expects; beside it what shows all of it."""
    if not (words := input_of(model, photo)):
        return
    with st.container(key="crop-notice", horizontal=True, vertical_alignment="center", gap="small"):
        say(words)
        for way in _others(model, photo):
            if st.button(WAYS[way], key=f"crop-{way}", on_click=_take, args=(way,)):
                st.rerun()  # the whole page: what runs by itself here does not hold the photo


def input_of(model: Model, photo: Photo) -> str:
    """The sentence about a photo that is padded, squashed, cropped elsewhere, or very long; else nothing."""
    own, lying, long = model.preprocess.of(photo), photo.width >= photo.height, is_long(photo)
    _, height, width = own.size
    _, _, across, down = own.box(photo)
    share = min(1.0, across / photo.width if lying else down / photo.height)
    if own.fit == "pad":
        left, top, right, bottom = own.padding(photo)
        border = 1 - (width - left - right) * (height - top - bottom) / (width * height)
        return (
            f"The input of the network is the whole photo; a border in the mean colour fills {border:.0%} of the input."
        )
    if own.fit == "squash":
        sizes = f"from {photo.width} × {photo.height} to {width} × {height}"
        return f"The input of the network is the whole photo, squashed {sizes}."
    part = f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
    what = ("panorama" if lying else "tall photo") if long else "photo"
    if own.at != 0.5:
        ends = ("left", "right") if lying else ("top", "bottom")
        where = f"at the {ends[round(own.at)]}" if own.at in (0, 1) else f"{own.at:.0%} of the way to the {ends[1]}"
        return f"The input is {part} of this {what}, {where}."
    return f"The input of the network is the middle {part} of this {what}." if long and share < 1 else ""


def is_long(photo: Photo) -> bool:
    """Whether a photo is so long or tall that a crop shows little of it."""
    return max(photo.width, photo.height) >= LONG * min(photo.width, photo.height)


def _others(model: Model, photo: Photo) -> tuple[str, ...]:
    """The ways to show more of a long photo that is cropped, or another part of it."""
    own = model.preprocess.of(photo)
    if own.fit != "crop" or not is_long(photo):
        return ()
    return ("move", "pad", "squash") if own.at == 0.5 else ("pad", "squash")


def _take(way: str) -> None:
    st.session_state["crop"] = way
