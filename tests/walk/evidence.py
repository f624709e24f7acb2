"""Class activation, held against the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnviz import picture
from cnnviz.attribution import regions
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.methods import METHODS
from cnnviz.measured import measured
from cnnviz.options import knobs
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.ui.components.camcanvas.look import from_link
from cnnviz.ui.widgets import show
from tests.walk.answers import predictions
from tests.walk.shown import Shown, at, distance, numbers
from tests.walk.tab import Fault

TITLES = {row.title: name for name, row in METHODS.items()}


def asked(shown: Shown, method: str) -> dict[str, Any]:
    """The question as the controls show it."""
    row = METHODS[method]
    given = None
    if row.options:
        values = {k.name: k.kind(shown.value(f"{method}-{k.name}")) for k in knobs(row.options)}
        given = row.options(**values)
    versus = (shown.told("pick-versus") or {}).get("chosen", -1)
    target = (shown.told("pick-class") or {}).get("chosen", -1)
    return {
        "target": None if target < 0 else target,
        "layer": shown.value("at"),
        "method": method,
        "options": given,
        "versus": None if versus < 0 or row.class_free else versus,
        "against": bool(shown.value("against")) and not row.class_free,
    }


def class_activation(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """Predictions, the map on the canvas, the maps at hand, and the view of the proof."""
    canvas, method = shown.told("camcanvas"), TITLES.get(str(shown.value("method")))
    if canvas is None or method is None or shown.old():
        return False
    net, question = shown.net, asked(shown, method)
    heat = engine.heatmap(net, photo, **question)
    strokes = from_link(str(shown.params.get("look", ""))).strokes
    left = engine.erase(net, photo, strokes, heat.target).predictions[:5] if strokes else ()
    predictions(shown, left or engine.predict(net, photo, top=5))
    on_canvas(canvas, heat, photo, question)
    lying(shown, canvas, heat, photo)
    at_hand(shown, canvas, engine, net, photo, question)
    proofs(shown, engine, net, photo, heat)
    return True


def on_canvas(canvas: Mapping[str, Any], heat: Heatmap, photo: Photo, question: Mapping[str, Any]) -> None:
    """The canvas has the engine's map of that question."""
    what = f"{heat.subject} by {question['method']} at {question['layer']}"
    if (canvas["target"], canvas["method"]) != (heat.target, heat.method):
        raise Fault(f"the canvas shows {canvas['target']} by {canvas['method']}, asked is {what}")
    values = numbers(canvas["heat"], "u1").reshape(heat.values.shape)
    if np.abs(values.astype(float) - heat.values * 255).max() > 2:
        raise Fault(f"the heat on the canvas is not that of {what}")
    if canvas["raw"] and not same(numbers(canvas["raw"]), heat.raw):
        raise Fault(f"the raw map on the canvas is not that of {what}")
    if canvas["size"] != [photo.width, photo.height] or canvas["against"] != heat.goal.against:
        raise Fault(f"the canvas is told of another photo or sign than {what} on {photo.name}")
    if not np.isclose(canvas["reach"], heat.reach, rtol=1e-3):
        raise Fault(f"colour bar: ends at {canvas['reach']}, the map of {what} at {heat.reach}")
    drawn = heat.scaled(max(heat.reach, canvas["second"]["reach"])) if canvas.get("pair") else heat
    if canvas["caption"] != regions.caption(drawn):
        raise Fault(f"caption: {canvas['caption']!r} is not of {what}")


def same(sent: np.ndarray, raw: np.ndarray) -> bool:
    """Whether a raw map that travelled is the engine's."""
    return np.allclose(sent, raw.ravel(), rtol=1e-3, atol=1e-5 * max(1.0, float(np.abs(raw).max())), equal_nan=True)


def lying(shown: Shown, canvas: Mapping[str, Any], heat: Heatmap, photo: Photo) -> None:
    """The photo under the map is the one chosen, and what the network had of it."""
    shelf = shown.told("shelf-camcanvas-pictures")
    if shelf is None or shelf["stamp"] != canvas["pictures"]:
        raise Fault("the photo under the map is of another map")
    if distance(at(shelf["photo"]), picture.fit(photo, 900)) > 5 or distance(at(shelf["seen"]), heat.seen) > 5:
        raise Fault(f"the photo under the map is not {photo.name}")


def at_hand(
    shown: Shown, canvas: Mapping[str, Any], engine: Engine, net: str, photo: Photo, question: Mapping[str, Any]
) -> None:
    """The maps that the browser shows by itself are those of the same question."""
    shelf = shown.told("shelf-camcanvas-maps")
    if shelf is None or not canvas["subject"]:
        return
    if shelf["subject"] != canvas["subject"]:
        raise Fault("the maps at hand are of another question than the canvas")
    for name, sent in shelf["maps"].items():
        target, _, method = name.partition(" ")
        options = question["options"] if method == question["method"] else None
        one = engine.heatmap(net, photo, **{**question, "target": int(target), "method": method, "options": options})
        if not same(numbers(sent), one.raw):
            raise Fault(f"the map at hand for {name} is not the engine's")


def proofs(shown: Shown, engine: Engine, net: str, photo: Photo, heat: Heatmap) -> None:
    """The view beneath the map is of the same map."""
    if shown.has("png-proof") and shown.value("proof") == "Raw map":
        drawn = show.pixelated(picture.diverging(heat.raw), 420)
        shown.shows(drawn, f"the raw map of {heat.subject}", heat.subject)
    drill = shown.told("drill-pixels")
    if drill is not None and shown.told("drill-channels") is not None:
        tiles = shown.told("drill-channels") or {}
        goal = heat.goal
        found = engine.drill(net, photo, heat.target, heat.layer, None, None, versus=goal.versus, against=goal.against)
        wanted = [w.channel for w in found.witnesses[: len(tiles["names"])]]
        called = [int(name.split()[1]) for name in tiles["names"]]
        if wanted != called:
            raise Fault(f"channels by contribution: {called} are shown, the engine says {wanted}")
        if measured(found.score, 4) not in shown.text():
            raise Fault(f"the score {found.score:.4g} of {heat.subject} is not said")
