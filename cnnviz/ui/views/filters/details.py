"""What stands beside a filter image: what the channel is tuned to, and another image."""

from __future__ import annotations

import colorsys
import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.recipes import RECIPES, in_words
from cnnviz.measured import measured
from cnnviz.photo import Photo
from cnnviz.ui.components.growth import growth
from cnnviz.ui.views.filters import gallery
from cnnviz.ui.widgets import compare, show

if TYPE_CHECKING:
    from cnnviz.feature_vis.tuning_curves import Tuning
    from cnnviz.runtime.engine import Engine


def tuning(engine: Engine, key: str, layer: str, channel: int, reached: float = 0.0) -> None:
    """The channel's badge, its curves, and its near-duplicates; `reached` is its activation in its filter image."""
    found: Tuning | None = show.asked(
        "tuning", lambda: engine.tuning(key, layer), "Running the network on 450 synthetic images"
    )
    if found is None or found.layer != layer:
        return
    from cnnviz.feature_vis import tuning_curves as asked  # brings in torch, which is here by now

    show.section("Tuned to", found.badge(channel, reached))
    colours = [hexed(colorsys.hsv_to_rgb(hue / 360, 1, 1)) for hue in asked.HUES]
    grays = [hexed((gray, gray, gray)) for gray in asked.GRAYS]
    curves = (
        Curve("Gratings", "orientation", found.orientation[channel], [f"{a:.0f}°" for a in asked.ORIENTATIONS]),
        Curve("Gratings", "wavelength", found.frequency[channel], [f"{p:g} px" for p in asked.PERIODS]),
        Curve("Uniform colours and grays", "colour, then gray level", [*found.hue[channel], *found.gray[channel]],
              [*asked.COLOURS, *(f"gray {g:.0%}" for g in asked.GRAYS)], (*colours, *grays)),
        Curve("Discs", "diameter", found.size[channel], [f"{s:g} px" for s in asked.SIZES]),
    )  # fmt: skip
    moved = channel not in found.dead  # of one that is dead, what is left is rounding
    *places, last = st.columns(5)
    least = asked.WEAK * max(0.0, reached)
    shown = [replace(curve, values=[float(v) * moved for v in curve.values], least=least) for curve in curves]
    for place, curve in zip(places, shown, strict=True):
        with place:
            st.html(bars(curve))
    with last:
        spot = found.place[channel]
        low, high = float(spot.min()), float(spot.max())
        silent = max(-low, high) <= least or not moved
        show.say("Discs by position: no response" if silent else "Discs by position")
        if not silent:
            ends = f"from {measured(low)} to {measured(high)}"
            words = f"Response of channel {channel} to a disc at each of 7 by 7 places, {ends}"
            heat = picture.colourise((spot - low) / max(high - low, 1e-12))
            show.image(show.pixelated(heat, 140), words, width=110)
            show.scale(low, high, picture.HEAT, "Response to discs by position")
    show.say("Upright: mean activation minus the one for uniform gray.")
    file = f"{key.replace('/', '-')}_{layer}_{channel}_tuning.csv"
    st.download_button(
        "CSV of the curves", partial(table, shown), file, "text/csv", key="csv-tuning",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
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


def kinds(engine: Engine, request: gallery.Request, channel: int, preset: str) -> dict[str, compare.Kind]:
    """What an image beside the one close up may differ in."""
    widths = engine.filter_layers(request.model)
    labels = engine.model(request.model).labels
    called = labels.__getitem__ if request.layer == "logits" else str
    found = {
        "recipe": compare.Kind("Preset", [name for name in RECIPES if name != preset]),
        "seed": compare.Kind("Seed", [seed for seed in range(10) if seed != request.ascent.seed]),
        "channel": compare.Kind("Channel", [c for c in range(widths[request.layer]) if c != channel], called),
        "layer": compare.Kind("Layer", [name for name in widths if name not in (request.layer, "logits")]),
        compare.NETWORK: compare.networks(request.model),
        compare.SNAPSHOT: compare.snapshots(request.model),
    }
    return found | ({compare.PHOTO: compare.photos()} if request.photo else {})


def second(
    engine: Engine, request: gallery.Request, channel: int, found: compare.Second | None
) -> gallery.Request | None:
    """The request for one image that differs from the one of `channel` in what was chosen and in nothing else."""
    if found is None:
        return None
    one, what, value = replace(request, channels=(channel,)), found.what, found.value
    if what == "recipe":
        return _other_recipe(engine, one, value)
    if what == "seed":
        return replace(one, ascent=replace(one.ascent, seed=value))
    if what == "channel":
        return replace(one, channels=(value,))
    if what == "layer":
        return replace(one, layer=value, channels=(min(channel, engine.filter_layers(one.model)[value] - 1),))
    if what == compare.PHOTO:
        photo = compare.photo(found)
        return replace(one, photo=photo.digest, owner=gallery.owner(photo, one.model))
    return _other_network(engine, one, compare.network(found, one.model))


def _other_network(engine: Engine, one: gallery.Request, key: str) -> gallery.Request:
    """The same with another network: at the layer of that name, or as far along, by that network's own preset."""
    widths = engine.filter_layers(key)
    layer = compare.same_layer(one.layer, [*engine.filter_layers(one.model)], [*widths])
    ascent = replace(engine.recipe(key), seed=one.ascent.seed)
    channels = (min(one.channels[0], widths[layer] - 1),)
    return gallery.Request(key, engine.model(key).fingerprint, layer, channels, ascent, owner=gallery.owner(None, key))


def _other_recipe(engine: Engine, one: gallery.Request, other: str) -> gallery.Request:
    """The same channel and seed by another preset, no larger than the network's own input."""
    ascent = replace(engine.recipe(one.model, other), seed=one.ascent.seed)
    if ascent.size is not None:
        ascent = replace(ascent, size=min(ascent.size, *engine.model(one.model).input_size[1:]))
    return replace(one, ascent=ascent, photo=None, owner=gallery.owner(None, one.model))


def beside(engine: Engine, asked: gallery.Request, photo: Photo | None, title: str) -> None:
    """The image compared with as it is now; once it is done every step, as of the other."""
    job = gallery.job(engine, asked, photo)
    (channel,) = asked.channels
    track = job.look().tracks[channel]
    model = engine.model(asked.model)
    named = model.labels[channel] if asked.layer == "logits" else f"channel {channel} of {asked.layer}"
    show.section(f"Compared with {title}", named)
    if job.error:
        st.error(show.plain(job.error), icon=":material/error:")
    elif track.picture is None:
        st.skeleton(height=320)
    elif track.image is None:
        show.image(sheet.fitted(track.picture, 420), f"Filter image of {named}, {title}")
    else:
        values = [track.image.before, *track.values[:-1], track.image.value]
        growth("growth-second", track.whole(), [0, *track.steps], values, alt=f"Filter image of {named}, {title}")
        image = track.image.picture
        show.take_away(
            "second", picture=partial(np.asarray, image), array=partial(np.asarray, image),
            file=f"{asked.model.replace('/', '-')}_{asked.layer}_{channel}_{title}",
        )  # fmt: skip
    show.say(f"{in_words(asked.ascent)}.")


@dataclass(frozen=True)
class Curve:
    """Responses to one series of test images: its title, what differs along it, the values and what each is of.

    Where all values are below `least`, they count as none.
    """

    title: str
    unit: str
    values: Sequence[float]
    names: Sequence[str]
    paint: Sequence[str] = ()
    least: float = 0.0


def bars(curve: Curve) -> str:
    """A curve as upright bars about zero with both axes, as HTML; each bar tells its name and value."""
    values, names = curve.values, curve.names
    largest = max(map(abs, values))
    silent = largest < curve.least or not largest
    low, high = min(0.0, *values), max(0.0, *values, curve.least if silent else 0.0)
    reach = high - low or 1.0
    best = max(range(len(values)), key=values.__getitem__)
    columns = []
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        foot, tall = (min(value, 0.0) - low) / reach, abs(value) / reach
        look = f"bottom:{foot:.2%};height:{max(tall, 0.01):.2%}" + (
            f";background:{curve.paint[i]}" if curve.paint else ""
        )
        columns.append(f'<i title="{html.escape(name)}: {measured(value)}"><u style="{look}"></u></i>')
    most = f"maximum at {names[best]}, {measured(values[best])}"
    if silent:
        most = f"no response (at most {measured(largest)})" if largest else "no response"
    label = html.escape(f"{curve.title} by {curve.unit}, {most}")
    ticks = [names[0], names[len(names) // 2], names[-1]]
    upright = "".join(f"<span>{measured(value)}</span>" for value in dict.fromkeys((high, low)))
    zero = f'<s style="bottom:{-low / reach:.2%}"></s>'
    across = "".join(f"<span>{html.escape(tick)}</span>" for tick in ticks)
    return (
        f'<figure class="cv-axes"><figcaption>{html.escape(curve.title)}<br>{html.escape(most)}</figcaption>'
        f'<div class="cv-y">{upright}</div><div class="cv-bars-of" role="img" aria-label="{label}">{zero}'
        f'{"".join(columns)}</div><div class="cv-x">{across}</div><div class="cv-unit">{html.escape(curve.unit)}</div>'
        "</figure>"
    )


def table(curves: Sequence[Curve]) -> str:
    """The curves as CSV: test images, what differs, at which value, response."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(["images", "along", "at", "mean activation minus that for uniform gray"])
    rows.writerows(
        [c.title, c.unit, name, f"{v:.6g}"] for c in curves for name, v in zip(c.names, c.values, strict=True)
    )
    return file.getvalue()


def hexed(colour: tuple[float, float, float]) -> str:
    """A colour of three shares 0..1 as #rrggbb."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
