"""The raw map: its signed numbers as they are, and the channels it is the sum of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.server import startup
from cnnviz.ui.views.class_activation.evidence import file_name, png, save
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine


def signs(heat: Heatmap) -> str:
    """What warm and cold places of the signed map mean, in a sentence."""
    row, goal = startup.methods()[heat.method], heat.goal
    if row.class_free:
        return "Warm is along the maps' first principal component, cold against it; no class is used."
    if not row.whole:
        return f"How much each pixel changes the score of {heat.label}, up or down: this method is unsigned."
    warm = f"Warm {'counts' if goal.against else 'supports'} {heat.subject}"
    if heat.raw.min() >= 0:
        return f"{warm}; no value is negative."
    if goal.versus is not None:
        return f"{warm}, cold the reverse."
    return f"{warm}, cold {'supports' if goal.against else 'counts against'} it."


def _drawn(heat: Heatmap) -> np.ndarray:
    """The signed map with a square for each of its values."""
    return show.pixelated(picture.diverging(heat.raw), 420)


def raw(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """The signed map at its own size, and the channels of the layer that weighed most in it."""
    signed, channels = st.columns([1, 2.4], gap="large")
    model = engine.model(key)
    with signed:
        show.section("Raw map", f"{heat.raw.shape[0]} × {heat.raw.shape[1]}")
        of = (model.fingerprint, model.preprocess, heat.question)
        show.image(partial(_drawn, heat), f"Raw map of {heat.subject}, signed", of=("raw", *of), photo=photo)
        show.scale(float(heat.raw.min()), float(heat.raw.max()), picture.ACTIVATION, "Raw map", signs(heat))
        file = f"{file_name(photo, heat, 'raw')}.png"
        save("PNG of the raw map", file, "image/png", lambda: png(_drawn(heat)))
    ask = partial(engine.activations, key, photo, heat.layer)
    maps = show.asked("cam-maps", ask, last=True) if heat.weights.size else None
    if maps is None or maps.layer != heat.layer:
        return
    from cnnviz.attribution.methods import contributions  # brings in torch, which is there by now

    parts = contributions(heat, maps.maps)
    order, whole = np.argsort(-parts, kind="stable")[:8], float(np.abs(parts).sum()) or 1.0
    with channels:
        show.section(
            f"The {len(order)} channels that add most to the map", "weight × mean activation, the largest first"
        )
        tiles = partial(picture.mosaic, maps.maps[order], columns=4, scope="channel", tile=170, gap=4)
        words = f"Maps of the channels {', '.join(map(str, order))}"
        show.image(tiles, words, of=("channels of raw", *of), photo=photo)
        listed = " · ".join(f"{i} ({parts[i]:+.3g}, {parts[i] / whole:+.1%})" for i in order)
        show.say(f"Row by row: {listed}. Percentages are of the sum of absolute contributions.")
