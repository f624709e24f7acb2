"""A photo and its heat on a canvas, or two side by side: opacity, contours, split, brush and more, in the browser.

Python hears of a change when the finger lifts. The canvas is told little, so that another map is there at once: the
pictures under it and the maps at hand lie on a shelf in the browser, filled by `pictures` and `at_hand`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import picture
from cnnviz.ui.components import shelf
from cnnviz.ui.components.camcanvas.look import Look, read
from cnnviz.ui.components.shared import encode, joiner
from cnnviz.ui.components.shared.subject import subject as key_of
from cnnviz.ui.components.shared.told import whole

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo

HERE = Path(__file__).parent
CLASSES = 10**6  # of any network
SIDE = 900  # px: how large the photo travels
SMALL = 4096  # numbers of a raw map that travel
MANY = 400_000  # numbers of the raw maps of all classes that travel


@dataclass(frozen=True)
class Beside:
    """A second map on its photo, what the first and the second are called, and whether both have one scale."""

    photo: Photo
    heat: Heatmap
    caption: str
    titles: tuple[str, str]
    pair: bool


_canvas = st.components.v2.component(
    "cnnviz_camcanvas",
    js=joiner.script(HERE / "index.js"),
    css=joiner.sheet(joiner.SHEET, HERE / "style.css"),
)
_pick = st.components.v2.component(
    "cnnviz_campick",
    js=joiner.script(HERE / "pick.js"),
    css=joiner.sheet(joiner.SHEET, HERE / "style.css"),
)


def pictures(photo: Photo, heat: Heatmap, kept: MutableMapping[str, dict[str, Any]], key: str) -> None:
    """The photo, what the net saw of it, and the colour maps, laid on the shelf for the canvas `key`.

    Encoded once as long as `kept` lasts; a message that was sent before does not travel again.
    """
    stamp = _stamp(photo, heat)
    if kept.get(key, {}).get("stamp") != stamp:
        seen = {
            "photo": picture.address(picture.fit(photo, SIDE), 90),
            "seen": picture.address(heat.seen, 90),
            "luts": _luts(),
        }
        kept[key] = {"stamp": stamp, **seen}
    shelf.lay(f"{key} pictures", kept[key])


def subject_of(model: Model, photo: Photo, layer: str, *question: object) -> str:
    """The key of all maps that answer the same `question` about a photo and differ in class and method alone."""
    return key_of(model, photo, layer, *question)


def question_of(model: Model, photo: Photo, heat: Heatmap) -> str:
    """The key of all maps that answer what `heat` answers, each at a layer of its own."""
    return key_of(model, photo, heat.method, heat.target, heat.goal, heat.options, heat.clip, heat.top)


def at_hand(heats: Sequence[Heatmap], subject: str, key: str, common: Mapping[str, float]) -> None:
    """Other raw maps of the same `subject`, laid on the shelf: the canvas `key` shows them without asking.

    `common` is the largest raw value among all classes by a method's name, where it is known: their one scale.
    """
    maps = {f"{one.target} {one.method}": encode.floats(one.raw) for one in heats if _small(one)}
    shelf.lay(f"{key} maps", {"subject": subject, "maps": maps, "common": {**common}})


def all_at_hand(maps: np.ndarray | None, method: str, subject: str, key: str) -> None:
    """The raw maps (K, h, w) of every class by one method, laid on the shelf where they are not too many.

    They travel once for a photo and a layer, in 16 bits each; the canvas shows them until Python has followed.
    """
    data: dict[str, Any] = {"subject": subject, "method": ""}
    if maps is not None and maps.size <= MANY and maps[0].size <= SMALL and np.isfinite(maps).all():
        sizes = np.abs(maps).max((1, 2)) / 32767  # (K,)
        whole = np.rint(maps / np.where(sizes > 0, sizes, 1)[:, None, None])
        data |= {"method": method, "sizes": encode.floats(sizes), "numbers": encode.text(whole, "<i2")}
    shelf.lay(f"{key} all", data)


def answered(strokes: Sequence[Sequence[Sequence[float]]], words: str, classes: Mapping[int, str], key: str) -> None:
    """The prediction without what `strokes` erase, laid on the shelf: its `words` stand under the canvas `key`.

    Its `classes` (index -> label) have the buttons then, unless there are none.
    """
    last = [share for dab in strokes[-1][-1:] for share in dab]
    shelf.lay(f"{key} erased", {"of": [len(strokes), *last], "words": words, "classes": _chips(classes)})


def classes(listed: Mapping[int, str]) -> None:
    """The classes (index -> words) that every `classpick` of the page offers, laid on the shelf."""
    shelf.lay("classes", {"list": [*listed.items()]})


def classpick(
    label: str,
    key: str,
    chosen: int,
    none: str,
    on_choose: Callable[[int], None],
    *,
    canvas: str = "",
    best: int = -1,
    without: int | None = None,
    disabled: bool = False,
    help: str = "",
) -> None:
    """A searchable list of the page's `classes`, `without` one of them; before them -1, which says `none`.

    What is picked the canvas of that key shows at once, where its map is at hand (-1 stands for the class `best`);
    then `on_choose` hears it.
    """

    def picked() -> None:
        index = whole(st.session_state[key].get("choice"), -1, CLASSES)
        if index is not None:
            on_choose(index)

    told = {"label": label, "none": none, "chosen": chosen, "canvas": canvas, "best": best, "without": without}
    _pick(key=key, data={**told, "disabled": disabled, "help": help}, on_choice_change=picked)


def camcanvas(
    photo: Photo,
    heat: Heatmap,
    caption: str,
    begin: Look,
    *,
    classes: Mapping[int, str],
    methods: Mapping[str, str],
    others: Container[int] = (),
    subject: str = "",
    on_choose: Callable[[int | None, str | None], None] = lambda target, method: None,
    on_crop: Callable[[float], None] = lambda at: None,
    beside: Beside | None = None,
    question: str = "",
    lists: Mapping[str, str] | None = None,
    big: bool = False,
    key: str,
) -> Look:
    """The canvas; returns how it was left. `caption` is its sentence for those who cannot see it.

    A new photo takes the strokes away; another `begin` sets the look anew. There is a button for each of the `classes`
    (index -> label) and `methods` (name -> title), and while something is erased for what is `answered`, which is of
    these or of `others`: where its map is `at_hand` of the same `subject` the browser shows
    it by itself; then `on_choose` hears which class or which method's name, None for what was not chosen. So it does
    where a "method" or a "layer" is picked in the page's own select box whose key `lists` names; of a layer it shows
    the map that it had before of the same `question`. What is `beside` it has a canvas of its own, with the same look;
    `pictures` lays its photo on the shelf under "KEY second". Where a hand moved the crop, `on_crop` hears how far
    along the photo it lies now, 0 to 1.
    """
    ways = [{"method": name, "title": title} for name, title in methods.items()]
    data: dict[str, Any] = {
        "name": key,
        **_map(photo, heat, caption),
        "classes": _chips(classes),
        "methods": ways,
        "lists": {**(lists or {})},
        "subject": subject,
        "question": question,
        "begin": {**vars(begin), "stamp": str(begin)},
        "big": big,
    }
    if beside is not None:
        first, second = beside.titles
        data |= {"title": first, "pair": beside.pair}
        data["second"] = {"title": second, **_map(beside.photo, beside.heat, beside.caption)}

    def chosen() -> None:
        said = st.session_state[key].get("choice")
        if not isinstance(said, dict):
            return
        target, method = whole(said.get("target"), 0, CLASSES), said.get("method")
        known = target in classes or target in others or said.get("target") is None
        if known and (method is None or (isinstance(method, str) and method in methods)):
            on_choose(target, method)

    def cropped() -> None:
        at = st.session_state[key].get("crop")
        if isinstance(at, (int, float)) and 0 <= at <= 1:
            on_crop(round(float(at), 2))

    result = _canvas(key=key, data=data, on_look_change=lambda: None, on_choice_change=chosen, on_crop_change=cropped)
    return _left(getattr(result, "look", None), begin, photo)


def left(begin: Look, photo: Photo, key: str) -> Look:
    """How the canvas `key` was left, before it is drawn again; `begin` where it was not touched since."""
    canvas = st.session_state.get(key)
    return _left(None if canvas is None else canvas.get("look"), begin, photo)


def _left(said: Any, begin: Look, photo: Photo) -> Look:
    fresh = isinstance(said, dict) and said.get("stamp") == str(begin)
    return read(said, photo.digest) if fresh else begin


def _chips(classes: Mapping[int, str]) -> list[dict[str, Any]]:
    return [{"target": target, "title": label} for target, label in classes.items()]


def _map(photo: Photo, heat: Heatmap, caption: str) -> dict[str, Any]:
    """A map and what it is of, as the browser takes it."""
    left, top, width, height = heat.box
    return {
        "stamp": photo.digest,
        "pictures": _stamp(photo, heat),
        "size": [photo.width, photo.height],
        "box": [left / photo.width, top / photo.height, width / photo.width, height / photo.height],
        "padding": list(heat.padding),
        "crop": 0.5 if photo.crop == "centre" else photo.crop if isinstance(photo.crop, float) else None,
        "heat": encode.text(np.rint(heat.values * 255)),
        "shape": list(heat.seen.shape[:2]),
        "raw": encode.floats(heat.raw) if heat.raw.size <= SMALL else "",
        "rawShape": list(heat.raw.shape),
        "reach": heat.reach,
        "target": heat.target,
        "method": heat.method,
        "layer": heat.layer,
        "against": heat.goal.against,
        "caption": caption,
    }


def _stamp(photo: Photo, heat: Heatmap) -> str:
    """The key of the pictures: the photo, and what the net saw of it."""
    return key_of(photo, heat.box, heat.seen)


def _small(heat: Heatmap) -> bool:
    return heat.raw.size <= SMALL and bool(np.isfinite(heat.raw).all())


@cache
def _luts() -> dict[str, str]:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    return {name: encode.text(picture.colourise(ramp, name)) for name in picture.HEAT_MAPS}
