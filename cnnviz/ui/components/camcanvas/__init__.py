"""A photo and its heat on one canvas: opacity, threshold, contours, boxes, split, blink, brush, all in the browser.

Python hears of a change when the finger lifts.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components import convlab

if TYPE_CHECKING:
    from cnnviz.explain.cam import Heatmap
    from cnnviz.photo import Photo

HERE = Path(__file__).parent
MODES = ("overlay", "split", "blink")
VIEWS = ("photo", "seen")
SIDE = 900  # px: how large the photo travels
SMALL = 4096  # numbers of a raw map that travel
LONGEST = 1500  # characters of strokes in a link

_canvas = st.components.v2.component(
    "cnnviz_camcanvas",
    js=convlab.script(convlab.HERE / "common.js", HERE / "model.js", HERE / "index.js"),
    css=convlab.script(convlab.HERE / "style.css", HERE / "style.css"),
)


@dataclass(frozen=True)
class Look:
    """How a map lies over its photo, and what has been wiped away: strokes of (x, y, radius) over what the net saw."""

    opacity: float = 0.55
    threshold: float = 0.0
    colours: str = picture.HEAT
    mode: str = MODES[0]
    view: str = VIEWS[0]
    contours: bool = False
    boxes: bool = False
    strokes: tuple[tuple[tuple[float, float, float], ...], ...] = ()


def camcanvas(
    photo: Photo,
    heat: Heatmap,
    caption: str,
    begin: Look,
    *,
    others: Sequence[Heatmap] = (),
    methods: Mapping[str, Heatmap] = types.MappingProxyType({}),
    on_choose: Callable[[int, str], None] = lambda target, method: None,
    big: bool = False,
    key: str,
) -> Look:
    """The canvas; returns how it was left. `caption` is its sentence for those who cannot see it.

    A new photo takes the strokes away; another `begin` sets the look anew. `others` are maps of other classes by the
    same method and layer, `methods` maps of the same class by other methods' titles: the browser shows them by itself,
    then `on_choose` hears which class, and which method's name.
    """
    chips = [_chip(one, one.label) for one in others if _small(one)]
    ways = [_chip(one, title) for title, one in methods.items() if _small(one)]
    left, top, width, height = heat.box
    data = {
        "photo": _jpeg(picture.fit(photo, SIDE)),
        "seen": _jpeg(heat.seen),
        "stamp": photo.digest,
        "size": [photo.width, photo.height],
        "box": [left / photo.width, top / photo.height, width / photo.width, height / photo.height],
        "heat": convlab.text(np.rint(heat.values * 255)),
        "shape": list(heat.values.shape),
        "raw": _floats(heat.raw) if heat.raw.size <= SMALL else "",
        "target": heat.target,
        "method": heat.method,
        "classes": chips,
        "methods": ways,
        "rawShape": list(heat.raw.shape),
        "luts": _luts(),
        "caption": caption,
        "begin": {**vars(begin), "stamp": str(begin)},
        "big": big,
    }

    def chosen() -> None:
        said = st.session_state[key].get("choice") or {}
        if any((said.get("target"), said.get("method")) == (one["target"], one["method"]) for one in (*chips, *ways)):
            on_choose(said["target"], said["method"])

    result = _canvas(key=key, data=data, on_look_change=lambda: None, on_choice_change=chosen)
    said = getattr(result, "look", None)
    fresh = isinstance(said, dict) and said.get("stamp") == str(begin)
    return read(said, photo.digest) if fresh else begin


def read(said: Any, digest: str) -> Look:
    """What the browser says, as far as it is a look; nothing from outside is believed."""
    plain = Look()
    if not isinstance(said, dict):
        return plain
    try:
        strokes = tuple(tuple((float(x), float(y), float(r)) for x, y, r in stroke) for stroke in said["strokes"])
    except (TypeError, ValueError, KeyError):
        strokes = ()
    return Look(
        _share(said.get("opacity"), plain.opacity),
        _share(said.get("threshold"), plain.threshold),
        _one_of(said.get("colours"), picture.HEAT_MAPS, plain.colours),
        _one_of(said.get("mode"), MODES, plain.mode),
        _one_of(said.get("view"), VIEWS, plain.view),
        said.get("contours") is True,
        said.get("boxes") is True,
        strokes if said.get("photo") == digest else (),
    )


def to_link(look: Look) -> str:
    """A look in few characters, for a link; strokes come along while they are short."""
    flags = f"{int(look.contours)}{int(look.boxes)}"
    text = f"{look.opacity:g},{look.threshold:g},{look.colours},{look.mode},{look.view},{flags}"
    drawn = "~".join("_".join(".".join(str(round(1000 * n)) for n in dab) for dab in s) for s in look.strokes)
    return f"{text},{drawn}" if drawn and len(drawn) < LONGEST else text


def from_link(text: str) -> Look:
    """The look that a link asks for, as far as it makes sense."""
    parts = (text.split(",") + [""] * 7)[:7]
    try:
        drawn = [[[int(n) / 1000 for n in dab.split(".")] for dab in s.split("_")] for s in parts[6].split("~") if s]
        said = {"opacity": float(parts[0]), "threshold": float(parts[1]), "strokes": drawn, "photo": ""}
    except ValueError:
        return Look()
    said |= {"colours": parts[2], "mode": parts[3], "view": parts[4]}
    return read(said | {"contours": parts[5][:1] == "1", "boxes": parts[5][1:2] == "1"}, "")


def _share(value: Any, otherwise: float) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    return round(float(value), 3) if good else otherwise


def _one_of(value: Any, choices: tuple[str, ...], otherwise: str) -> str:
    return value if value in choices else otherwise


def _small(heat: Heatmap) -> bool:
    return heat.raw.size <= SMALL and bool(np.isfinite(heat.raw).all())


def _chip(heat: Heatmap, title: str) -> dict[str, Any]:
    return {"target": heat.target, "method": heat.method, "title": title, "raw": _floats(heat.raw)}


def _floats(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _jpeg(pixels: np.ndarray) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.encode(pixels, "jpeg", 90)).decode()


@cache
def _luts() -> dict[str, str]:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    return {name: convlab.text(picture.colourise(ramp, name)) for name in picture.HEAT_MAPS}
