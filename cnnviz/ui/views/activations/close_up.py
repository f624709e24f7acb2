"""One channel large, beside the channel it is compared with: its map, its numbers, and what one of them depends on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import caption, picture
from cnnviz.measured import measured
from cnnviz.script import PHOTO, call, script
from cnnviz.ui.components.mosaic import mosaic
from cnnviz.ui.session import current, link
from cnnviz.ui.views import numbers
from cnnviz.ui.views.activations.layer_grid import LINK
from cnnviz.ui.views.activations.sides import Side, both_file
from cnnviz.ui.widgets import controls, show

if TYPE_CHECKING:
    from PIL import Image

FIGURE = 480  # px: how high a picture of the PNG is
Place = tuple[int, int]  # row and column
Wanted = tuple[int | None, tuple[int, int] | None]


def close_up(sides: list[Side], scope: str, most: float, unit: Wanted, asked: bool) -> tuple[int, int]:
    """The chosen channel of each side on one scale, its numbers; the row and column that are chosen in the first."""
    first, channel = sides[0], sides[0].chosen
    values = first.shown.maps[channel]
    channels = [side.chosen for side in sides]
    maps = [side.shown.maps[side.chosen] for side in sides]
    limit = _limit(sides, maps, scope, most)
    if show.presenting():
        return _on_stage(first, values, limit, unit)
    _head(first, channel)
    one, two = st.columns([1.35, 1] if len(sides) == 1 else 2, gap="small")
    with one:
        if len(sides) > 1:
            show.say(f"{current.photo().name}, {first.shown.layer}, channel {channel}")
        place = numbers.number(f"number-{first.shown.layer}", channel, values, limit, unit, together=LINK)
        if len(sides) > 1:
            show.say(f"({place[0]}, {place[1]}): {measured(values[place])}")
    with two:
        if len(sides) > 1:
            _second(sides[1], channels[1], maps[1], limit, place, values.shape)
        else:
            _photo(first, channel, values, limit, place)
    joined = np.concatenate([m.ravel() for m in maps])
    show.scale(float(joined.min()), float(joined.max()), picture.ACTIVATION, "Activation")
    for side, c in zip(sides, channels, strict=True):
        _facts(side, c, side.title if len(sides) > 1 else "")
    if len(sides) == 1 and not show.presenting():
        show.histogram(values, label=f"Values of channel {channel}")
    if asked:
        _take_away(sides, channels, maps, limit, place)
    return place


def _on_stage(first: Side, values: np.ndarray, limit: float, unit: Wanted) -> tuple[int, int]:
    """The map as large as the stage allows, and its numbers and the receptive field beside it."""
    one, two = st.columns([1.5, 1])
    with one:
        place = numbers.number(f"number-{first.shown.layer}", first.chosen, values, limit, unit)
    with two:
        show.section(f"Channel {first.chosen}", "")
        _facts(first, first.chosen, "")
        _photo(first, first.chosen, values, limit, place)
    return place


def _limit(sides: list[Side], maps: list[np.ndarray], scope: str, most: float) -> float:
    """The size of a value at the ends of the colour scale, the same for both sides."""
    if scope == "all layers":
        return most
    of = maps if scope == "channel" else [side.shown.maps for side in sides]
    return max(float(np.abs(np.nan_to_num(one, posinf=0, neginf=0)).max()) for one in of) or 1.0


def _head(first: Side, channel: int) -> None:
    count = len(first.shown.maps)
    left, right = st.columns([2.4, 1], vertical_alignment="center")
    with left:
        small = first.shown.maps[0].size <= numbers.MOST
        show.section(
            f"Channel {channel}", "click a value, or use the arrow keys" if small else "choose a row and a column"
        )
    if not show.presenting():
        right.number_input("Channel", 0, count - 1, key="channel", label_visibility="collapsed")


def _second(
    side: Side, channel: int, values: np.ndarray, limit: float, place: tuple[int, int], shape: tuple[int, ...]
) -> None:
    """The map compared with; the same place of the photo is framed, and a click there chooses it in both."""
    high, wide = values.shape
    at = min(high - 1, place[0] * high // shape[0]), min(wide - 1, place[1] * wide // shape[1])

    def chose() -> None:
        row, column = divmod(st.session_state["number-second"]["place"], wide)
        back = min(shape[0] - 1, row * shape[0] // high), min(shape[1] - 1, column * shape[1] // wide)
        numbers.choose(st.session_state["channel"], back)

    named = side.title if side.title == side.shown.layer else f"{side.title}, {side.shown.layer}"
    show.say(f"{named}, channel {channel}")
    if values.size > numbers.MOST:
        show.image(picture.diverging(values, limit), f"Channel {channel} of {side.shown.layer}", tallest=420)
        return
    mosaic(
        "number-second", show.pixelated(picture.diverging(values, limit), 420), columns=wide, gap=0,
        alt=f"Channel {channel} of {side.title}",
        names=[f"({y}, {x}): {measured(values[y, x])}" for y in range(high) for x in range(wide)],
        chosen=at[0] * wide + at[1], on_choose=chose, link=LINK,
    )  # fmt: skip
    show.say(f"({at[0]}, {at[1]}): {measured(values[at])}")


def _photo(first: Side, channel: int, values: np.ndarray, limit: float, place: tuple[int, int]) -> None:
    """The photo with the receptive field of the chosen value, or with the channel laid over it."""
    seen = numbers.sees(current.engine(), first.key, first.shown, place)
    over = controls.linked_tick("over")
    if over:
        show.image(
            _overlay(first, values, limit), f"Channel {channel} of {first.shown.layer} over the photo", tallest=300
        )
    else:
        words = f"Receptive field of row {place[0]}, column {place[1]} on the photo"
        show.image(numbers.framed(first.shown.seen, seen), words, tallest=300)
    if show.presenting():
        link.note("over", False)
        return
    controls.tick("Overlay", "over", help="Activations above zero, over the network's input")
    show.say(f"Receptive field: {seen[2] - seen[0]} × {seen[3] - seen[1]} px")


def _facts(side: Side, channel: int, title: str) -> None:
    values = side.shown.maps[channel]
    named = {title: f"channel {channel}"} if title else {}
    show.facts(
        named
        | {
            "Minimum": measured(values.min()),
            "Mean": measured(side.shown.mean[channel]),
            "Maximum": measured(side.shown.max[channel]),
            "Above 0": f"{side.shown.alive[channel]:.0%}",
        }
    )


def _take_away(sides: list[Side], channels: list[int], maps: list[np.ndarray], limit: float, place: Place) -> None:
    """The map or the two maps as they are shown, with title, scale and caption, and their numbers."""
    rounded, side, lines = float(f"{limit:.9g}"), sides[0], ""
    if len(sides) == 1:
        lines = script(
            f"values = {call('engine.activations', side.key, PHOTO, side.shown.layer)}.maps[{channels[0]}]",
            f"pixels = cnnviz.picture.diverging(values, {rounded!r})  # uint8 {(*maps[0].shape, 3)}",
            engine=True, opening=show.opening(side.photo),
        )  # fmt: skip
    file, over = both_file(sides, f"channel-{channels[0]}"), bool(link.noted("over"))
    named = {"": maps[0]} if len(maps) == 1 else {"first": maps[0], "second": maps[1]}
    show.take_away(
        "channel", picture=partial(_figure, sides, channels, rounded, place, over), python=lines, file=file,
        array={what: partial(np.asarray, one) for what, one in named.items()},
    )  # fmt: skip


def _figure(sides: list[Side], channels: list[int], limit: float, place: Place, over: bool) -> Image.Image:
    """The map of each side with its title and scale; of one alone also the photo beside it, as it is shown."""
    maps = [side.shown.maps[c] for side, c in zip(sides, channels, strict=True)]
    scale = caption.bar(min(float(m.min()) for m in maps), max(float(m.max()) for m in maps), note=" activation")
    parts = []
    for side, c, values in zip(sides, channels, maps, strict=True):
        title = f"Channel {c} of {side.shown.layer}, {side.model.title}"
        least, mean, most = map(measured, (values.min(), values.mean(), values.max()))
        words = f"{side.photo.name}. Minimum {least}, mean {mean}, maximum {most}."
        parts.append(caption.captioned(_large(picture.diverging(values, limit)), title, scale, words))
    if len(sides) > 1:
        return caption.beside(parts)
    first, values = sides[0], maps[0]
    if over:
        return caption.beside([*parts, caption.captioned(_overlay(first, values, limit), "Activations above 0")])
    box = numbers.sees(current.engine(), first.key, first.shown, place)
    title = f"Receptive field: {box[2] - box[0]} × {box[3] - box[1]} px"
    words = f"Of row {place[0]}, column {place[1]}: {measured(values[place])}."
    return caption.beside(
        [*parts, caption.captioned(_large(numbers.framed(first.shown.seen, box)), title, None, words)]
    )


def _large(pixels: np.ndarray) -> np.ndarray:
    """An image uint8 (h, w, 3) at the height of a figure; values stay squares."""
    big = show.pixelated(pixels, 2 * FIGURE)
    return picture.resize(big, max(1, round(big.shape[1] * FIGURE / big.shape[0])), FIGURE)


def _overlay(first: Side, values: np.ndarray, limit: float) -> np.ndarray:
    """Activations above zero over the network's input, uint8 (h, w, 3)."""
    heat = np.maximum(values, 0) / max(limit, 1e-12)
    return _large(np.asarray(picture.overlay(first.shown.seen, heat, 0.6)))
