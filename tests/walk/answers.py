"""Home and Activations, held against the engine."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import numpy as np

from cnnviz import picture
from cnnviz.inference.activations import Activations
from cnnviz.inference.predict import Prediction
from cnnviz.measured import measured
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.ui.components.mapgrid import BUDGET, reduced
from cnnviz.ui.server import startup
from cnnviz.ui.views.activations import sides
from cnnviz.ui.widgets import compare, show
from cnnviz.ui.widgets.predictions import percent
from tests.walk import photos
from tests.walk.shown import Shown, among, at, distance, numbers, own_photo
from tests.walk.tab import Fault

BARS = re.compile(r'<div role="list" class="cv-bars".*?</div></div>', re.S)
BAR = re.compile(r"<span>(.*?)</span><b>(.*?)</b>", re.S)


def bars(shown: Shown) -> list[list[tuple[str, str]]]:
    """The lists of predictions on the page: class and probability as they are written."""
    found = BARS.findall(" ".join(shown.markup()))
    return [[(html.unescape(a), html.unescape(b)) for a, b in BAR.findall(one)] for one in found]


def predictions(shown: Shown, wanted: tuple[Prediction, ...] | list[Prediction], which: int = 0) -> None:
    """The list of predictions, the `which`th of the page, says what the engine says."""
    written = bars(shown)
    if len(written) <= which:
        raise Fault("no predictions are shown")
    expected = [(p.label, percent(p.probability)) for p in wanted]
    if written[which][: len(expected)] != expected:
        raise Fault(f"predictions: {written[which]} is shown, the engine says {expected}")


def home(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """Photo, heat map, predictions and the stages' maps."""
    if shown.old():
        return False
    net = shown.net
    pictures = shown.pictures()
    among(pictures, picture.fit(photo, 800), f"the photo {photo.name}", photo.name)
    predictions(shown, engine.predict(net, photo, top=3 if shown.presenting else 5))
    heat = engine.heatmap(net, photo)
    overlay = picture.overlay(photo, heat, picture.OPACITY, side=800, alpha="heat")
    among(pictures, np.asarray(overlay), f"the heat map of {heat.label}", heat.label)
    for one in engine.all_activations(net, photo, engine.stages(net)):
        lively = one.maps.std(axis=(1, 2)).argsort()[::-1][:9]
        tiles = picture.mosaic(one.maps[lively], columns=3, tile=112, scope="channel")
        among(pictures, tiles, f"the maps of {one.layer}", one.layer)
    return True


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: a network, a photo, a layer."""

    net: str
    photo: Photo
    layer: str


def second(shown: Shown, engine: Engine, first: Side) -> Side | None:
    """What the lists say is compared with; None where nothing is."""
    kind, value = shown.value("with"), shown.value("second")
    if kind in (None, "Nothing") or value is None:
        return None
    if kind == "Photo":
        own = photos.SHAPES.keys() & {str(value)}
        other = own_photo(str(value)) if own else Photo.sample(str(value))
        return Side(first.net, other.with_crop(shown.crop()), first.layer)
    if kind == "Layer":
        return Side(first.net, first.photo, str(value))
    net = next(row.key for row in startup.rows() if row.title == value)
    there = engine.map_layers(net)
    return Side(net, first.photo, compare.same_layer(first.layer, engine.map_layers(first.net), there))


def activations(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The grids, their order and scale, the close-up, its numbers."""
    grid = shown.told("maps")
    if grid is None or shown.old():
        if grid is None and not shown.old() and not shown.presenting:  # on stage, an experiment may stand alone
            raise Fault("no maps, and no word of why")
        return False
    first = Side(shown.net, photo, grid["layer"])
    if not str(shown.value("layer")).startswith(f"{first.layer} "):
        raise Fault(f"layer: the grid is of {first.layer}, the list says {shown.value('layer')}")
    other = second(shown, engine, first)
    both = [first, *([other] if other else [])]
    maps = [engine.activations(side.net, side.photo, side.layer) for side in both]
    if other is None or maps[0].maps.shape == maps[1].maps.shape:
        shelved(shown, "maps", maps, both)
    else:
        shelved(shown, "maps", maps[:1], both[:1])
        shelved(shown, "maps-second", maps[1:], both[1:])
    titles = {title: name for name, title in sides.SCOPES.items()}
    scope = titles.get(shown.value("scale"), "")
    if scope and grid["scope"] not in (scope, "all layers" if shown.has("maps-second") else scope):
        raise Fault(f"colour scale: the grid has {grid['scope']}, the buttons say {scope}")
    staged = engine.all_activations(first.net, photo, engine.stages(first.net))
    most = sides.reach(*maps, *staged)
    if not shown.has("maps-second") and not np.isclose(grid["reach"], most, rtol=1e-3):
        raise Fault(f"colour scale: all layers end at {most:.4g}, the grid at {grid['reach']:.4g}")
    if (channel := shown.value("channel")) is not None and grid["chosen"] != channel:
        raise Fault(f"channel: the grid frames {grid['chosen']}, the field says {channel}")
    close_up(shown, maps, int(grid["chosen"]), scope or grid["scope"], most)
    return True


