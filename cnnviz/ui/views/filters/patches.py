"""Top-activating images: the photos that activate a channel most, each with the receptive field it does so in."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.measured import measured
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui.server import startup
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.feature_vis.top_patches import Patches
    from cnnviz.runtime.engine import Engine

SIDE = 150  # px of a patch's photo
TILES = "grid-template-columns:repeat(auto-fill,minmax(96px,1fr))"  # two of them are no larger than nine


def patches(engine: Engine, key: str, layer: str, channel: int) -> None:
    """The photos of a folder that activate the channel most; those where it is nowhere above 0 are only counted."""
    chosen: Path | None = None
    if not startup.public():  # strangers see no folders of this machine
        written = st.text_input(
            "Photos from a folder on this machine; the samples where none is named", key="patch-folder"
        )
        chosen = Path(written).expanduser() if written.strip() else None

    def ask() -> Patches:
        from cnnviz.feature_vis.top_patches import photos_in

        photos = [Photo.sample(name) for name in samples()] if chosen is None else [*photos_in(chosen)]
        return engine.patches(key, layer, photos, show.progress("Running the network on photos"))

    found = show.asked("patches", ask)
    if found is None or found.layer != layer:
        return
    note = "inside the frame: the receptive field; around it, three times as much"
    active = [n for n, value in enumerate(found.value[channel]) if value > 0]
    show.section(f"Top-activating images of {len(found.photos)} photos", note if active else "")
    if active:
        figures = "".join(_figure(engine, key, found, channel, n) for n in active)
        st.html(f'<div class="cv-strip" style="{TILES}">{figures}</div>')
    if inactive := silent(found, channel):
        show.say(inactive)


def silent(found: Patches, channel: int) -> str:
    """How many of the photos do not activate the channel; "" where all of them do."""
    many = len(found.photos)
    left = many - int(found.active[channel])
    if left < many:
        return f"The channel is not activated (maximum not above 0) by {left} of the {many} photos." if left else ""
    highest = float(found.value[channel].max())
    return f"None of the {many} photos activates channel {channel}: its highest value in them is {measured(highest)}."


def _figure(engine: Engine, key: str, found: Patches, channel: int, n: int) -> str:
    """One photo with its activation beneath it, as HTML."""
    name, value = Path(found.photos[found.photo[channel, n]]).name, found.value[channel, n]
    words = html.escape(f"{name}: channel {channel}, activation {measured(value)}")
    shown = picture.address(_tile(engine, key, found, channel, n), 90)
    return (
        f'<figure style="margin:0"><img alt="{words}" title="{words}" src="{shown}">'
        f'<figcaption class="cv-note">{measured(value)}</figcaption></figure>'
    )


def _tile(engine: Engine, key: str, found: Patches, channel: int, n: int) -> np.ndarray:
    """One photo as the network takes it, uint8 (S, S, 3), with the receptive field bright."""
    from cnnviz.feature_vis.top_patches import drawn

    name = found.photos[found.photo[channel, n]]
    try:
        photo = Photo.sample(name) if name in samples() else Photo.open(Path(name), pixels=1024**2)
    except RequestError:  # gone since it was asked
        return np.full((SIDE, SIDE, 3), 128, np.uint8)
    seen = engine.model(key).preprocess.see(photo)
    box = [int(v) for v in found.box[channel, n]]
    top, left, side = window(box, seen.shape[:2])
    return sheet.fitted(drawn(seen, box, max(1, side // 75))[top : top + side, left : left + side], SIDE)


def window(box: Sequence[int], shape: tuple[int, int]) -> tuple[int, int, int]:
    """Top, left and side of a square of a photo (H, W) that shows a receptive field and twice as much around it."""
    left, top, right, bottom = box
    side = min(*shape, max(32, 3 * max(right - left, bottom - top)))
    middles = ((top + bottom) // 2, (left + right) // 2)
    corner = [min(max(0, m - side // 2), length - side) for m, length in zip(middles, shape, strict=True)]
    return corner[0], corner[1], side
