"""What stands beside a filter image: what the channel is tuned to, where photos please it, another recipe's picture."""

from __future__ import annotations

import colorsys
import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.recipes import in_words
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui.server import startup
from cnnviz.ui.views.filters import gallery
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.feature_vis.top_patches import Patches
    from cnnviz.feature_vis.tuning_curves import Tuning
    from cnnviz.runtime.engine import Engine

SIDE = 150  # px of a patch's photo


def tuning(engine: Engine, key: str, layer: str, channel: int) -> None:
    """The channel's badge, its curves, and its near-duplicates."""
    found: Tuning | None = show.asked(
        "tuning", lambda: engine.tuning(key, layer), "Running the network on 450 synthetic images"
    )
    if found is None or found.layer != layer:
        return
    from cnnviz.feature_vis import tuning_curves as asked  # brings in torch, which is here by now

    show.section("Tuned to", found.badge(channel))
    colours = [hexed(colorsys.hsv_to_rgb(hue / 360, 1, 1)) for hue in asked.HUES]
    grays = [hexed((gray, gray, gray)) for gray in asked.GRAYS]
    curves = (
        ("Gratings by orientation", found.orientation[channel], [f"{a:.0f}°" for a in asked.ORIENTATIONS], None),
        ("Gratings by wavelength", found.frequency[channel], [f"{p:g} px" for p in asked.PERIODS], None),
        ("Uniform colours and grays", [*found.hue[channel], *found.gray[channel]],
         [*asked.COLOURS, *(f"gray {g:.0%}" for g in asked.GRAYS)], [*colours, *grays]),
        ("Discs by size", found.size[channel], [f"{s:g} px" for s in asked.SIZES], None),
    )  # fmt: skip
    moved = channel not in found.dead  # of one that is dead, what is left is rounding
    *places, last = st.columns(5)
    for place, (label, values, names, paint) in zip(places, curves, strict=True):
        with place:
            st.html(bars([float(v) * moved for v in values], names, label, paint))
    with last:
        spot = found.place[channel]
        low, high = float(spot.min()), float(spot.max())
        heat = picture.colourise((spot - low) / max(high - low, 1e-12))
        words = f"Response of channel {channel} to a disc at each of 7 by 7 places, from {low:.3g} to {high:.3g}"
        show.image(show.pixelated(heat, 140), words, width=110)
        show.say("Discs by position")
    show.say("Mean activation minus the one for uniform gray.")
    pairs = [int(other) for pair in found.twins for other in pair if channel in pair and other != channel]
    if pairs:
        show.say(f"Channel {channel} responds as {', '.join(map(str, pairs))} does: near-duplicates.")
    if len(found.dead):
        show.say(
            f"{len(found.dead)} channels of this layer respond to none of these images: {listed(found.dead.tolist())}."
        )


def listed(channels: Sequence[int], most: int = 16) -> str:
    """The first channels by number, and how many more there are."""
    rest = f" and {len(channels) - most} more" if len(channels) > most else ""
    return ", ".join(map(str, channels[:most])) + rest


def patches(engine: Engine, key: str, layer: str, channel: int) -> None:
    """The photos of a folder that please the channel most, with the place it looks at."""
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
    show.section(
        f"Top-activating images of {len(found.photos)} photos",
        "inside the frame: the receptive field; around it, three times as much",
    )
    tiles = []
    for n, place in enumerate(found.photo[channel]):
        name = Path(found.photos[place]).name
        words = html.escape(f"{name}: channel {channel}, activation {found.value[channel, n]:.3g}")
        shown = picture.address(_tile(engine, key, found, channel, n), 90)
        tiles.append(f'<img alt="{words}" title="{words}" src="{shown}">')
    st.html(f'<div class="cv-strip">{"".join(tiles)}</div>')


def other_recipe(engine: Engine, request: gallery.Request, channel: int, other: str) -> gallery.Request:
    """The request for the same channel and seed by another recipe, no larger than the net's own input."""
    ascent = replace(engine.recipe(request.model, other), seed=request.ascent.seed)
    if ascent.size is not None:
        ascent = replace(ascent, size=min(ascent.size, *engine.model(request.model).input_size[1:]))
    return replace(request, channels=(channel,), ascent=ascent, photo=None, owner="")


def fork(engine: Engine, second: gallery.Request, name: str) -> None:
    """The picture of another recipe as it is now."""
    job = gallery.job(engine, second, None)
    (channel,) = second.channels
    track = job.look().tracks[channel]
    if job.error:
        st.error(show.plain(job.error), icon=":material/error:")
    elif track.picture is None:
        st.skeleton(height=320)
    else:
        shown = sheet.fitted(track.picture, 420)
        show.image(shown, f"Filter image of channel {channel} of {second.layer} by preset {name}")
        show.say(f"{in_words(second.ascent)}. Objective {track.values[-1]:.4g}.")


def bars(values: Sequence[float], names: Sequence[str], label: str, paint: Sequence[str] | None = None) -> str:
    """Answers as upright bars about zero, as HTML; each tells its name and value, the strongest stands beneath."""
    low, high = min(0.0, *values), max(0.0, *values)
    reach = high - low or 1.0
    best = max(range(len(values)), key=values.__getitem__)
    columns = []
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        foot, tall = (min(value, 0.0) - low) / reach, abs(value) / reach
        look = f"bottom:{foot:.2%};height:{max(tall, 0.01):.2%}" + (f";background:{paint[i]}" if paint else "")
        columns.append(f'<i title="{html.escape(name)}: {value:.3g}"><u style="{look}"></u></i>')
    most = f"most: {names[best]}, {values[best]:.3g}" if any(values) else "no response"
    return (
        f'<figure class="cv-tune"><div role="img" aria-label="{html.escape(f"{label}, {most}")}">{"".join(columns)}'
        f"</div><figcaption>{html.escape(label)}<br><small>{html.escape(most)}</small></figcaption></figure>"
    )


def hexed(colour: tuple[float, float, float]) -> str:
    """A colour of three shares 0..1 as #rrggbb."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def _tile(engine: Engine, key: str, found: Patches, channel: int, n: int) -> np.ndarray:
    """One photo as the net saw it, uint8 (S, S, 3), with the receptive field bright."""
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
