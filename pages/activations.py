"""Activations: every channel of a layer, one of them close up, one number down to its arithmetic, and experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components.mapgrid import SIZES, TILE
from cnnviz.ui.components.mosaic import mosaic
from cnnviz.ui.server import startup
from cnnviz.ui.session import current
from cnnviz.ui.session.link import linked, linked_of, note
from cnnviz.ui.views import numbers
from cnnviz.ui.views.activations import layer_grid, sides
from cnnviz.ui.views.activations.close_up import close_up
from cnnviz.ui.views.activations.experiments import choice
from cnnviz.ui.views.class_activation import evidence
from cnnviz.ui.widgets import compare, controls, crop, show

if TYPE_CHECKING:
    from cnnviz.inference.activations import Activations
    from cnnviz.inference.layers import Layer

# say
show.head(
    "Activations",
    "Feature maps of every channel in a layer for the photo: black is zero, warm is above, cold is below.",
)
evidence.style()
sides.style()
engine, photo = current.engine(), current.photo()
key = show.required_net()


def layers_of(key: str) -> tuple[tuple[str, ...], tuple[Layer, ...], tuple[str, ...]]:
    """The network's layers with maps, all its layers in their table, and those at the end of its stages."""
    return engine.map_layers(key), engine.layers(key).layers, engine.stages(key)


@st.fragment
@startup.listing_once()
@show.refusals()
def layer_of_maps() -> None:
    """The stages of the network, all channels of one layer, and one channel of it."""
    # ask
    if (found := show.asked("layers", partial(layers_of, key))) is None:
        return None
    names, table, stages = found
    stage = show.presenting()
    shapes = {layer.name: layer for layer in table}

    def words(name: str) -> str:
        return f"{name} · {shapes[name].kind} {' × '.join(map(str, shapes[name].shape))}" if name in shapes else name

    strip = st.container(key="maps-strip", gap=None)
    with st.container(key="maps-ask", horizontal=True, vertical_alignment="bottom", gap="small"):
        layer = controls.pick("Layer", "layer", names, stages[0], words=words)
        if stage:
            scope, other = sides.left_as("scale", "channel", list(sides.SCOPES)), None
            which = choice.chosen(stage)
        else:
            scope = controls.switch(
                "One colour scale for", "scale", list(sides.SCOPES), "channel", words=sides.SCOPES.__getitem__
            )
            other = compare.ask(sides.kinds(key, layer, names))

    crop.notice(engine.model(key), photo)

    # compute
    first = sides.present(engine, key, photo, layer)
    staged = show.asked("strip", partial(engine.all_activations, key, photo, stages))
    if first is None or staged is None:
        return None
    asked, layer = first.shown.layer == layer, first.shown.layer  # where it was refused, the layer before is shown
    second = sides.second(engine, key, layer, names, other) if asked else None
    both = [first, *([second] if second is not None else [])]
    most = sides.reach(*(side.shown for side in both), *staged)

    # show
    count = len(first.shown.maps)
    of = engine.model(key).fingerprint, layer
    liveliest = int(first.shown.maps.std(axis=(1, 2)).argmax())
    linked_of("channel", of, liveliest, lambda value: 0 <= value < count, int)
    linked("tiles", TILE, SIZES.__contains__, int)
    note("tiles", TILE)
    channel = st.session_state["channel"]
    both = [replace(first, chosen=channel)]
    if second is not None:
        both.append(replace(second, chosen=second_channel(second, first, channel)))
    unit = numbers.unit(of, first.shown.maps.shape)
    controls.linked_tick("over")
    if stage and which != choice.NONE:
        choice.experiment(which, engine, key, photo, layer, channel)
        return None
    with strip:
        through_the_network(staged, layer)
    take = st.container(key="maps-take")
    left, right = st.columns([0.6 if stage else 1.15, 1], gap="medium")
    with left, st.container(key="maps-grid"):
        height, width = first.shown.maps.shape[1:]
        show.section(f"All {count} channels of {layer}", f"{height} × {width} each")
        layer_grid.grids(both, scope, most)
        layer_grid.scale_bar(both, scope, most)
        if not stage:
            dead_channels(first.shown)
    with right, st.container(key="maps-close"):
        place = close_up(both, scope, most, unit, asked)
        if stage:
            numbers.came_about(engine, key, photo, layer, channel, place)
    note("channel", liveliest)
    if stage:
        layer_grid.sorted_as_before(both)
        return None
    with st.container(key="maps-below"):
        numbers.came_about(engine, key, photo, layer, channel, place)
        experiment = choice.experiment(choice.chosen(stage), engine, key, photo, layer, channel)
    with take:  # filled last, for its link says which experiment is shown
        layer_grid.ordered(both, scope, most, asked, compare.in_link(other) | experiment)
    return None


def second_channel(second: sides.Side, first: sides.Side, channel: int) -> int:
    """The channel of the second side: the same where the layers are alike, else the one chosen there."""
    if sides.alike([first, second]):
        return channel
    lively = second.shown.maps.std(axis=(1, 2))
    of = second.model.fingerprint, second.shown.layer
    linked_of("channel2", of, int(lively.argmax()), lambda value: 0 <= value < len(lively), int)
    note("channel2", int(lively.argmax()))
    chosen: int = st.session_state["channel2"]
    return chosen


def dead_channels(shown: Activations) -> None:
    """Which channels are at or below zero everywhere."""
    if not len(shown.dead):
        return
    listed = ", ".join(map(str, shown.dead[:24])) + (" …" if len(shown.dead) > 24 else "")
    show.say(f"{len(shown.dead)} of {len(shown.maps)} channels stay at or below zero on this photo (crossed): {listed}")


def through_the_network(staged: Sequence[Activations], layer: str) -> None:
    """One tile for each stage, the mean of its channels; a click goes there."""
    if show.presenting():
        return
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
    st.html('<p class="cv-note">Mean of the channels, at the end of each stage</p>')


layer_of_maps()
