"""The one or two layers that Activations shows: whose maps they are, what they are called, and the scale they share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import streamlit as st

from cnnviz.ui.session import current
from cnnviz.ui.session.link import linked, note
from cnnviz.ui.widgets import compare, show
from cnnviz.ui.widgets.file_name import KEYS, file_name

if TYPE_CHECKING:
    from cnnviz.inference.activations import Activations
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

STYLE = Path(__file__).with_name("activations.css")
SCOPES = {"channel": "Each channel", "layer": "The layer", "all layers": "All layers"}


Side: TypeAlias = "compare.Side[Activations, int]"  # a layer's maps, and the channel that is shown close up


def style() -> None:
    """The look of the page; once on it."""
    st.html(f"<style>{STYLE.read_text()}</style>")


def left_as(key: str, default: str, known: Sequence[str]) -> str:
    """The value of a control that is not drawn on stage: what the link says, or what it was left at."""
    linked(key, default, known.__contains__, str)
    note(key, default)
    value: str = st.session_state[key]
    return value


def both_file(sides: Sequence[Side], part: str = "") -> str:
    """What files of one side, or of two, are called; `part` is what of the first is shown."""
    photo = sides[0].photo.name.rsplit(".", 1)[0]
    first = file_name(photo, sides[0].key, sides[0].shown.layer, keep=KEYS) + (f"_{part}" if part else "")
    return "_and_".join([first, *(file_name(side.title, keep=KEYS) for side in sides[1:])])


def kinds(key: str, layer: str, names: tuple[str, ...]) -> dict[str, compare.Kind]:
    """What the second side may differ in."""
    return {
        "layer": compare.Kind("Layer", [name for name in names if name != layer]),
        compare.PHOTO: compare.photos(),
        compare.NETWORK: compare.networks(key),
        compare.SNAPSHOT: compare.snapshots(key),
    }


def second(engine: Engine, key: str, layer: str, names: tuple[str, ...], found: compare.Second | None) -> Side | None:
    """The other side, where one is compared with; None also where it is refused, in a sentence."""
    if found is None:
        return None
    other, photo = compare.network(found, key), compare.photo(found)

    def ask() -> Side:
        where = found.of("layer", layer)
        if other != key:
            where = compare.same_layer(layer, names, engine.map_layers(other))
        shown = engine.activations(other, photo, where)
        title = found.title if found.what != "layer" else where
        return compare.Side(other, engine.model(other), photo, shown, 0, title)

    return show.asked("beside", ask, "Running the network", of=(other, photo.digest, layer, found.what, found.value))


def alike(sides: list[Side]) -> bool:
    """Whether two sides have a channel for a channel and a place for a place."""
    return len({side.shown.maps.shape for side in sides}) == 1


def reach(*shown: Activations) -> float:
    """The largest size of a value in any of these, finite."""
    found = max(max(float(one.maps.max()), -float(one.maps.min())) for one in shown)
    return found if np.isfinite(found) else 1.0


def present(engine: Engine, key: str, photo: Photo, layer: str) -> Side | None:
    """The side of the current photo and network."""
    shown = show.asked("activations", partial(engine.activations, key, photo, layer), "Running the network")
    return None if shown is None else compare.Side(key, engine.model(key), photo, shown, 0, current.photo().name)