def shelved(shown: Shown, key: str, wanted: list[Activations], sides: list[Side]) -> None:
    """What lies on the shelf for a grid is the engine's."""
    grid, shelf = shown.told(key), shown.told(f"shelf-{key}-tiles")
    if grid is None or shelf is None or grid["subject"] != shelf["subject"]:
        raise Fault(f"the maps of the grid {key} are of something else than its frame")
    if len(shelf["pictures"]) != len(wanted):
        raise Fault(f"the grid {key} has {len(shelf['pictures'])} photos, asked are {len(wanted)}")
    if shelf["count"] != len(wanted[0].maps) or shelf["shape"] != list(wanted[0].maps.shape[1:]):
        raise Fault(f"the grid {key} has {shelf['count']} maps {shelf['shape']}, the layer {wanted[0].maps.shape}")
    for sent, one, side in zip(shelf["pictures"], wanted, sides, strict=True):
        if len(wanted) == 1 and key == "maps" and sent["name"] not in (side.photo.name, ""):
            raise Fault(f"the grid's photo is called {sent['name']!r}, the one chosen {side.photo.name!r}")
        for what in ("mean", "max", "alive"):
            if not np.allclose(numbers(sent[what]), getattr(one, what), rtol=1e-4, atol=1e-5, equal_nan=True):
                raise Fault(f"the grid's {what} of {side.photo.name} at {side.layer} is not the engine's")
        if distance(at(sent["seen"]), one.seen) > 5:
            raise Fault(f"the photo beside the grid is not {side.photo.name}")
        small = reduced(np.nan_to_num(one.maps), BUDGET // len(wanted))
        levels = numbers(sent["maps"], "u1").reshape(small.shape).astype(np.float32)
        reach = numbers(shelf["reaches"])[:, None, None]
        off = np.abs((levels - 128) / 127 * np.where(reach > 0, reach, 1) - small) > reach / 60 + 1e-5
        if off.mean() > 0.001:
            raise Fault(f"the grid's tiles of {side.photo.name} at {side.layer} are not the engine's maps")


def close_up(shown: Shown, both: list[Activations], channel: int, scope: str, most: float) -> None:
    """One channel large: its map, its numbers, and how one of them is computed."""
    one = both[0]
    values, layer = one.maps[channel], one.layer
    alike = len({maps.maps.shape for maps in both}) == 1
    close = [maps.maps[channel] for maps in both] if alike else [values]
    of = close if scope == "channel" else [maps.maps for maps in both]
    limit = most if scope == "all layers" else max(float(np.abs(np.nan_to_num(m)).max()) for m in of) or 1.0
    grid = shown.told(f"number-{layer}")
    drawn = picture.diverging(values, limit)
    if grid is None:
        if alike:
            shown.shows(drawn, f"the map of channel {channel} of {layer}")
        place = shown.value(f"number-{layer}-row"), shown.value(f"number-{layer}-column")
        if None in place:  # on stage
            return
        row, column = map(int, place)
    else:
        if (alike or scope != "channel") and distance(at(grid["src"]), show.pixelated(drawn, 420)) > 5:
            raise Fault(f"the close-up is not the map of channel {channel} of {layer}")
        row, column = divmod(grid["chosen"], values.shape[1])
        if len(grid["names"]) != values.size or measured(values[row, column]) not in grid["names"][grid["chosen"]]:
            raise Fault(f"the number at {row}, {column} of channel {channel} is {grid['names'][grid['chosen']]!r}")
    said = shown.text()
    for number in map(measured, (values.min(), one.mean[channel], one.max[channel])):
        if number not in said:
            raise Fault(f"the numbers of channel {channel} of {layer} do not say {number}")
    if (
        not shown.presenting
        and "cv-steps" in " ".join(shown.markup())
        and f"How {measured(values[row, column])} is computed" not in said
    ):
        raise Fault(f"how {measured(values[row, column])} of channel {channel} is computed is not said")
