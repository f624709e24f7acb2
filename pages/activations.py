"""Activations: every channel of a layer, one of them close up, and one value down to its arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.photo import Photo, samples
from cnnviz.script import PHOTO, Name, call, script
from cnnviz.ui.components.mapgrid import SCOPES, SIZES, SORTED, SORTS, TILE, mapgrid, order
from cnnviz.ui.components.mosaic import mosaic
from cnnviz.ui.session import current, photos, visit
from cnnviz.ui.session.link import linked, linked_of, note, noted
from cnnviz.ui.views import numbers
from cnnviz.ui.views.class_activation import evidence
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.inference.activations import Activations
    from cnnviz.inference.layers import Layer

# say
show.head(
    "Activations",
    "Feature maps of every channel in a layer for the photo: black is zero, warm is above, cold is below.",
)
evidence.style()
engine, photo = current.engine(), current.photo()
key = show.required_net()


def layers_of(key: str) -> tuple[tuple[str, ...], tuple[Layer, ...], tuple[str, ...]]:
    """The network's layers with maps, all its layers in their table, and its stages."""
    return engine.map_layers(key), engine.layers(key).layers, engine.stages(key)


@st.fragment
@show.refusals()
def layer_of_maps() -> None:
    """The stages of the network, all channels of one layer, and one channel of it."""
    # ask
    if (found := show.asked("layers", partial(layers_of, key))) is None:
        return
    names, table, stages = found
    shapes = {layer.name: layer for layer in table}

    def words(name: str) -> str:
        return f"{name} · {shapes[name].kind} {' × '.join(map(str, shapes[name].shape))}" if name in shapes else name

    strip = st.container()
    one, two, three = st.columns([2, 1.5, 1.2], vertical_alignment="bottom")
    with one:
        layer = controls.pick("Layer", "layer", names, stages[0], words=words)
    with two:
        scope = controls.switch("Colour scale shared by", "scale", SCOPES, SCOPES[0])
    with three:
        mine = photos.own_photos()
        others = ["", *(name for name in (*mine, *samples()) if name != photo.name)]
        titles = {name: one.name for name, one in mine.items()}
        beside = controls.pick(
            "Compare with", "beside", others, "", words=lambda n: titles.get(n, n) or "No second photo"
        )

    # compute
    shown = show.asked("activations", partial(engine.activations, key, photo, layer), "Running the network")
    staged = show.asked("strip", partial(engine.all_activations, key, photo, stages))
    if shown is None or staged is None:
        return
    second = None
    if beside:
        other = mine[beside] if beside in mine else Photo.sample(beside)
        second = show.asked("beside", partial(engine.activations, key, other, layer))

    # show
    asked, layer = shown.layer == layer, shown.layer  # where the layer was refused, the one before is shown
    with strip:
        through_the_net(staged, layer)
    pair, of_photos = [shown], [photo]
    if second is not None and second.maps.shape == shown.maps.shape:
        pair, of_photos = [shown, second], [photo, other]
    count, height, width = shown.maps.shape
    show.section(f"All {count} channels of {layer}", f"{height} × {width} each; point at a value, click a channel")
    liveliest = int(shown.maps.std(axis=(1, 2)).argmax())
    of = engine.model(key).fingerprint, layer
    linked_of("channel", of, liveliest, lambda value: 0 <= value < count, int)
    linked("tiles", TILE, SIZES.__contains__, int)
    note("tiles", TILE)
    unit = numbers.unit(of, shown.maps.shape)
    controls.linked_tick("over")
    ordered(shown, scope, {} if beside in mine else {"beside": beside}, asked)
    reach = max(max(float(one.maps.max()), -float(one.maps.min())) for one in (*pair, *staged))
    reach = reach if np.isfinite(reach) else 1.0
    mapgrid(
        "maps", pair, of_photos, engine.model(key), visit.this_visit().pictures,
        chosen=st.session_state["channel"], scope=scope, reach=reach,
        field=numbers.field(engine, key, layer), big=show.presenting(),
        tiles=st.session_state["tiles"], on_choose=lambda channel: st.session_state.update(channel=channel),
        on_size=lambda size: st.session_state.update(tiles=size),
    )  # fmt: skip
    if scope != SCOPES[0]:
        whole = [one.maps for one in (pair if scope == SCOPES[1] else (*pair, *staged))]
        ends = float(min(maps.min() for maps in whole)), float(max(maps.max() for maps in whole))
        show.scale(*ends, picture.ACTIVATION, "Activation")
    if len(shown.dead):
        listed = ", ".join(map(str, shown.dead[:24])) + (" …" if len(shown.dead) > 24 else "")
        show.say(f"{len(shown.dead)} of {count} channels stay at or below zero on this photo (crossed): {listed}")
    st.number_input("Channel", 0, count - 1, key="channel", width=240)
    note("channel", liveliest)
    channel = st.session_state["channel"]
    close_up(shown, channel, scope, unit)


