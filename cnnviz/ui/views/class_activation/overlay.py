"""The map over the photo on its canvas, with the maps of other classes and methods that the canvas has at hand."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz.ui.components import camcanvas
from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.server import startup
from cnnviz.ui.session import visit
from cnnviz.ui.views.class_activation import beside, evidence
from cnnviz.ui.views.class_activation.beside import Side
from cnnviz.ui.views.class_activation.question import Case
from cnnviz.ui.widgets import crop, show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap

CANVAS = "camcanvas"


@dataclass(frozen=True)
class Offer:
    """The buttons of the canvas: classes (index -> label), methods (name -> title), and the key of all their maps.

    While something is erased, one of the `others` may be among the most probable classes. Without a key no map is at
    hand, and the browser waits for Python.
    """

    classes: Mapping[int, str]
    methods: Mapping[str, str]
    others: Container[int]
    subject: str


def offered(case: Case, heat: Heatmap) -> Offer:
    """The most probable classes and the fast methods; no map where one takes its time or is a contrast of two."""
    asked, methods = case.asked, startup.methods()
    likely = dict.fromkeys([*(p.index for p in case.said[:5]), heat.target])
    labels = {index: case.label[index] for index in likely if index != asked.versus}
    others = {*case.label} - {*labels, asked.versus}
    quick = {name: row.title for name, row in methods.items() if row.reads == "maps"}
    if methods[asked.method].reads != "maps" or asked.versus is not None:
        return Offer(labels, quick, others, "")
    subject = camcanvas.subject_of(case.model, case.photo, asked.layer, asked.versus, asked.against, asked.given)
    return Offer(labels, quick, others, subject)


def overlay(case: Case, sides: Sequence[Side], offer: Offer) -> tuple[Look, str]:
    """The canvas under its title and what is to be said of it; how it was left, and that as it stands in a link."""
    heat = sides[0].shown
    headed(heat)
    told = st.container(key="offstage-told")
    for one, key in zip(sides, (CANVAS, f"{CANVAS} second"), strict=False):
        camcanvas.pictures(one.photo, one.shown, visit.this_visit().pictures, key)
    captions = [evidence.caption(one.shown) for one in (beside.scaled(sides) if case.pair else sides)]
    look = camcanvas.camcanvas(
        case.photo, heat, captions[0], case.begin, classes=offer.classes, methods=offer.methods, others=offer.others,
        subject=offer.subject, question=camcanvas.question_of(case.model, case.photo, heat),
        lists={"method": "method", "layer": "at"}, key=CANVAS, big=show.presenting(),
        beside=second(case, sides, captions) if len(sides) > 1 else None,
        on_choose=_choose, on_crop=crop.move,
    )  # fmt: skip
    with told:
        tell(case, heat, look)
    return look, evidence.looked(CANVAS, look)


def _choose(target: int | None, method: str | None) -> None:
    """Ask for another class, another method, or both; in a callback."""
    said = {"class": target, "method": method}
    st.session_state.update({name: value for name, value in said.items() if value is not None})


def headed(heat: Heatmap) -> None:
    """What the map is of: class, method, and the layer where it has one."""
    from cnnviz.attribution import figure

    show.section("Overlay", figure.title(heat))


def second(case: Case, sides: Sequence[Side], captions: Sequence[str]) -> camcanvas.Beside:
    """The second of two as the canvas takes it, which scales it by itself."""
    first, other = sides
    return camcanvas.Beside(other.photo, other.shown, captions[1], (first.title, other.title), case.pair)


def tell(case: Case, heat: Heatmap, look: Look) -> None:
    """How the photo was cropped, how to read the map, and where its class was chosen for another photo."""
    placed = isinstance(case.photo.crop, float) and not crop.is_long(case.photo)
    if not placed:
        crop.notice(case.model, case.photo)
    show.say(evidence.told(heat, case.photo, look, crop.input_of(case.model, case.photo) if placed else ""))
    if not evidence.from_another_photo(case.asked.target, case.photo):
        return
    kept = next(p for p in case.said if p.index == case.asked.target)
    show.say(
        f"{kept.label} was chosen for another photo; its probability here is {show.percent(kept.probability)}, "
        f"the most probable class is {case.said[0].label}."
    )


def at_hand(case: Case, heat: Heatmap, offer: Offer) -> float:
    """Lay the maps of other classes and methods on the shelf of the canvas; the largest value among the classes."""
    if not offer.subject:
        return 0.0
    engine, key, photo, asked = case.engine, case.key, case.photo, case.asked
    of_method = partial(engine.heatmap, key, photo, heat.target, asked.layer, against=asked.against)
    of_classes = partial(engine.heatmaps, key, photo, [*offer.classes], asked.layer, against=asked.against)
    others = of_classes(method=asked.method, options=asked.given)
    every = None if asked.against else engine.every_class(key, photo, asked.layer, asked.method)
    most = 0.0 if every is None else float(np.nan_to_num(every).max())
    common = max(most, *(one.reach for one in others))
    maps = [*others, *(of_method(method=name) for name in offer.methods)]
    camcanvas.at_hand(maps, offer.subject, CANVAS, {asked.method: common})
    camcanvas.all_at_hand(every, asked.method, offer.subject, CANVAS)
    return common
