"""Skip connection: a branch of layers plus what was passed by it, for one channel of a layer."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture, places
from cnnviz.measured import measured
from cnnviz.models.families import FAMILIES, family
from cnnviz.script import PHOTO, call, script
from cnnviz.ui.server import startup
from cnnviz.ui.session import current
from cnnviz.ui.views.activations.experiments import side_by_side
from cnnviz.ui.views.equation import decimals
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from cnnviz.models.catalog import ModelInfo
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine


def skip_connection(engine: Engine, key: str, photo: Photo, layer: str, channel: int) -> dict[str, object]:
    """Branch plus skip connection equals their sum, for one channel of a layer."""
    layers = show.asked("skip layers", partial(engine.skip_layers, key))
    if layers is None:
        return {}
    if not layers:
        without(engine, key, photo, layer)
        return {}
    nearest = layer if layer in layers else layers[0]
    at = controls.pick("Layer with a skip connection", "skip-at", layers, nearest, of=engine.model(key).fingerprint)
    view: dict[str, object] = {"skip-at": at}
    found = show.asked("skip", partial(engine.skip_connection, key, photo, at), "Running the network")
    if found is None:
        return view
    channel = min(channel, len(found.sum_maps) - 1)
    maps = [found.branch_maps[channel], found.skip_maps[channel], found.sum_maps[channel]]
    limit = max(float(np.abs(one).max()) for one in maps) or 1.0
    spot = np.unravel_index(int(np.abs(maps[2]).argmax()), maps[2].shape)
    place = int(spot[0]), int(spot[1])
    values = [float(one[place]) for one in maps]
    digits = decimals(max(map(abs, values)))
    how = "passed on unchanged" if found.identity else "through layers of its own"
    titles = [f"Branch: {found.branch}", f"Skip connection: {found.skip}, {how}", f"Sum: {found.layer}"]
    drawn = [picture.diverging(one, limit) for one in maps]
    side_by_side.row(titles, drawn, [side_by_side.extremes(one) for one in maps], ["+", "="])
    after = f"; {found.activation} follows: {max(values[2], 0):.{digits}f}" if found.activation == "ReLU" else ""
    added = f"{values[0]:.{digits}f} {side_by_side.signed(values[1], digits)} = {values[2]:.{digits}f}{after}"
    show.say(
        f"Channel {channel} at row {place[0]}, column {place[1]}: {added}. "
        f"One colour scale for all three, ±{measured(limit)}."
    )
    side_by_side.take(
        "skip", photo, key, [at, f"channel-{channel}"], drawn,
        {"branch": found.branch_maps, "skip": found.skip_maps, "sum": found.sum_maps},
        script(
            f"found = {call('engine.skip_connection', key, PHOTO, at)}",
            f"maps = [m[{channel}] for m in (found.branch_maps, found.skip_maps, found.sum_maps)]",
            f"pixels = [cnnviz.picture.diverging(m, {limit!r}) for m in maps]",
            engine=True, opening=show.opening(photo),
        ),
        view | {"layer": layer, "channel": channel},
    )  # fmt: skip
    return view


def without(engine: Engine, key: str, photo: Photo, layer: str) -> None:
    """Of a network that has none: its layer with its input, what a skip connection is, and who has them."""
    show.section("This network has no skip connections", "the output of each layer replaces its input")
    here, there = st.columns(2, gap="medium")
    with here:
        before = engine.input_of(key, layer)
        kinds = {row.name: row.kind for row in engine.layers(key).layers}
        first = engine.map_layers(key)[0] == layer
        part = f"{layer} ({kinds[layer]})" if layer in kinds and (before or first) else f"All layers up to {layer}"
        st.html(_block("Here: y = F(x)", [part], False))
        _before_and_after(engine, key, photo, before, layer)
    with there:
        st.html(_block("Skip connection: y = F(x) + x", ["Convolution", "ReLU", "Convolution"], True))
        show.say(
            "A skip connection adds the input of a block to its output, so that its layers learn only the difference "
            "(He et al., 2015)."
        )
        for row in having(startup.rows()):
            size = "" if row.where != "download" else f", {row.bytes / 1e6:.0f} MB to download"
            view = {**current.view(), "model": row.key, "experiment": "skip"}
            st.page_link(
                places.page("activations"), label=f"Open {row.title}{size}", icon=":material/alt_route:",
                query_params=view,
            )  # fmt: skip


def _before_and_after(engine: Engine, key: str, photo: Photo, before: str, layer: str) -> None:
    """The means of the channels of a layer and of the layer that is its input; where that is "", the photo."""
    wanted = [before, layer] if before else [layer]
    maps = show.asked("skip maps", partial(engine.all_activations, key, photo, wanted), "Running the network")
    if maps is None:
        return
    means = [one.maps.mean(0) for one in maps]
    titles = [f"{name}, mean of its {len(one.maps)} channels" for name, one in zip(wanted, maps, strict=True)]
    drawn, notes = [picture.diverging(mean) for mean in means], [side_by_side.extremes(mean) for mean in means]
    if not before:
        titles, drawn, notes = ["the photo", *titles], [maps[0].seen, *drawn], ["", *notes]
    titles = [f"{letter}: {title}" for letter, title in zip("xy", titles, strict=True)]
    side_by_side.row(titles, drawn, ["", ""] if show.presenting() else notes, ["→"])


def having(rows: Sequence[ModelInfo], most: int = 3) -> list[ModelInfo]:
    """The smallest networks with skip connections: those at hand, or where there is none, one to download."""
    known = [row for row in rows if (kind := family(row.key)) is not None and kind.skips]
    known.sort(key=lambda row: (row.where == "download", FAMILIES.index(family(row.key)), row.bytes))
    return [row for row in known if row.where != "download"][:most] or known[:1]


def _block(title: str, layers: Sequence[str], skips: bool) -> str:
    """A block of layers as a diagram, with the skip connection around it where it has one."""
    around = '<u aria-hidden="true">x</u>' if skips else ""
    end = "<i>+</i><b>y</b>" if skips else "<b>y</b>"
    parts = "".join(f"<span>{html.escape(part)}</span>" for part in layers)
    drawn = f"<figcaption>{title}</figcaption><div><b>x</b><s>{parts}{around}</s>{end}</div>"
    return f'<figure class="cv-block" role="img" aria-label="{title}">{drawn}</figure>'
