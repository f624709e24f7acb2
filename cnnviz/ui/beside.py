"""What stands beside a filter image: what the channel is tuned to, where photos please it, another recipe's picture."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.explain import sheet
from cnnviz.explain.ascent import in_words
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.ui import gallery, show

if TYPE_CHECKING:
    from cnnviz.engine import Engine
    from cnnviz.explain.patches import Patches
    from cnnviz.explain.tuning import Tuning

SIDE = 150  # px of a patch's photo


def tuning(engine: Engine, key: str, layer: str, channel: int) -> None:
    """The channel's badge, its curves, and its near-duplicates."""
    found: Tuning | None = show.asked(
        "tuning", lambda: engine.tuning(key, layer), "Showing the net 450 synthetic pictures"
    )
    if found is None or found.layer != layer:
        return
    from cnnviz.explain import tuning as asked  # brings in torch, which is here by now

    show.section("Tuned to", found.badge(channel))
    one, two, three, four = st.columns(4)
    angles = {f"{a:03.0f}°": float(v) for a, v in zip(asked.ORIENTATIONS, found.orientation[channel], strict=True)}
    periods = {f"{p:02.0f} px": float(v) for p, v in zip(asked.PERIODS, found.frequency[channel], strict=True)}
    with one:
        _bars(angles, "Stripes by direction")
    with two:
        _bars(periods, "Stripes by period")
    with three:
        names = [f"{i:02} {name}" for i, name in enumerate(asked.COLOURS)]
        _bars(dict(zip(names, map(float, found.hue[channel]), strict=True)), "Plain colours")
    with four:
        place = found.place[channel]
        low, high = float(place.min()), float(place.max())
        heat = picture.colourise((place - low) / max(high - low, 1e-12))
        show.image(
            show.pixelated(heat, 140),
            f"Answer of channel {channel} to a disc at each of 7 by 7 places",
            "Disc by place",
        )
    pairs = [int(other) for pair in found.twins for other in pair if channel in pair and other != channel]
    if pairs:
        show.say(f"Channel {channel} answers as {', '.join(map(str, pairs))} does: near-duplicates.")
    if len(found.dead):
        listed = ", ".join(map(str, found.dead[:16]))
        show.say(f"{len(found.dead)} channels of this layer answer to none of these pictures: {listed}")


def patches(engine: Engine, key: str, layer: str, channel: int) -> None:
    """The photos of a folder that please the channel most, with the place it looks at."""
    chosen: Path | None = None
    if os.environ.get("CNNVIZ_PUBLIC") != "1":  # strangers see no folders of this machine
        written = st.text_input(
            "Photos from a folder on this machine; the samples where none is named", key="patch-folder"
        )
        chosen = Path(written).expanduser() if written.strip() else None

    def ask() -> Patches:
        from cnnviz.explain.patches import photos_in

        photos = [Photo.sample(name) for name in samples()] if chosen is None else [*photos_in(chosen)]
        return engine.patches(key, layer, photos, show.progress("Showing photos to the net"))

    found = show.asked("patches", ask)
    if found is None or found.layer != layer:
        return
    show.section(f"Pleased most by these of {len(found.photos)} photos", "bright: what it sees there")
    tiles = [_tile(engine, key, found, channel, n) for n in range(found.photo.shape[1])]
    names = ", ".join(Path(found.photos[i]).name for i in found.photo[channel])
    show.image(
        sheet.contact_sheet(tiles, columns=9, side=SIDE), f"Photos that channel {channel} answers most to: {names}"
    )


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
        show.image(shown, f"Filter image of channel {channel} of {second.layer} by recipe {name}")
        show.say(f"{in_words(second.ascent)}. Objective {track.values[-1]:.4g}.")


def _bars(values: dict[str, float], label: str) -> None:
    st.bar_chart(values, height=150, x_label="", y_label="", alt=label)
    show.say(label)


def _tile(engine: Engine, key: str, found: Patches, channel: int, n: int) -> np.ndarray:
    """One photo as the net saw it, uint8 (S, S, 3), with the receptive field bright."""
    from cnnviz.explain.patches import drawn

    name = found.photos[found.photo[channel, n]]
    try:
        photo = Photo.sample(name) if name in samples() else Photo.open(Path(name), side=1024)
    except RequestError:  # gone since it was asked
        return np.full((SIDE, SIDE, 3), 128, np.uint8)
    seen = engine.model(key).preprocess.see(photo)
    shown = drawn(seen, [int(v) for v in found.box[channel, n]])
    short = min(shown.shape[:2])
    return sheet.fitted(shown[:short, :short], SIDE)
