"""All channels of a layer, up to thousands, in a grid that scrolls, sorts and answers in the browser.

Hover reads a number and draws what it can see on the photo; a click or the arrow keys choose a channel.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components import shelf
from cnnviz.ui.components.shared import encode, joiner
from cnnviz.ui.components.shared.subject import subject
from cnnviz.ui.components.shared.told import whole

if TYPE_CHECKING:
    from cnnviz.inference.activations import Activations
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

HERE = Path(__file__).parent
BUDGET = 700_000  # values that travel; larger layers are averaged down for the grid, the close-up has every number
SORTED = {  # what a link calls each order, and how it is titled
    "in order": "channel index",
    "mean": "mean activation",
    "max": "maximum activation",
    "share above 0": "share above 0",
    "similarity": "similarity to the chosen channel",
}
SORTS = (*SORTED,)
SIZES, TILE = range(34, 221, 2), 88  # px: how large a tile may be, and is at first
SCOPES = ("channel", "layer", "all layers")

_grid = st.components.v2.component(
    "cnnviz_mapgrid",
    js=joiner.script(HERE / "index.js"),
    css=joiner.sheet(joiner.SHEET, HERE / "style.css"),
)


def order(key: str, sort: str) -> None:
    """What the grid `key` sorts its channels by, one of `SORTS`; laid on the shelf, so that it changes alone."""
    shelf.lay(f"{key} order", {"sort": sort})


def mapgrid(
    key: str,
    shown: Sequence[Activations],
    photos: Sequence[Photo],
    models: Sequence[Model],
    kept: MutableMapping[str, dict[str, Any]],
    *,
    chosen: int,
    scope: str,
    reach: float,
    field: tuple[int, int, float, bool],
    tiles: int,
    big: bool,
    on_choose: Callable[[int], None],
    on_size: Callable[[int], None],
    names: Sequence[str] = (),
    link: str = "",
) -> None:
    """The channels of one activations, or of two of one shape side by side on one scale.

    They stand as `order` says; `names` are what each is called, else it is its photo's name. While models, photos and
    layers are the same they are made ready once, as long as `kept` lasts, and travel once. Grids of one `link` are
    pointed at together. `reach` is the largest size of a value in all layers; `field` is a receptive field's
    size, jump, middle, and whether it sees everything; `tiles` is how large a tile is, px. `on_choose` hears the
    channel chosen, `on_size` that size.
    """
    called = list(names) or [photo.name for photo in photos]
    of = subject(*models, *photos, *(one.layer for one in shown), *called)
    if kept.get(key, {}).get("subject") != of:
        kept[key] = {"subject": of, **_maps(shown, called)}
    shelf.lay(f"{key} tiles", kept[key])
    data: dict[str, Any] = {
        "name": key,
        "subject": of,
        "reach": reach,
        "lut": encode.colours()["activation"],
        "field": list(field),
        "chosen": chosen,
        "scope": scope,
        "layer": shown[0].layer,
        "tiles": tiles,
        "big": big,
        "link": link,
    }

    def told(name: str, hears: Callable[[int], None], most: int) -> None:
        if (said := whole(st.session_state[key].get(name), 0, most)) is not None:
            hears(said)

    _grid(
        key=key, data=data, on_channel_change=lambda: told("channel", on_choose, len(shown[0].maps) - 1),
        on_tiles_change=lambda: told("tiles", on_size, max(SIZES)),
    )  # fmt: skip


def _maps(shown: Sequence[Activations], names: Sequence[str]) -> dict[str, Any]:
    """The tiles in 8 bits, each channel in its own reach, with the statistics and the photos they are of."""
    first = shown[0]
    maps_of = [np.nan_to_num(one.maps, posinf=0, neginf=0) for one in shown]
    small = [reduced(maps, BUDGET // len(shown)) for maps in maps_of]
    reaches = np.abs(np.stack(maps_of)).max(axis=(0, 2, 3)).astype(np.float32)  # (C,)
    safe = np.where(reaches > 0, reaches, 1)[:, None, None]
    return {
        "pictures": [
            {
                "name": name,
                "seen": picture.address(one.seen, 88),
                "maps": encode.text(np.rint(maps / safe * 127 + 128)),
                "mean": encode.floats(one.mean),
                "max": encode.floats(one.max),
                "alive": encode.floats(one.alive),
            }
            for one, maps, name in zip(shown, small, names, strict=True)
        ],
        "count": len(first.maps),
        "shape": list(first.maps.shape[1:]),
        "small": list(small[0].shape[1:]),
        "side": list(first.seen.shape[:2]),
        "reaches": encode.floats(reaches),
    }


def reduced(maps: np.ndarray, budget: int) -> np.ndarray:
    """The maps (C, H, W), averaged down until no more than `budget` values are left."""
    count, height, width = maps.shape
    scale = min(1.0, (budget / (count * height * width)) ** 0.5)
    if scale >= 1:
        return maps
    down, across = max(1, int(height * scale)), max(1, int(width * scale))
    return np.stack([picture.resize(np.ascontiguousarray(one), across, down) for one in maps])
