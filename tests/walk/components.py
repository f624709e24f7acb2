"""What the browser's own parts tell the page: a state they keep, or a word that is heard once."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import numpy as np

from cnnviz import picture
from cnnviz.signal import kernels
from cnnviz.ui.components.camcanvas import look
from cnnviz.ui.components.mapgrid import SIZES
from tests.walk.tab import Tab
from tests.walk.tree import Node
from tests.walk.widgets import key, proto


def told(node: Node) -> dict[str, Any]:
    """What the page tells a component."""
    found: dict[str, Any] = json.loads(proto(node).json or "{}")
    return found


def touch(tab: Tab, node: Node, rng: Random) -> dict[str, Any] | None:
    """What a hand on a component would tell: {"state": {...}} or {"once": {...}}; None for one that only shows."""
    made = TOUCHES.get(proto(node).component_name.rpartition(".")[2])
    return None if made is None else made(told(node), tab, rng)


def tell(tab: Tab, node: Node, said: dict[str, Any]) -> None:
    """Has the component say it."""
    if "once" in said:
        ((event, value),) = said["once"].items()
        tab.trigger(f"$$STREAMLIT_INTERNAL_KEY_{proto(node).id}__events", node.fragment, event, value)
        return
    tab.change(node, json_value={**tab.told_by(key(node)), **said["state"]})


def _grid(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    if rng.random() < 0.2:
        return {"state": {"tiles": rng.choice(SIZES)}}
    shelf = next((told(n) for n in tab.controls() if key(n) == "shelf-maps-tiles"), None)
    return None if shelf is None else {"state": {"channel": rng.randrange(shelf["count"])}}


def _mosaic(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    return {"state": {"place": rng.randrange(len(data["names"]))}} if data["names"] else None


def _canvas(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    ways = [*data["classes"], *data["methods"]]
    if ways and rng.random() < 0.5:
        one = rng.choice(ways)
        return {"once": {"choice": {name: value for name, value in one.items() if name != "title"}}}
    (width, height), box = data["size"], data["box"]
    if box[2 if width >= height else 3] < 1 and rng.random() < 0.1:
        return {"once": {"crop": rng.randint(0, 20) / 20}}
    at = tab.states.get("look") or {}
    begin = {name: value for name, value in data["begin"].items() if name != "stamp"}
    now = {**begin, **at} if at.get("stamp") == data["begin"]["stamp"] else begin
    part: dict[str, Any] = rng.choice(
        [
            {"opacity": rng.randint(0, 20) / 20},
            {"threshold": rng.randint(0, 10) / 10},
            {"colours": rng.choice(list(picture.HEAT_MAPS))},
            {"mode": rng.choice(look.MODES), "split": rng.randint(0, 10) / 10},
            {"view": rng.choice(look.VIEWS)},
            {"contours": not now["contours"]},
            {"boxes": not now["boxes"]},
            {"shared": not now.get("shared", False)},
            {"strokes": [[[round(rng.random(), 3), round(rng.random(), 3), 0.1]] * rng.randint(1, 3)]},
            {"strokes": []},
        ]
    )
    said = {**now, **part, "photo": data["stamp"], "stamp": data["begin"]["stamp"]}
    tab.states["look"] = said
    return {"state": {"look": said}}


def _pick(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    if data["disabled"]:
        return None
    shelf = next((told(n) for n in tab.controls() if key(n) == "shelf-classes"), {"list": []})
    return {"once": {"choice": rng.choice([-1, *(i for i, _ in shelf["list"] if i != data["without"])])}}


def _gabor(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    start = data["start"]
    at = tab.states.get("gabor") or {}
    now = dict(at if at.get("stamp") == start["stamp"] else start)
    name, choices = rng.choice(
        [
            ("frequency", [0.02, 0.1, 0.25, 0.5, 0.9]),
            ("theta", [0.0, 30.0, 90.0, 179.0]),
            ("sigma", [0.3, 1.0, 4.0, 9.0]),
            ("gamma", [0.3, 1.0, 1.6]),
            ("phase", [0.0, 90.0, -90.0]),
            ("picture", range(len(data["pictures"]))),
            ("view", ["response", "directions"]),
        ]
    )
    now[name] = rng.choice(list(choices))
    tab.states["gabor"] = now
    return {"state": {"view": now}}


def _bank(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    return {"once": {"chosen": rng.choice(data["filters"])}} if data["filters"] else None


def _lab(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    start = data["start"]
    at = tab.states.get("lab") or {}
    now = dict(at if at.get("stamp") == start["stamp"] else start)
    side = min(data["width"], data["height"])
    channels = 3 if now["colour"] else len(now["filters"][0]["weights"])  # the browser has a kernel for each
    kernel = rng.choice([one for one in kernels.KERNELS.values() if len(one.weights) <= side])
    one = {"name": kernel.title, "weights": [kernel.weights.tolist()] * channels, "bias": 0.0}
    part: dict[str, Any] = rng.choice(
        [
            {"filters": [one], "selected": 0, "dilation": 1},
            {"filters": [one, {**one, "bias": 12.0}], "selected": 1, "dilation": 1},
            {"stride": rng.randint(1, min(4, side))},
            {"padding": rng.randint(0, 1) if side > 2 else 0},
            {"mode": rng.choice(["zero", "reflect", "replicate", "wrap"])},
            {"stage": rng.choice(["conv", "relu", "pool"]), "pool_size": 1},
            {"look": rng.choice(["signed", "magnitude", "picture"]), "gain": float(rng.randint(0, 3))},
            {"unit": rng.choice([1, 255])},
            {"position": rng.randint(0, 30)},
        ]
    )
    now.update(part, stamp=start["stamp"])
    tab.states["lab"] = now
    return {"state": {"view": now}}


def _stack(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    if rng.random() < 0.3:
        return {"state": {"layers": rng.choice(data["stacks"])["layers"]}}
    row = {
        "kind": rng.choice(["conv", "max", "average"]),
        "kernel": rng.choice([1, 2, 3, 5]),
        "stride": rng.choice([1, 2]),
    }
    rows = [{**row, "padding": rng.choice([0, 1]), "dilation": 1}] * rng.randint(1, 3)
    return {"state": {"layers": rows}}


def _matrix(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    count = len(data["classes"])
    cell = {"subject": data["subject"], "row": rng.randrange(count), "column": rng.randrange(count)}
    return {"state": {"cell": rng.choice([None, cell])}}


def _camera(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    classes = data["classes"]
    ident = rng.choice([one["id"] for one in classes]) if classes else 0
    lit = np.full((data["side"], data["side"], 3), rng.randrange(256), np.uint8)
    frame = {"do": "frame", "class": ident, "at": rng.random() * 99}
    acts: list[dict[str, Any]] = [
        {**frame, "image": base64.b64encode(picture.encode(lit, "jpeg")).decode()},
        {"do": "rename", "class": ident, "name": rng.choice(["cup", "dog", ""])},
        *([{"do": "add"}] if len(classes) < 4 else [{"do": "drop", "class": ident}]),
    ]
    number = data["number"] + 1 if data["mount"] == "walk" else 1
    return {"once": {"told": {"mount": "walk", "number": number, "acts": [rng.choice(acts)]}}}


def _image(data: dict[str, Any], tab: Tab, rng: Random) -> dict[str, Any] | None:
    opened = {"subject": data["subject"], "index": rng.randrange(data["count"]), "turn": rng.random()}
    return {"state": {"opened": opened}}


TOUCHES = {
    "cnnviz_camera": _camera,
    "cnnviz_confusion": _matrix,
    "cnnviz_imagemap": _image,
    "cnnviz_mapgrid": _grid,
    "cnnviz_mosaic": _mosaic,
    "cnnviz_camcanvas": _canvas,
    "cnnviz_campick": _pick,
    "cnnviz_gaborlab": _gabor,
    "cnnviz_gaborbank": _bank,
    "cnnviz_convlab": _lab,
    "cnnviz_fieldlab": _stack,
}
