"""Class activation: which parts of the photo support a class, and how far the map can be trusted."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.options import Options
from cnnviz.script import HEAT, PHOTO, call, script
from cnnviz.ui.components import camcanvas
from cnnviz.ui.components.camcanvas.look import Look
from cnnviz.ui.server import startup
from cnnviz.ui.session import current, visit
from cnnviz.ui.session.link import linked_of, note, noted
from cnnviz.ui.views import numbers
from cnnviz.ui.views.class_activation import evidence, gallery, trust
from cnnviz.ui.views.class_activation.raw import raw
from cnnviz.ui.widgets import controls, show
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from PIL import Image
    from streamlit.delta_generator import DeltaGenerator

    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.attribution.masking import Erasure
    from cnnviz.inference.predict import Prediction

SIDE = 1600  # px: the longer side of the picture that is taken away
SLOW = ("Faithfulness", "Sanity dial")


@dataclass(frozen=True)
class Question:
    """What is asked: why this class (None: the most probable), seen from a layer by a method."""

    target: int | None
    layer: str
    method: str
    given: Options | None
    versus: int | None
    against: bool

    def answered(self, heat: Heatmap, best: int) -> bool:
        """Whether a map is the answer; `best` is the most probable class."""
        asked = best if self.target is None else self.target, self.method, self.versus, self.against, self.given
        said = heat.target, heat.method, heat.goal.versus, heat.goal.against, heat.options
        return said == asked and heat.layer in ("input", self.layer)


# say
show.head("Class activation", "Which parts of the photo support a class, from one layer of the network.")
evidence.style()
engine, photo = current.engine(), current.photo()
key = show.required_net()


@st.fragment
@show.refusals()
def one_photo() -> None:
    """Predictions and controls on the left, the map over the photo on the right, its proof beneath."""
    said = show.asked("cam-said", partial(engine.predict, key, photo, top=1_000_000), "Running the network")
    if said is None:
        return
    left, right = st.columns([1, 3], gap="large")
    below = st.container()

    # ask
    with left:
        bars = st.container()
        label = {p.index: p.label for p in said}
        camcanvas.classes({i: f"{name} · {i}" for i, name in label.items()})
        target = one_class(
            "Class", "class", label, f"Most probable ({said[0].label})", canvas="camcanvas", best=said[0].index
        )
        names = engine.map_layers(key)
        methods = startup.methods()
        method = controls.pick(
            "Method", "method", list(methods), next(iter(methods)), words=lambda name: methods[name].title
        )
        row = methods[method]
        show.say(row.says)
        layer = controls.pick(
            "Layer", "at", names, engine.default_layer(key), disabled=row.reads == "pixels",
            help="Pixel-based methods do not use a layer." if row.reads == "pixels" else None,
        )  # fmt: skip
        with st.expander("More", icon=":material/tune:"):
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
            if row.class_free:
                versus, against = -1, False
            given = controls.options(row.options, method) if row.options else None

    # compute
    asked = Question(None if target < 0 else target, layer, method, given, None if versus < 0 else versus, against)
    ask = partial(engine.heatmap, key, photo, asked.target, layer, method, given, versus=asked.versus, against=against)
    of = engine.model(key).fingerprint, photo.digest, *astuple(asked)
    draw = partial(answer, bars, right, below, said, asked)
    with left:  # where the bar may come and go without moving the pictures
        heat = patiently("cam", ask, f"{row.title} on {photo.name}", of, partial(draw, waits=True))

    # show
    draw(heat)


def answer(
    bars: DeltaGenerator,
    right: DeltaGenerator,
    below: DeltaGenerator,
    said: Sequence[Prediction],
    asked: Question,
    heat: Heatmap | None,
    waits: bool = False,
) -> None:
    """The prediction and the map, its checks, and what can be downloaded; while one `waits`, the previous map."""
    with bars:
        shown = said[:5] if heat is None else [*said[:5], *(p for p in said[5:] if p.index == heat.target)]
        show.section("Prediction", show.titled(engine.model(key)))
        show.bars(shown, marked=None if heat is None else heat.target, model=engine.model(key))
    if heat is None:
        return
    label, methods = {p.index: p.label for p in said}, startup.methods()
    with right:
        show.section(
            "Overlay",
            f"{heat.subject}, {methods[heat.method].title}" + ("" if heat.layer == "input" else f", {heat.layer}"),
        )
        begin = evidence.looking("camcanvas", photo)
        told, warned = st.container(), st.container()
        likely, quick = {}, {}
        if methods[asked.method].reads == "maps" and asked.versus is None:
            likely = {i: label[i] for i in dict.fromkeys([*(p.index for p in said[:5]), heat.target])}
            quick = {name: way.title for name, way in methods.items() if way.reads == "maps"}
        camcanvas.pictures(photo, heat, visit.this_visit().pictures, "camcanvas")
        subject = camcanvas.subject_of(engine.model(key), photo, asked.layer, asked.versus, asked.against, asked.given)
        look = camcanvas.camcanvas(
            photo, heat, evidence.caption(heat), begin, classes=likely, methods=quick, subject=subject,
            big=show.presenting(), key="camcanvas",
            on_choose=lambda target, name: st.session_state.update({"class": target, "method": name}),
        )  # fmt: skip
        with told:
            show.say(evidence.told(heat, photo, look))
            if evidence.from_another_photo(asked.target, photo):
                kept = next(p for p in said if p.index == asked.target)
                here = f"its probability here is {show.percent(kept.probability)}"
                best = f"the most probable class is {said[0].label}"
                show.say(f"{kept.label} was chosen for another photo; {here}, {best}.")
        stands = evidence.looked("camcanvas", look)
        evidence.findings(engine, key, photo, heat, warned)
        if likely:  # after the picture, which shall not wait for them
            ask = partial(engine.heatmap, key, photo, heat.target, asked.layer, against=asked.against)
            others = engine.heatmaps(
                key, photo, [*likely], asked.layer, asked.method, asked.given, against=asked.against
            )
            every = None if asked.against else engine.every_class(key, photo, asked.layer, asked.method)
            most = 0.0 if every is None else float(np.nan_to_num(every).max())
            common = max(most, *(one.reach for one in others))
            at_hand = [*others, *(ask(method=name) for name in quick)]
            camcanvas.at_hand(at_hand, subject, "camcanvas", {asked.method: common})
            camcanvas.all_at_hand(every, asked.method, subject, "camcanvas")
            if look.shared and common > 0 and (heat.method, heat.layer) == (asked.method, asked.layer):
                heat = heat.scaled(common)
    with below:
        erased = trust.erased(engine, key, photo, heat, look.strokes) if look.strokes else None
        proofs, row = st.container(), st.container()
    if show.presenting():
        return
    with proofs:
        view = proof_of()
        if view not in SLOW:
            beneath(view, heat, look, [p.index for p in said[:3]])
    if asked.answered(heat, said[0].index):  # not where that was refused, or is still to come
        with row:
            take_away(heat, asked, look, stands, erased)
    if view in SLOW:  # the last of all: what stands above stays when it is stopped
        with proofs:
            if waits:
                show.say("Computed after the map.")
            else:
                slow(view, heat)


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


def proof_of() -> str:
    """Which view of the proof is looked at; one at a time, and only that one is computed."""
    views = evidence.VIEWS
    return controls.switch(
        "Checks", "proof", [*views], "Raw map", words=views.__getitem__, label_visibility="collapsed"
    )


def beneath(view: str, heat: Heatmap, look: Look, top: list[int]) -> None:
    """A view of the proof that is there at once, or nearly; a sentence where the map's method has none."""
    row = startup.methods()[heat.method]
    if view == "Raw map":
        raw(engine, key, photo, heat)
    elif view == "Down to the numbers":
        if heat.layer == "input":
            show.say(f"{row.title} is pixel-based: no layer is used, so there are no contributions of channels.")
        else:
            numbers.down(engine, key, photo, heat)
    elif view == "All stages":
        if row.reads == "maps":
            evidence.ladder(engine, key, photo, top, heat)
        else:
            show.say(f"{row.title} is not computed for all layers; choose a method based on a layer's feature maps.")
    else:
        evidence.pieces(engine, photo, heat, look.threshold)


