"""The way down, as views: channels that spoke for a class, the numbers of a map, and the products one is the sum of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.measured import measured
from cnnviz.options import RequestError
from cnnviz.ui.components.mosaic import mosaic
from cnnviz.ui.session import link
from cnnviz.ui.views.equation import equation
from cnnviz.ui.widgets import show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.inference.activations import Activations
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine
    from cnnviz.signal.receptive import Field

MOST = 16_000  # numbers of a map that can be pointed at one by one


def down(engine: Engine, key: str, photo: Photo, heat: Heatmap) -> None:
    """From the score of the map's question to its channels, to one number, to the products it is the sum of."""
    maps = show.asked("drill-maps", partial(engine.activations, key, photo, heat.layer))
    of = engine.model(key).fingerprint, heat.layer
    channel, place = unit(of, None if maps is None else maps.maps.shape)
    goal = heat.goal
    unit_of = photo, heat.target, heat.layer, channel, place
    ask = partial(engine.drill, key, *unit_of, versus=goal.versus, against=goal.against)
    found = show.asked("drill", ask, "Contributions")
    if found is None or maps is None:
        return
    top = found.witnesses[:12]
    now = found.arithmetic
    spoken = sum(w.contribution for w in found.witnesses)
    stage = show.presenting()
    count = len(found.witnesses)
    score, rest = f"{measured(found.score, 4)} ({heat.subject})", measured(found.rest, 4, sign=True)
    if stage:
        words = f"Score {score} = {measured(spoken, 4)} ({count} channels) {rest} (the rest)"
    else:
        words = (
            f"The score {score} is {measured(spoken, 4)} from the {count} channels of {heat.layer} "
            f"and {rest} from biases and later layers. Choose a channel, then a value of its map."
        )
    show.say(words)
    with st.container(key="drill"):
        one, two, three = st.columns(3, gap="medium")
    with one:
        show.section(
            "Channels" if stage else "Channels by their contribution to the score", "" if stage else "the largest first"
        )
        tiles = picture.mosaic(maps.maps[[w.channel for w in top]], columns=4, scope="channel", tile=110, gap=3)
        listed = [w.channel for w in top]
        mosaic(
            "drill-channels", tiles, columns=4, gap=3, alt="Channels by their share of the score",
            names=[f"Channel {w.channel} · {measured(w.contribution, 4, sign=True)}" for w in top],
            chosen=listed.index(now.channel) if now.channel in listed else None,
            on_choose=lambda: choose(top[st.session_state["drill-channels"]["place"]].channel),
        )  # fmt: skip
    with two:
        where = f"at {now.place[0]}, {now.place[1]}" if stage else f"its value at {now.place} is {measured(now.shown)}"
        show.section(f"Channel {now.channel}", where)
        pixels("drill-pixels", maps.maps[now.channel], now.place, lambda at: choose(now.channel, at))
    with three:
        size = f"{found.field[2] - found.field[0]} × {found.field[3] - found.field[1]} px"
        show.section("Receptive field", "" if stage else size)
        show.image(framed(heat.seen, found.field), f"The receptive field of row {now.place[0]}, column {now.place[1]}")
    equation(now)
    if stage:
        return
    shown = tiles, picture.diverging(maps.maps[now.channel]), framed(heat.seen, found.field)
    st.download_button(
        "PNG of the contributions", lambda: side_by_side(shown), f"{photo.name}_channel-{now.channel}.png", "image/png",
        key="png-proof", icon=":material/download:", on_click="ignore", help="Download what this tab shows",
    )  # fmt: skip


def side_by_side(drawn: Sequence[np.ndarray], height: int = 480) -> bytes:
    """Images uint8 (h, w, 3) at one height beside each other, as PNG; values stay squares."""
    sized = []
    for one in drawn:
        big = show.pixelated(one, 4 * height)
        sized += [picture.resize(big, max(1, round(big.shape[1] * height / big.shape[0])), height)]
        sized += [np.full((height, 12, 3), 255, np.uint8)]
    return picture.encode(np.concatenate(sized[:-1], axis=1), "png")


def pixels(
    key: str,
    values: np.ndarray,
    chosen: tuple[int, int],
    on_choose: Callable[[tuple[int, int]], None],
    limit: float | None = None,
    together: str = "",
) -> None:
    """One map whose numbers can be pointed at: hover reads one, a click or the arrow keys choose it."""
    height, width = values.shape

    def chose() -> None:
        on_choose(divmod(st.session_state[key]["place"], width))

    mosaic(
        key, show.pixelated(picture.diverging(values, limit), 420), columns=width, gap=0, alt="One channel's map",
        names=[f"({y}, {x}): {measured(values[y, x])}" for y in range(height) for x in range(width)],
        chosen=chosen[0] * width + chosen[1], on_choose=chose, link=together,
    )  # fmt: skip