@st.fragment
@show.refusals()
def ordered(shown: Activations, scope: str, beside: dict[str, str], asked: bool) -> None:
    """The order of the tiles, and the tiles in that order to take away: alone, as nothing else changes with it."""
    one, two = st.columns([1, 3], vertical_alignment="bottom")
    with one:
        sort = controls.pick("Sort by", "sort", SORTS, SORTS[0], words=SORTED.__getitem__)
        order("maps", sort)
    if not asked:  # where a layer was refused
        return
    layer, channel, (count, height, width) = shown.layer, st.session_state["channel"], shown.maps.shape
    like = {"like": channel} if sort == "similarity" else {}
    wide = picture.wide(count, height / width, 1.5)
    tile = min(240, max(4, show.WIDEST // wide - 2))
    laid: dict[str, Any] = {
        "columns": wide,
        "scope": SCOPES[0] if scope == SCOPES[0] else SCOPES[1],
        "tile": tile,
        "gap": 2,
    }
    lines = script(
        f"shown = {call('engine.activations', key, PHOTO, layer)}",
        f"maps = shown.maps[{call('shown.order', sort, **like)}]  # {shown.maps.shape}",
        f"tiles = {call('cnnviz.picture.mosaic', Name('maps'), **laid)}",
        "pathlib.Path('maps.png').write_bytes(cnnviz.picture.encode(tiles, 'png'))",
        imports=("import pathlib", "", "import cnnviz"),
        engine=True,
        opening=show.opening(photo),
    )

    def tiles() -> np.ndarray:
        return picture.mosaic(shown.maps[shown.order(sort, channel)], **laid)

    view = {"layer": layer, "sort": sort, "scale": scope, "channel": channel, "tiles": st.session_state["tiles"]}
    view |= {"unit": noted("unit") or "", "over": bool(noted("over")), **beside}
    with two:
        link = current.link("activations", **view)
        show.take_away("activations", picture=tiles, array=lambda: shown.maps, python=lines, link=link)


def through_the_net(staged: Sequence[Activations], layer: str) -> None:
    """One tile for each stage, the mean of its channels; a click goes there."""
    maps = np.stack([picture.resize(np.ascontiguousarray(one.maps.mean(0)), 96, 96) for one in staged])
    named = [one.layer for one in staged]
    tiles = picture.mosaic(maps, columns=len(named), scope="channel", gap=3)
    titles = [f"{one.layer} · {' × '.join(map(str, one.maps.shape))}" for one in staged]

    def go() -> None:
        st.session_state["layer"] = named[st.session_state["strip"]["place"]]

    mosaic(
        "strip", tiles, columns=len(named), names=titles, gap=3, alt="The mean feature map of each stage",
        chosen=named.index(layer) if layer in named else None, on_choose=go,
    )  # fmt: skip


def close_up(shown: Activations, channel: int, scope: str, unit: tuple[int | None, tuple[int, int] | None]) -> None:
    """One channel large, its numbers, the histogram of its values, and how one of them is computed."""
    values = shown.maps[channel]
    limit = None if scope == SCOPES[0] else float(np.abs(shown.maps).max())
    one, two, three = st.columns([1.2, 1, 1], gap="large")
    with one:
        how = "click a value, or use the arrow keys" if values.size <= numbers.MOST else "choose a row and a column"
        show.section(f"Channel {channel}", how)
        place = numbers.number(f"number-{shown.layer}", channel, values, limit, unit)
        show.scale(float(values.min()), float(values.max()), picture.ACTIVATION, "Activation")
    with two:
        show.section("Values")
        show.facts(
            {
                "Minimum": f"{values.min():.4g}",
                "Mean": f"{shown.mean[channel]:.4g}",
                "Maximum": f"{shown.max[channel]:.4g}",
                "Above 0": f"{shown.alive[channel]:.0%}",
            }
        )
        show.histogram(values, label=f"Values of channel {channel}")
    with three:
        seen = numbers.sees(engine, key, shown, place)
        if controls.tick("Channel over the photo", "over", help="Activations above zero, over the network's input"):
            heat = np.maximum(values, 0) / max(float(limit or values.max()), 1e-12)
            drawn = show.pixelated(np.asarray(picture.overlay(shown.seen, heat, 0.6)), 420)
            show.image(drawn, f"Channel {channel} of {shown.layer} over the photo")
        else:
            show.image(
                numbers.framed(shown.seen, seen), f"Receptive field of row {place[0]}, column {place[1]} on the photo"
            )
            show.say(
                f"Row {place[0]}, column {place[1]}: receptive field {seen[2] - seen[0]} × {seen[3] - seen[1]} pixels."
            )
    if not show.presenting():
        numbers.came_about(engine, key, photo, shown.layer, channel, place)


layer_of_maps()