def slow(view: str, heat: Heatmap) -> None:
    """A view of the proof that takes its time."""
    if view == "Faithfulness":
        trust.faithful(engine, key, photo, heat)
    else:
        trust.sane(engine, key, photo, heat)


def take_away(heat: Heatmap, asked: Question, look: Look, stands: str, erased: Erasure | None) -> None:
    """The overlay as it stands, its numbers, its Python and its link."""
    question: dict[str, object] = {"target": asked.target, "layer": asked.layer, "method": asked.method}
    question |= {"options": vars(asked.given)} if asked.given else {}
    question |= {"versus": asked.versus} if asked.versus is not None else {}
    question |= {"against": True} if asked.against else {}
    how: dict[str, Any] = {"side": SIDE, "threshold": look.threshold, "contours": look.contours, "boxes": look.boxes}
    how = {name: value for name, value in {**how, "seen": look.view == "seen"}.items() if value}
    how |= {} if look.uniform else {"alpha": "heat"}
    how |= {"strokes": look.strokes} if look.strokes else {}
    module = "attribution.overlay" if how.keys() - {"side", "threshold", "alpha"} else "picture"
    drawing = call(f"cnnviz.{module}.overlay", PHOTO, HEAT, look.opacity, look.colours, **how)
    scaled = f".scaled({heat.top!r})" if heat.top else ""
    lines = [f"heat = {call('engine.heatmap', key, PHOTO, **question)}{scaled}", f"{drawing}.save('heat.png')"]

    def drawn() -> Image.Image:
        from cnnviz.attribution import overlay  # brings in torch, which is there by now

        return overlay.overlay(photo, heat, look.opacity, look.colours, **how)

    if erased is not None:
        strokes = [[list(dab) for dab in stroke] for stroke in look.strokes]
        lines.append(call("engine.erase", key, PHOTO, strokes, heat.target))
    knobs = {f"{asked.method}-{name}": value for name, value in vars(asked.given).items()} if asked.given else {}
    view = {"class": -1 if asked.target is None else asked.target, "at": asked.layer, "method": asked.method}
    view |= {"against": asked.against, "versus": -1 if asked.versus is None else asked.versus, **knobs}
    view |= {"proof": st.session_state.get("proof", "Raw map"), "unit": noted("unit") or "", "look": stands}
    python = script(
        *lines,
        imports=["import cnnviz" if module == "picture" else f"import cnnviz.{module}"],
        engine=True,
        opening=show.opening(photo),
    )
    link = current.link("class_activation", **view)
    numbers_of = {"signed": lambda: heat.raw, "scaled 0 to 1": lambda: heat.values}
    show.take_away(
        "heatmap", picture=drawn, array=numbers_of, python=python, link=link, file=evidence.file_name(photo, heat)
    )


one, all_of_them = "This photo", gallery.MODE
mode = controls.switch("Photos", "how-many", [one, all_of_them], one, label_visibility="collapsed")
if mode == one:
    one_photo()
else:
    gallery.gallery(engine, key)