def unit(of: Hashable, shape: tuple[int, ...] | None) -> tuple[int | None, tuple[int, int] | None]:
    """The channel and place in the link or chosen before `of` a net's layer, where they lie in maps of this shape."""
    link.linked_of("unit", of, "", lambda text: _unit(text, shape) is not None, str)
    link.note("unit", "")
    return _unit(st.session_state["unit"], shape) or (None, None)


def choose(channel: int, place: tuple[int, int] | None = None) -> None:
    """Go to a channel, and to a number of its map, when the page runs again."""
    st.session_state["unit"] = f"{channel}" if place is None else f"{channel}.{place[0]}.{place[1]}"


def _unit(text: str, shape: tuple[int, ...] | None) -> tuple[int | None, tuple[int, int] | None] | None:
    if not text:
        return None, None
    try:
        numbers = [int(part) for part in text.split(".")]
    except ValueError:
        return None
    if len(numbers) not in (1, 3) or (shape and not all(0 <= n < s for n, s in zip(numbers, shape, strict=False))):
        return None
    return numbers[0], (numbers[1], numbers[2]) if len(numbers) == 3 else None


def framed(seen: np.ndarray, field: tuple[int, int, int, int]) -> np.ndarray:
    """The picture with all outside of a field faded and its border drawn, enlarged for crispness."""
    left, top, right, low = field
    faded = (0.35 * seen + 0.65 * 128).astype(np.uint8)
    faded[top:low, left:right] = seen[top:low, left:right]
    drawn = faded.repeat(2, 0).repeat(2, 1)
    mark = (255, 176, 46)
    y0, y1, x0, x1 = 2 * top, 2 * low - 1, 2 * left, 2 * right - 1
    drawn[y0 : y1 + 1, [x0, x0 + 1, x1 - 1, x1]] = mark
    drawn[[y0, y0 + 1, y1 - 1, y1], x0 : x1 + 1] = mark
    return drawn


def number(
    key: str,
    channel: int,
    values: np.ndarray,
    limit: float | None,
    wanted: tuple[int | None, tuple[int, int] | None],
    together: str = "",
) -> tuple[int, int]:
    """A channel's map whose numbers can be chosen; the row and column of the `wanted` unit, the strongest at first.

    Maps of one name `together` are pointed at together.
    """
    which, place = wanted
    if which != channel or place is None or place[0] >= values.shape[0] or place[1] >= values.shape[1]:
        best = int(np.nan_to_num(np.abs(values)).argmax())
        place = best // values.shape[1], best % values.shape[1]
    if values.size <= MOST:
        pixels(key, values, place, lambda at: choose(channel, at), limit, together)
        return place
    show.image(picture.diverging(values, limit), f"Channel {channel}", tallest=420)
    if show.presenting():
        return place
    row, column = f"{key}-row", f"{key}-column"
    st.session_state[row], st.session_state[column] = place  # they follow the photo until a person says otherwise

    def chose() -> None:
        choose(channel, (st.session_state[row], st.session_state[column]))

    one, two = st.columns(2)
    one.number_input("Row", 0, values.shape[0] - 1, key=row, on_change=chose)
    two.number_input("Column", 0, values.shape[1] - 1, key=column, on_change=chose)
    return place


def receptive(engine: Engine, key: str, layer: str) -> Field | None:
    """The receptive field of a layer; None where no formula tells."""
    try:
        return engine.receptive(key, layer)
    except (RequestError, KeyError):
        return None


def field(engine: Engine, key: str, layer: str) -> tuple[int, int, float, bool]:
    """Size, jump, middle and wholeness of a layer's receptive field; where no formula tells, it sees everything."""
    if (found := receptive(engine, key, layer)) is None:
        return 1, 1, 0.0, True
    return found.size, found.jump, found.middle, found.whole


def sees(engine: Engine, key: str, shown: Activations, place: tuple[int, int]) -> tuple[int, int, int, int]:
    """What a number sees: left, top, right, bottom in pixels the net saw; everything where no formula tells."""
    try:
        return engine.field(key, shown.layer, place)
    except (RequestError, KeyError):
        return 0, 0, shown.seen.shape[1], shown.seen.shape[0]


def came_about(engine: Engine, key: str, photo: Photo, layer: str, channel: int, place: tuple[int, int]) -> None:
    """How one number came about, or in a sentence why that cannot be spelled out."""
    made = show.asked("number", partial(engine.arithmetic, key, photo, layer, channel, place))
    if made is not None and (made.layer, made.channel, made.place) == (layer, channel, place):
        equation(made)
