"""All channels of one layer or of two side by side, their colour scale, and the same tiles to take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.script import PHOTO, Name, call, opened, script
from cnnviz.ui.components.mapgrid import SORTED, SORTS, mapgrid, order
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, visit
from cnnviz.ui.session.link import noted
from cnnviz.ui.views import numbers
from cnnviz.ui.views.activations.sides import Side, alike, both_file, left_as, reach
from cnnviz.ui.widgets import controls, show

LINK = "maps"  # what is pointed at together


def grids(sides: list[Side], scope: str, most: float) -> None:
    """The tiles: of one side, of two in pairs where a channel has its twin, else two grids with one colour scale."""
    engine, first = current.engine(), sides[0]

    def draw(key: str, of: Sequence[Side], scope: str, limit: float) -> None:
        mapgrid(
            key, [side.shown for side in of], [side.photo for side in of], [side.model for side in of],
            visit.this_visit().pictures, chosen=of[0].chosen, scope=scope, reach=limit,
            field=numbers.field(engine, of[0].key, of[0].shown.layer), big=show.presenting(),
            tiles=st.session_state["tiles"], on_choose=choose if key == "maps" else choose_second,
            on_size=lambda size: st.session_state.update(tiles=size),
            names=[side.title for side in of] if len(sides) > 1 else (), link=LINK,
        )  # fmt: skip

    if alike(sides):
        draw("maps", sides, scope, most)
        return
    limit = reach(*(side.shown for side in sides))
    one, two = st.columns(2, gap="small")
    for place, key, side in ((one, "maps", first), (two, "maps-second", sides[1])):
        with place:
            show.section(side.title if side is sides[1] else "This one", side.shown.layer)
            draw(key, [side], "all layers", limit)


def choose(channel: int) -> None:
    """The channel chosen in the first grid."""
    st.session_state["channel"] = channel


def choose_second(channel: int) -> None:
    """The channel chosen in the second grid."""
    st.session_state["channel2"] = channel


def scale_bar(sides: list[Side], scope: str, most: float) -> None:
    """The colour scale that all tiles share, with its ends; each channel's own stands under its map."""
    if scope == "channel" and alike(sides):
        return
    maps = [side.shown.maps for side in sides]
    if scope == "all layers" and alike(sides):
        return show.scale(-most, most, picture.ACTIVATION, "Activation")
    return show.scale(min(float(m.min()) for m in maps), max(float(m.max()) for m in maps), picture.ACTIVATION,
                      "Activation")  # fmt: skip


def sorted_as_before(sides: list[Side]) -> None:
    """The order of the tiles where it cannot be changed: on stage."""
    sort = left_as("sort", SORTS[0], SORTS)
    for key in ("maps", "maps-second")[: 1 if alike(sides) else 2]:
        order(key, sort)


@st.fragment
@startup.listing_once()
@show.refusals()
def ordered(sides: list[Side], scope: str, most: float, asked: bool, more: Mapping[str, object]) -> None:
    """The order of the tiles, and the tiles in that order to take away: alone, as nothing else changes with it."""
    one, two = st.columns([1, 2.6], vertical_alignment="bottom")
    with one:
        sort = controls.pick("Sort channels by", "sort", SORTS, SORTS[0], words=SORTED.__getitem__)
        for key in ("maps", "maps-second")[: 1 if alike(sides) else 2]:
            order(key, sort)
    if not asked:  # where a layer was refused
        return
    shown = sides[0].shown
    view = {
        "layer": shown.layer,
        "sort": sort,
        "scale": scope,
        "channel": sides[0].chosen,
        "tiles": st.session_state["tiles"],
    }
    view |= {"unit": noted("unit") or "", "over": bool(noted("over")), **more}
    view |= {} if alike(sides) else {"channel2": sides[1].chosen}
    with two:
        show.take_away(
            "activations", picture=lambda: tiles(sides, sort, scope, most), python=python(sides, sort, scope, most),
            array={"": lambda: shown.maps} | ({"second": lambda: sides[1].shown.maps} if len(sides) > 1 else {}),
            link=current.link("activations", **view), file=both_file(sides),
        )  # fmt: skip


