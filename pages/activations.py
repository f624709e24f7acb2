"""Activations: every channel of a layer, and one of them close up."""

from functools import partial

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui import controls, show, start, state
from cnnviz.ui.components.mosaic import mosaic

state.guard()

GAP = 2  # px between tiles
SORTS = ("in order", "mean", "max", "share above 0")

# say
show.head(
    "Activations", "What each channel of a layer answers to the photo: black is zero, warm is above, cold is below."
)
engine, photo = state.engine(), state.photo()
key = show.net()
if key is None:
    st.stop()


@st.fragment
def layer_of_maps() -> None:
    """The layer's mosaic and one channel of it."""
    # ask
    names = engine.map_layers(key)
    shapes = {layer.name: layer for layer in engine.layers(key).layers}

    def words(name: str) -> str:
        return f"{name} · {shapes[name].kind} {' × '.join(map(str, shapes[name].shape))}" if name in shapes else name

    one, two, three = st.columns([2.2, 1, 1.2], vertical_alignment="bottom")
    with one:
        layer = controls.pick("Layer", "layer", names, start.stages(engine, key)[0], words=words)
    with two:
        sort = controls.pick("Sort by", "sort", SORTS, SORTS[0])
    with three:
        scope = controls.switch("One colour scale per", "scale", ["channel", "layer"], "channel")

    # compute
    shown = show.asked("activations", partial(engine.activations, key, photo, layer), "Running the net")
    if shown is None:
        return
    by = {"mean": shown.mean, "max": shown.max, "share above 0": shown.alive}
    order = np.argsort(-by[sort], kind="stable") if sort in by else np.arange(len(shown.maps))

    # show
    all_maps, one_map = st.columns([2.1, 1], gap="large")
    with one_map:
        channel = controls.pick(
            "Channel", "channel", [int(i) for i in order], int(shown.maps.std(axis=(1, 2)).argmax()), parse=int,
            words=lambda i: f"{i} · {sort} {by[sort][i]:.3g}" if sort in by else str(i),
        )  # fmt: skip
        close_up(shown, channel, scope)
    with all_maps:
        count, height, width = shown.maps.shape
        columns = picture.wide(count, height / width, 1.5)
        tile = min(240, max(4, show.WIDEST // columns - GAP))
        show.section(f"All {count} channels", f"{height} × {width} each; click one, or use the arrow keys")
        tiles = picture.mosaic(shown.maps[order], columns=columns, scope=scope, tile=tile, gap=GAP)

        def choose() -> None:
            st.session_state["channel"] = int(order[st.session_state["maps"]["place"]])

        mosaic(
            "maps", tiles, columns=columns, names=[f"{i} · mean {shown.mean[i]:.3g}" for i in order], gap=GAP,
            chosen=int(np.flatnonzero(order == channel)[0]), alt=f"All channels of {layer}", on_choose=choose,
        )  # fmt: skip
        if scope == "layer":
            show.scale(float(shown.maps.min()), float(shown.maps.max()), picture.ACTIVATION, "Activation")
        else:
            show.say("Each channel runs to its own largest value.")
        if len(shown.dead):
            listed = ", ".join(map(str, shown.dead[:24])) + (" …" if len(shown.dead) > 24 else "")
            show.say(f"{len(shown.dead)} of {count} channels stay at or below zero on this photo: {listed}")
    lines = f"import cnnviz\n\nengine = cnnviz.engine()\n{show.opening(photo)}\n"
    lines += f"maps = engine.activations({key!r}, photo, {layer!r}).maps  # {shown.maps.shape}\n"
    lines += f"tiles = cnnviz.picture.mosaic(maps, columns={columns}, scope={scope!r}, tile={tile}, gap={GAP})\n"
    lines += "open('maps.png', 'wb').write(cnnviz.picture.encode(tiles, 'png'))"
    link = state.link("activations", layer=layer, sort=sort, scale=scope, channel=channel)
    show.take_away("activations", picture=lambda: tiles, array=lambda: shown.maps, python=lines, link=link)


def close_up(shown, channel: int, scope: str) -> None:
    """One channel large, its numbers, and how often each value occurs."""
    values = shown.maps[channel]
    limit = float(np.abs(shown.maps).max()) if scope == "layer" else None
    if controls.tick("Over the photo", "over", help="What lies above zero, over the pixels the net saw"):
        heat = np.maximum(values, 0) / max(float(limit or values.max()), 1e-12)
        drawn = np.asarray(picture.overlay(shown.seen, heat, 0.6))
        show.image(show.pixelated(drawn, 420), f"Channel {channel} of {shown.layer} over the photo")
    else:
        show.image(show.pixelated(picture.diverging(values, limit), 420), f"Channel {channel} of {shown.layer}")
    if scope == "channel":
        show.scale(float(values.min()), float(values.max()), picture.ACTIVATION, "Activation")
    show.facts(
        {
            "Lowest": f"{values.min():.4g}",
            "Mean": f"{shown.mean[channel]:.4g}",
            "Highest": f"{shown.max[channel]:.4g}",
            "Above 0": f"{shown.alive[channel]:.0%}",
        }
    )
    show.histogram(values, label=f"Values of channel {channel}")


layer_of_maps()
