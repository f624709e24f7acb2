"""Home and Activations, held against the engine."""

from __future__ import annotations

import html
import re

import numpy as np

from cnnviz import picture
from cnnviz.inference.activations import Activations
from cnnviz.inference.predict import Prediction
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.ui.components.mapgrid import BUDGET, SCOPES, reduced
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.predictions import percent
from tests.walk.shown import Shown, among, at, distance, numbers
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
    predictions(shown, engine.predict(net, photo, top=5))
    heat = engine.heatmap(net, photo)
    overlay = picture.overlay(photo, heat, picture.OPACITY, side=800, alpha="heat")
    among(pictures, np.asarray(overlay), f"the heat map of {heat.label}", heat.label)
    for one in engine.all_activations(net, photo, engine.stages(net)):
        lively = one.maps.std(axis=(1, 2)).argsort()[::-1][:9]
        tiles = picture.mosaic(one.maps[lively], columns=3, tile=112, scope="channel")
        among(pictures, tiles, f"the maps of {one.layer}", one.layer)
    return True


def activations(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The grid, its order and scale, the close-up, its numbers."""
    grid, shelf = shown.told("maps"), shown.told("shelf-maps-tiles")
    if grid is None or shelf is None or shown.old():
        if grid is None and not shown.old():
            raise Fault("no maps, and no word of why")
        return False
    net, layer = shown.net, grid["layer"]
    if not str(shown.value("layer")).startswith(f"{layer} "):
        raise Fault(f"layer: the grid is of {layer}, the list says {shown.value('layer')}")
    if grid["subject"] != shelf["subject"]:
        raise Fault("the grid's maps are of something else than its frame")
    first = engine.activations(net, photo, layer)
    shelved(shelf, 0, first, photo.name)
    if len(shelf["pictures"]) > 1:
        second = beside(shelf["pictures"][1]["name"], shown)
        shelved(shelf, 1, engine.activations(net, second, layer), second.name)
    scope = shown.value("scale")
    if scope is not None and grid["scope"] != SCOPES[[*scopes(shown)].index(scope)]:
        raise Fault(f"colour scale: the grid has {grid['scope']}, the buttons say {scope}")
    channel = shown.value("channel")
    if grid["chosen"] != channel:
        raise Fault(f"channel: the grid frames {grid['chosen']}, the field says {channel}")
    close_up(shown, first, int(channel), grid["scope"])
    return True


def scopes(shown: Shown) -> list[str]:
    """The buttons that say what shares a colour scale."""
    return [option.content for option in shown.widgets["scale"].sent.button_group.options]


def beside(name: str, shown: Shown) -> Photo:
    """The second photo by its name."""
    from tests.walk.photos import SHAPES
    from tests.walk.shown import _own

    return _own(name) if name in SHAPES else Photo.sample(name)


def shelved(shelf: dict, which: int, wanted: Activations, name: str) -> None:
    """What lies on the shelf for the grid is the engine's."""
    one = shelf["pictures"][which]
    if one["name"] != name:
        raise Fault(f"the grid's photo is called {one['name']!r}, the one chosen {name!r}")
    if shelf["count"] != len(wanted.maps) or shelf["shape"] != list(wanted.maps.shape[1:]):
        raise Fault(f"the grid has {shelf['count']} maps {shelf['shape']}, the layer {wanted.maps.shape}")
    for what in ("mean", "max", "alive"):
        if not np.allclose(numbers(one[what]), getattr(wanted, what), rtol=1e-4, atol=1e-5, equal_nan=True):
            raise Fault(f"the grid's {what} of {name} is not the engine's")
    if distance(at(one["seen"]), wanted.seen) > 5:
        raise Fault(f"the photo beside the grid is not {name}")
    small = reduced(np.nan_to_num(wanted.maps), BUDGET // len(shelf["pictures"]))
    levels = numbers(one["maps"], "u1").reshape(small.shape).astype(np.float32)
    reach = numbers(shelf["reaches"])[:, None, None]
    off = np.abs((levels - 128) / 127 * np.where(reach > 0, reach, 1) - small) > reach / 60 + 1e-5
    if off.mean() > 0.001:
        raise Fault(f"the grid's tiles of {name} are not the engine's maps")


def close_up(shown: Shown, one: Activations, channel: int, scope: str) -> None:
    """One channel large: its map, its numbers, and how one of them is computed."""
    values, layer = one.maps[channel], one.layer
    limit = None if scope == SCOPES[0] else float(np.abs(one.maps).max())
    drawn = picture.diverging(values, limit)
    grid = shown.told(f"number-{layer}")
    if grid is None:
        shown.shows(drawn, f"the map of channel {channel} of {layer}")
        row, column = int(shown.value(f"number-{layer}-row")), int(shown.value(f"number-{layer}-column"))
    else:
        if distance(at(grid["src"]), show.pixelated(drawn, 420)) > 5:
            raise Fault(f"the close-up is not the map of channel {channel} of {layer}")
        row, column = divmod(grid["chosen"], values.shape[1])
        if len(grid["names"]) != values.size or f"{values[row, column]:.5g}" not in grid["names"][grid["chosen"]]:
            raise Fault(f"the number at {row}, {column} of channel {channel} is {grid['names'][grid['chosen']]!r}")
    said = shown.text()
    for number in (f"{values.min():.4g}", f"{one.mean[channel]:.4g}", f"{one.max[channel]:.4g}"):
        if number not in said:
            raise Fault(f"the numbers of channel {channel} of {layer} do not say {number}")
    if not shown.presenting and "cv-steps" in " ".join(shown.markup()) and f"{values[row, column]:.6g}" not in said:
        raise Fault(f"how {values[row, column]:.6g} of channel {channel} is computed is not said")