def tiles(sides: list[Side], sort: str, scope: str, most: float) -> np.ndarray:
    """The tiles as they stand in the grid, uint8 (H, W, 3)."""
    if alike(sides):
        both = np.concatenate([side.shown.maps for side in sides], axis=2)  # (C, H, W) -> (C, H, 2 W)
        return picture.mosaic(both[sides[0].shown.order(sort, sides[0].chosen)], **_laid(sides, scope, most))
    drawn = [
        picture.mosaic(
            side.shown.maps[side.shown.order(sort, side.chosen)], **_laid([side], "all layers", _both(sides))
        )
        for side in sides
    ]
    high = max(map(len, drawn))
    return np.concatenate(
        [np.pad(one, ((0, high - len(one)), (0, 12), (0, 0)), constant_values=255) for one in drawn], axis=1
    )


def python(sides: list[Side], sort: str, scope: str, most: float) -> str:
    """The lines that draw the same tiles."""
    lines, names = [], []
    for i, side in enumerate(sides):
        name = "shown" if not i else "second"
        of = PHOTO if side.photo == sides[0].photo else Name(f"cnnviz.{opened(side.photo)}")
        lines.append(f"{name} = {call('engine.activations', side.key, of, side.shown.layer)}")
        names.append(name)

    def sorted_by(name: str, side: Side) -> str:
        like = {"like": side.chosen} if sort == "similarity" else {}
        return call(f"{name}.order", sort, **like)

    if alike(sides):
        maps = f"np.concatenate([{', '.join(f'{name}.maps' for name in names)}], axis=2)"
        lines += [
            f"maps = {maps if len(sides) > 1 else 'shown.maps'}[{sorted_by('shown', sides[0])}]",
            f"tiles = {call('cnnviz.picture.mosaic', Name('maps'), **_laid(sides, scope, most))}",
        ]
    else:
        for name, side in zip(names, sides, strict=True):
            laid = _laid([side], "all layers", _both(sides))
            of = Name(f"{name}.maps[{sorted_by(name, side)}]")
            lines.append(f"{name}_tiles = {call('cnnviz.picture.mosaic', of, **laid)}")
        pads = "((0, high - len(one)), (0, 12), (0, 0))"
        lines += [
            "high = max(len(shown_tiles), len(second_tiles))",
            f"both = [np.pad(one, {pads}, constant_values=255) for one in (shown_tiles, second_tiles)]",
            "tiles = np.concatenate(both, axis=1)",
        ]
    lines.append("pathlib.Path('maps.png').write_bytes(cnnviz.picture.encode(tiles, 'png'))")
    numpy = ("import numpy as np", "") * (len(sides) > 1)
    return script(
        *lines,
        imports=("import pathlib", "", *numpy, "import cnnviz"),
        engine=True,
        opening=show.opening(sides[0].photo),
    )


def _both(sides: list[Side]) -> float:
    return float(f"{reach(*(side.shown for side in sides)):.9g}")


def _laid(sides: list[Side], scope: str, most: float) -> dict[str, Any]:
    """How the tiles are laid out and coloured, as `picture.mosaic` takes it."""
    count, height, width = sides[0].shown.maps.shape
    columns = picture.wide(count, height / width / len(sides), 1.5)
    shares: Literal["channel", "layer"] = "channel" if scope == "channel" else "layer"
    tile = min(240, max(4, show.WIDEST // (columns * len(sides)) - 2)) * len(sides)
    ends = {"limit": float(f"{most:.9g}")} if scope == "all layers" else {}
    return {"columns": columns, "scope": shares, "tile": tile, "gap": 2, **ends}
