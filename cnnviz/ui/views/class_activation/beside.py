"""A second map beside the first: what differs, its map, and what both are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from cnnviz.ui.server import startup
from cnnviz.ui.views.class_activation.question import Question
from cnnviz.ui.widgets import compare, controls
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

ONE_SCALE = ("class", "photo", "snapshot")  # what differs between maps whose values can be compared


Side: TypeAlias = "compare.Side[Heatmap, Question]"  # a map, and the question that it is the answer to


def ask(engine: Engine, key: str, label: Mapping[int, str], asked: Question) -> compare.Second | None:
    """What differs and its second value; `label` names the classes, the most probable first."""
    methods, first = startup.methods(), next(iter(label)) if asked.target is None else asked.target
    row = methods[asked.method]
    classes = [] if row.class_free else [index for index in label if index not in (first, asked.versus)]
    layers = [] if row.reads == "pixels" else [name for name in reversed(engine.map_layers(key)) if name != asked.layer]
    return compare.ask(
        {
            "class": compare.Kind("Class", classes, label.__getitem__),
            "method": compare.Kind("Method", [n for n in methods if n != asked.method], lambda n: methods[n].title),
            "layer": compare.Kind("Layer", layers),
            compare.PHOTO: compare.photos(),
            compare.NETWORK: compare.networks(key),
            compare.SNAPSHOT: compare.snapshots(key),
        }
    )


def one_scale(found: compare.Second) -> bool:
    """Whether both maps are drawn on one scale, where their values can be compared."""
    return found.what in ONE_SCALE and controls.tick("One colour scale for both", "one-scale", True)


def second(
    engine: Engine, key: str, found: compare.Second, heat: Heatmap, asked: Question, draw: Callable[[Side | None], None]
) -> Side | None:
    """The second map, of the first one's class unless classes differ; `draw` shows the one before meanwhile."""
    other = replace(
        asked,
        target=found.of("class", heat.target),
        layer=found.of("layer", asked.layer),
        method=found.of("method", asked.method),
        given=asked.given if found.what != "method" else None,
    )
    if startup.methods()[other.method].class_free:
        other = replace(other, versus=None, against=False)
    photo, network = compare.photo(found), compare.network(found, key)
    work = partial(_side, engine, network, photo, other, key)
    return patiently("cam-second", work, found.title, (network, key, photo.digest, other), draw)


def _side(
    engine: Engine, key: str, photo: Photo, asked: Question, first: str,
    progress: Callable[[float], None] | None = None,
) -> Side:  # fmt: skip
    """A map with its question, which was put to the network `first`; of another one by the names of its classes."""
    if key != first:
        target, versus = (compare.same_class(engine, first, key, index) for index in (asked.target, asked.versus))
        asked = replace(asked, target=target, versus=versus, layer=_same_layer(engine, first, key, asked.layer))
    heat = engine.heatmap(
        key, photo, asked.target, asked.layer, asked.method, asked.given, versus=asked.versus, against=asked.against,
        progress=progress,
    )  # fmt: skip
    return compare.Side(key, engine.model(key), photo, heat, asked)


def _same_layer(engine: Engine, first: str, key: str, layer: str) -> str:
    """The layer of another network: the default one of both, or of the same name, or as far along."""
    if layer == engine.default_layer(first):
        return engine.default_layer(key)
    return compare.same_layer(layer, engine.map_layers(first), engine.map_layers(key))


def scaled(sides: Sequence[Side]) -> list[Side]:
    """Maps on one scale: the larger of the largest values is heat 1 in all."""
    top = max(one.shown.reach for one in sides)
    return [replace(one, shown=one.shown.scaled(top)) for one in sides]


def titled(first: Side, other: Side) -> list[Side]:
    """Two with titles that say only what differs between them, the class in any case."""
    return [replace(one, title=_title(one, beside)) for one, beside in ((first, other), (other, first))]


def _title(one: Side, other: Side) -> str:
    mine, yours = _parts(one), _parts(other)
    return ", ".join(part for i, part in enumerate(mine) if not i or part != yours[i])


def _parts(side: Side) -> tuple[str, ...]:
    """Class, method, layer, network and photo, in words."""
    heat = side.shown
    return heat.subject, startup.methods()[heat.method].title, heat.layer, _network(side), side.photo.name


def _network(side: Side) -> str:
    run, at, which = side.key.partition("@")
    return side.model.title + (f" {which}" if at and run else "")
