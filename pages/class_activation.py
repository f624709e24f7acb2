"""Class activation: which parts of the photo support a class, and how far the map can be trusted."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.ui.components import camcanvas
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, visit
from cnnviz.ui.session.link import linked_of, note
from cnnviz.ui.views.class_activation import beside, checks, evidence, export, gallery, trust
from cnnviz.ui.views.class_activation.beside import Question, Side
from cnnviz.ui.widgets import compare, controls, crop, show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.inference.predict import Prediction

ON_STAGE = ("Map", "Contributions")  # what presenter mode shows, one at a time


@dataclass(frozen=True)
class Places:
    """Where the parts of the page stand: the map and what is taken away, its checks, predictions and warnings."""

    map: DeltaGenerator
    checks: DeltaGenerator
    bars: DeltaGenerator
    warnings: DeltaGenerator


# say
evidence.style()
stage = show.presenting()
title, how_many = st.columns([1, 2] if stage else [2.4, 1], vertical_alignment="top" if stage else "bottom")
with title:
    show.head("Class activation", "Which parts of the photo support a class, from one layer of the network.")
engine, photo = current.engine(), current.photo()
key = show.required_net()


@st.fragment
@show.refusals()
def one_photo() -> None:
    """The map over the photo, beside it predictions and controls, beneath it the checks."""
    said = show.asked("cam-said", partial(engine.predict, key, photo, top=1_000_000), "Running the network")
    if said is None:
        return
    with st.container(key="offstage-map" if drilled else "map"):
        left, right = st.columns([2.4, 1], gap="medium")
    below = st.container()
    with right.container(gap="xxsmall"):
        warnings, bars = st.container(), st.container()
    places = Places(left.container(gap="xsmall", key="camplace"), below, bars, warnings)
    places.map.html("<i></i>")  # an empty place would have no height
    label = {p.index: p.label for p in said}

    # ask
    with right:
        asked = question(said, label)
        with st.container(key="offstage-compare"):
            found = beside.ask(engine, key, label, asked)
            pair = found is not None and beside.one_scale(found)
    with below if drilled else right:
        waits = st.container()  # the last of its column: the bar may come and go without moving anything

    # compute
    ask = partial(
        engine.heatmap, key, photo, asked.target, asked.layer, asked.method, asked.given, versus=asked.versus,
        against=asked.against,
    )  # fmt: skip
    of = engine.model(key).fingerprint, photo.digest, *astuple(asked)
    doing = f"{startup.methods()[asked.method].title} on {photo.name}"
    draw = partial(answer, places, said, asked, found, pair)
    with waits:
        heat = patiently("cam", ask, doing, of, lambda before: draw(before, None, waits=True))
        other = None
        if heat is not None and found is not None:
            other = beside.second(engine, key, found, heat, asked, lambda before: draw(heat, before, waits=True))

    # show
    draw(heat, other)


def question(said: Sequence[Prediction], label: dict[int, str]) -> Question:
    """Which class, method and layer, and what is asked rarely, behind a button."""
    camcanvas.classes({i: f"{name} · {i}" for i, name in label.items()})
    target = one_class(
        "Class", "class", label, f"Most probable ({said[0].label})", canvas="camcanvas", best=said[0].index
    )
    methods = startup.methods()
    method = controls.pick(
        "Method", "method", list(methods), next(iter(methods)), words=lambda name: methods[name].title
    )
    row = methods[method]
    with st.container(key="offstage"):
        show.say(row.says)
        layer = controls.pick(
            "Layer", "at", engine.map_layers(key), engine.default_layer(key), disabled=row.reads == "pixels",
            help="Pixel-based methods do not use a layer." if row.reads == "pixels" else None,
        )  # fmt: skip
        with st.popover("More settings", icon=":material/tune:"):
            alike = "This method gives one map for all classes." if row.class_free else ""
            mine = said[0].index if target < 0 else target
            rest = {i: name for i, name in label.items() if i != mine}  # a class contrasted with itself gives zero
            versus = one_class(
                "Contrast with class", "versus", rest, "No other class", without=mine, disabled=row.class_free,
                help=alike or "Evidence for the class minus evidence for this one",
            )  # fmt: skip
            against = controls.tick(
                "Evidence against", "against", disabled=row.class_free,
                help=alike or "Evidence that lowers the class score",
            )  # fmt: skip
            given = controls.options(row.options, method) if row.options else None
    if row.class_free:
        versus, against = -1, False
    return Question(None if target < 0 else target, layer, method, given, None if versus < 0 else versus, against)


def answer(
    places: Places,
    said: Sequence[Prediction],
    asked: Question,
    found: compare.Second | None,
    pair: bool,
    heat: Heatmap | None,
    other: Side | None,
    waits: bool = False,
) -> None:
    """The prediction and the map, its checks, and what can be downloaded; while one `waits`, the previous map."""
    with places.bars:
        marked = None if heat is None else heat.target
        show.section("Prediction", show.titled(engine.model(key)))
        show.bars([*said[:5], *(p for p in said[5:] if p.index == marked)], marked, engine.model(key))
    if heat is None:
        if waits:
            places.map.skeleton(height=480)
        return
    if drilled:
        with places.checks:
            checks.contributions(engine, key, photo, heat)
        return
    label, methods = {p.index: p.label for p in said}, startup.methods()
    first = Side(key, photo, heat, export.question_of(heat, asked, said[0].index))
    sides = [first] if other is None else beside.scaled([first, other]) if pair else [first, other]
    with places.map:
        show.section(
            "Overlay",
            f"{heat.subject}, {methods[heat.method].title}" + ("" if heat.layer == "input" else f", {heat.layer}"),
        )
        begin = evidence.looking("camcanvas", photo)
        told = st.container()
        likely, quick = {}, {}
        if methods[asked.method].reads == "maps" and asked.versus is None:
            likely = {i: label[i] for i in dict.fromkeys([*(p.index for p in said[:5]), heat.target])}
            quick = {name: way.title for name, way in methods.items() if way.reads == "maps"}
        kept, names = visit.this_visit().pictures, ("", "")
        camcanvas.pictures(photo, heat, kept, "camcanvas")
        if other is not None:
            names = beside.titles(engine, first, other)
            camcanvas.pictures(other.photo, other.heat, kept, "camcanvas second")
        subject = camcanvas.subject_of(engine.model(key), photo, asked.layer, asked.versus, asked.against, asked.given)
        look = camcanvas.camcanvas(
            photo, heat, evidence.caption(sides[0].heat), begin, classes=likely, methods=quick, subject=subject,
            beside=None if other is None else beside.canvas(other, evidence.caption(sides[1].heat), names, pair),
            big=show.presenting(), key="camcanvas",
            on_choose=lambda target, name: st.session_state.update({"class": target, "method": name}),
        )  # fmt: skip
        with told.container(key="offstage-told"):
            crop.notice(engine.model(key), photo)
            show.say(evidence.told(heat, photo, look))
            if evidence.from_another_photo(asked.target, photo):
                kept_class = next(p for p in said if p.index == asked.target)
                here = f"its probability here is {show.percent(kept_class.probability)}"
                best = f"the most probable class is {said[0].label}"
                show.say(f"{kept_class.label} was chosen for another photo; {here}, {best}.")
        stands = evidence.looked("camcanvas", look)
        taken = st.container()
    with places.warnings:
        evidence.findings(engine, key, photo, heat)
    common = at_hand(likely, quick, asked, heat, subject)  # after the picture, which shall not wait for them
    if other is None and look.shared and common > 0 and (heat.method, heat.layer) == (asked.method, asked.layer):
        sides = [replace(first, heat=heat.scaled(common))]
    heat = sides[0].heat
    erased = None
    if look.strokes:
        with taken.container() if show.presenting() else st.container():
            erased = trust.erased(engine, key, photo, heat, look.strokes)
    if show.presenting():
        return
    with places.checks:
        proof = checks.choose()
        if proof not in checks.SLOW:
            checks.quick(proof, engine, key, photo, heat, look, [p.index for p in said[:3]])
    with taken:
        view = {**compare.in_link(found), **({} if found is None else {"one-scale": pair})}
        export.take_away(sides, names if other else (), look, stands, erased is not None, view)
    if proof in checks.SLOW:  # the last of all: what stands above stays when it is stopped
        with places.checks:
            if waits:
                show.say("Computed after the map.")
            else:
                checks.slow(proof, engine, key, photo, heat)


def at_hand(likely: dict[int, str], quick: dict[str, str], asked: Question, heat: Heatmap, subject: str) -> float:
    """Lay the maps of other classes and methods on the shelf of the canvas; the largest value among the classes."""
    if not likely:
        return 0.0
    ask = partial(engine.heatmap, key, photo, heat.target, asked.layer, against=asked.against)
    others = engine.heatmaps(key, photo, [*likely], asked.layer, asked.method, asked.given, against=asked.against)
    every = None if asked.against else engine.every_class(key, photo, asked.layer, asked.method)
    most = 0.0 if every is None else float(np.nan_to_num(every).max())
    common = max(most, *(one.reach for one in others))
    camcanvas.at_hand([*others, *(ask(method=name) for name in quick)], subject, "camcanvas", {asked.method: common})
    camcanvas.all_at_hand(every, asked.method, subject, "camcanvas")
    return common


def one_class(label: str, name: str, allowed: Container[int], none: str, **how: Any) -> int:
    """One of the network's classes from a searchable list, linked under `name`; -1 for none of them.

    A network with other classes begins without one: the same number is another class there.
    """
    model = engine.model(key)
    linked_of(name, model.labels or model.key, -1, lambda index: index == -1 or index in allowed, int)
    chosen: int = st.session_state[name]

    def choose(index: int) -> None:
        st.session_state[name] = index if index in allowed else -1

    camcanvas.classpick(label, f"pick-{name}", chosen, none, choose, **how)
    note(name, -1)
    return chosen


drilled = False
if show.presenting():
    with how_many:
        view = controls.switch("View", "stage-view", ON_STAGE, ON_STAGE[0], label_visibility="collapsed")
        drilled = view != ON_STAGE[0]
with how_many.container(key="offstage-photos"):
    mode = controls.switch("Photos", "how-many", [gallery.ONE, gallery.MODE], gallery.ONE, label_visibility="collapsed")
if mode == gallery.ONE:
    one_photo()
else:
    gallery.gallery(engine, key)
