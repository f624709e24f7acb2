"""A second map beside the first: what differs, its map, and what both are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from cnnviz.options import Options, RequestError
from cnnviz.ui.components import camcanvas
from cnnviz.ui.server import startup
from cnnviz.ui.widgets import compare, controls
from cnnviz.ui.widgets.background import patiently

if TYPE_CHECKING:
    from cnnviz.attribution.heatmap import Heatmap
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

ONE_SCALE = ("class", "photo", "snapshot")  # what differs between maps whose values can be compared


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
class Side:
    """One of two: network, photo and map, and the question that the map is the answer to."""

    key: str
    photo: Photo
    heat: Heatmap
    asked: Question


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
        layer = asked.layer if asked.layer in engine.map_layers(key) else engine.default_layer(key)
        target, versus = (_same_class(engine, first, key, index) for index in (asked.target, asked.versus))
        asked = replace(asked, target=target, versus=versus, layer=layer)
    heat = engine.heatmap(
        key, photo, asked.target, asked.layer, asked.method, asked.given, versus=asked.versus, against=asked.against,
        progress=progress,
    )  # fmt: skip
    return Side(key, photo, heat, asked)


def _same_class(engine: Engine, first: str, key: str, index: int | None) -> int | None:
    """The class of another network that is called as a class of the first; `RequestError` where none is."""
    mine, labels = engine.model(first).labels, engine.model(key).labels
    if index is None or mine == labels:  # where two classes share a name, the number tells them apart
        return index
    if index >= len(mine) or mine[index] not in labels:
        name = mine[index] if index < len(mine) else index
        raise RequestError(f"{engine.model(key).title} has no class {name!r}; compare another network.")
    return labels.index(mine[index])


def scaled(sides: Sequence[Side]) -> list[Side]:
    """Maps on one scale: the larger of the largest values is heat 1 in all."""
    top = max(one.heat.reach for one in sides)
    return [replace(one, heat=one.heat.scaled(top)) for one in sides]


def canvas(other: Side, caption: str, titles: tuple[str, str], pair: bool) -> camcanvas.Beside:
    """The second of two as the canvas takes it, which scales it by itself."""
    return camcanvas.Beside(other.photo, other.heat, caption, titles, pair)


def titles(engine: Engine, first: Side, other: Side) -> tuple[str, str]:
    """What each of two is called: only what differs between them, the class in any case."""
    return _title(engine, first, other), _title(engine, other, first)


def _title(engine: Engine, one: Side, other: Side) -> str:
    methods = startup.methods()
    parts = [(side.heat.subject, methods[side.heat.method].title, side.heat.layer, _network(engine, side.key),
              side.photo.name) for side in (one, other)]  # fmt: skip
    mine, yours = parts
    return ", ".join(part for i, part in enumerate(mine) if not i or part != yours[i])


def _network(engine: Engine, key: str) -> str:
    run, at, which = key.partition("@")
    return engine.model(key).title + (f" {which}" if at and run else "")
