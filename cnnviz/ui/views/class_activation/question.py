"""The question of the page: which class, by which method, from which layer, and the lists it is asked with."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from cnnviz.options import Options
from cnnviz.ui.components import camcanvas
from cnnviz.ui.server import startup
from cnnviz.ui.session import link
from cnnviz.ui.session.link import linked_of, note
from cnnviz.ui.views.class_activation import evidence
from cnnviz.ui.widgets import compare, controls, show

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.attribution.methods import Method
    from cnnviz.inference.predict import Prediction
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine
    from cnnviz.ui.components.camcanvas.look import Look


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


@dataclass(frozen=True)
class Case:
    """What the page shows: a network on a photo, its predictions, the question, and what the map is compared with.

    The canvas begins with a look (`begin`). `pair` is whether both maps are drawn on one scale, `drilled` whether only
    the contributions are shown, on stage.
    """

    engine: Engine
    key: str
    photo: Photo
    said: Sequence[Prediction]
    asked: Question
    begin: Look
    found: compare.Second | None
    pair: bool
    drilled: bool

    @property
    def model(self) -> Model:
        """The network."""
        return self.engine.model(self.key)

    @property
    def label(self) -> dict[int, str]:
        """The name of each class, the most probable first."""
        return {p.index: p.label for p in self.said}


def ask(engine: Engine, key: str, said: Sequence[Prediction], erased: bool = False) -> Question:
    """Which class, method and layer, and what is asked rarely, behind a button; while something is `erased` or not."""
    label, best = {p.index: p.label for p in said}, said[0]
    camcanvas.classes({i: f"{name} · {i}" for i, name in label.items()})
    choose = partial(one_class, engine.model(key))
    most = f"{best.label} (most probable before erasing)" if erased else f"Most probable ({best.label})"
    target = choose("Class", "class", label, most, canvas="camcanvas", best=best.index)
    methods = startup.methods()
    method = controls.pick(
        "Method", "method", list(methods), next(iter(methods)), words=lambda name: methods[name].title
    )
    row = methods[method]
    with evidence.offstage("settings"):
        show.say(row.says)
        layer = _layer(engine, key, row)
        with st.popover("More settings", icon=":material/tune:"):
            mine = best.index if target < 0 else target
            rest = {i: name for i, name in label.items() if i != mine}  # a class contrasted with itself gives zero
            versus, against = _contrast(choose, rest, mine, row)
            given = controls.options(row.options, method) if row.options else None
    return Question(None if target < 0 else target, layer, method, given, versus, against)


def _layer(engine: Engine, key: str, row: Method) -> str:
    """The layer the map is read from; a method that reads pixels has none."""
    pixels = row.reads == "pixels"
    link.alias("layer", "at")
    return controls.pick(
        "Layer", "at", engine.map_layers(key), engine.default_layer(key), disabled=pixels,
        help="Pixel-based methods do not use a layer." if pixels else None,
    )  # fmt: skip


def _contrast(choose: Callable[..., int], rest: Mapping[int, str], mine: int, row: Method) -> tuple[int | None, bool]:
    """The class that the evidence is contrasted with, and whether evidence against the class is asked for."""
    alike = "This method gives one map for all classes." if row.class_free else ""
    versus = choose(
        "Contrast with class", "versus", rest, "No other class", without=mine, disabled=row.class_free,
        help=alike or "Evidence for the class minus evidence for this one",
    )  # fmt: skip
    against = controls.tick(
        "Evidence against", "against", disabled=row.class_free, help=alike or "Evidence that lowers the class score"
    )
    if row.class_free:
        return None, False
    return None if versus < 0 else versus, against


def one_class(model: Model, label: str, name: str, allowed: Container[int], none: str, **how: Any) -> int:
    """One of the network's classes from a searchable list, linked under `name`; -1 for none of them.

    A network with other classes begins without one: the same number is another class there.
    """
    linked_of(name, model.labels or model.key, -1, lambda index: index == -1 or index in allowed, int)
    chosen: int = st.session_state[name]

    def choose(index: int) -> None:
        st.session_state[name] = index if index in allowed else -1

    camcanvas.classpick(label, f"pick-{name}", chosen, none, choose, **how)
    note(name, -1)
    return chosen


def answered_by(heat: Heatmap, asked: Question, best: int) -> Question:
    """The question that a map is the answer to: the one asked, or of a map from before its own."""
    if asked.answered(heat, best):
        return asked
    layer = asked.layer if heat.layer == "input" else heat.layer
    return Question(heat.target, layer, heat.method, heat.options, heat.goal.versus, heat.goal.against)
