"""The labs, Data, Train and Filters, held against the engine and the plain definitions."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from cnnviz import picture
from cnnviz.data.augment import PRESETS, Augment
from cnnviz.data.folder import DataSet
from cnnviz.inference import first_layer
from cnnviz.inference.neighbours import nearest
from cnnviz.options import RequestError, knobs
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.signal import gabor as waves
from cnnviz.signal import gaborfit, pictures, receptive_figure
from cnnviz.signal.receptive import Window
from cnnviz.ui.components.convlab import link, read
from cnnviz.ui.server import data_sets
from tests.walk.answers import predictions
from tests.walk.shown import Shown, numbers
from tests.walk.tab import Fault

LARGEST = 11  # px: the largest kernel that the lab slides


def taken(shown: Shown, name: str) -> np.ndarray | None:
    """The numbers that a download of that name holds; None where there is none."""
    node = shown.widgets.get(f"npy-{name}")
    return None if node is None or not shown.tab.downloads else np.load(io.BytesIO(shown.tab.download(node)))


def near(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    """Raises `Fault` where numbers are not those of the engine."""
    if found.shape != wanted.shape or not close(found, wanted):
        raise Fault(f"{what}: the numbers {found.shape} are not the engine's {wanted.shape}")


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether numbers of one shape are the same but for rounding; pixels may be a level apart."""
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    reach = float(np.nanmax(np.abs(b), initial=0.0)) or 1.0
    slack = 1.0 if wanted.dtype == np.uint8 else 1e-4 * reach
    return np.allclose(a, b, rtol=1e-3, atol=slack, equal_nan=True)


def now(shown: Shown, key: str, place: str, start: dict[str, Any]) -> dict[str, Any]:
    """How a lab stands in the browser: as a hand has left it, or as it began."""
    told = shown.tab.states.get(place) or {}
    return told if told.get("stamp") == start["stamp"] and shown.tab.told_by(key) else start


def first_of(engine: Engine, net: str) -> first_layer.FirstLayer | None:
    """The first convolution of a network; None where it has none."""
    try:
        return first_layer.first_layer(engine.model(net).net)
    except RequestError:
        return None


def convolution(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The image under the window, the kernels to choose from, and the output that is taken away."""
    if shown.old():
        return False
    if (field := shown.told("fieldlab")) is not None:
        return receptive(shown, field, photo)
    lab = shown.told("convlab")
    if lab is None:
        return full_size(shown, photo)
    name = lab["name"]
    teaching = dict(pictures.TEACHING.values())
    pixels = pictures.fitted(photo) if name == photo.name else teaching[name]() if name in teaching else None
    if pixels is None:
        raise Fault(f"the lab's image is called {name!r}; the photo is {photo.name!r}")
    planes = pictures.planes(pixels)
    if not np.array_equal(numbers(lab["pixels"], "u1").reshape(-1, lab["height"], lab["width"]), planes):
        raise Fault(f"the lab's image is not {name}")
    layer = first_of(engine, shown.net)
    fits = layer is not None and layer.side <= LARGEST and layer.weights.shape[1] in (1, 3)
    if layer is not None and fits and not np.allclose(np.array(lab["learned"]), layer.weights, atol=1e-5):
        raise Fault(f"the learned kernels are not those of {shown.net}")
    state = read(now(shown, "convlab", "lab", lab["start"]))
    values = taken(shown, "convolution")
    if state is None or values is None:
        return True
    made = link.layer_of(state)
    if made.channels == (3 if state["colour"] and len(planes) > 1 else 1):
        seen = planes[1:] if made.channels == 3 else planes[:1]
        near(values, made.maps(seen) * np.float32(made.scale), f"convolution of {name}")
    return True


def receptive(shown: Shown, field: dict[str, Any], photo: Photo) -> bool:
    """The builder's photo, and the field of its stack."""
    side = field["side"]
    if not np.array_equal(numbers(field["pixels"], "u1").reshape(side, side, 3), pictures.square(photo, side)):
        raise Fault(f"the receptive field's photo is not {photo.name}")
    told = shown.tab.told_by("fieldlab").get("layers")
    layers = tuple(Window(**row) for row in (told or field["start"]["layers"]))
    if (values := taken(shown, "stack")) is not None:
        near(values, receptive_figure.effective(layers, side), "receptive field")
    return True


def full_size(shown: Shown, photo: Photo) -> bool:
    """The layer of the lab over the whole photo."""
    word = shown.params.get("lab", "")
    state, values = link.from_link(word), taken(shown, "convolution-full")
    if state is None or values is None:
        return False
    made = link.layer_of(state)
    one = made.maps(pictures.looked_at(photo.pixels, made.channels))[state["selected"]]
    near(values, one * np.float32(made.scale), f"full size of {photo.name}")
    return True


def gabor(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The images under the filter, its response, the bank, the learned filters and the predictions."""
    if shown.old():
        return False
    lab, bank = shown.told("gaborlab"), shown.told("gaborbank")
    if lab is not None:
        shown_in(lab, pictures.beside(photo, lab["side"], drawn=True))
        state = now(shown, "gaborlab", "gabor", lab["start"])
        filter = waves.Gabor(*(float(state[name]) for name in ("frequency", "theta", "sigma", "gamma", "phase")))
        if (values := taken(shown, "gabor")) is not None and values.ndim == 2:
            grays = [
                *pictures.beside(photo, lab["side"], drawn=True).values()
            ]  # one less where the photo is among them
            gray = grays[min(state["picture"], len(grays) - 1)]
            near(values, waves.response(gray, filter), f"response of {filter}")
        return True
    if bank is not None:
        small = pictures.beside(photo, bank["side"])
        shown_in(bank, small)
        filters = [waves.Gabor(**one) for one in bank["filters"]]
        chosen = [[float(text) for text in shown.value(name)] for name in ("thetas", "frequencies", "sigmas")]
        if waves.bank(*chosen) != tuple(filters) and [*waves.bank(*chosen)] != filters:
            raise Fault(f"the bank has {len(filters)} filters that are not those chosen: {chosen}")
        return True
    layer = first_of(engine, shown.net)
    if layer is None or not shown.has("least"):
        return False
    fits = fitted(engine.model(shown.net).fingerprint, layer.weights.tobytes(), layer.weights.shape)
    from cnnviz.ui.views.first_layer import sheet

    for planes, what in (([f.plane for f in fits], "the learned filters"), ([f.match for f in fits], "their Gabors")):
        shown.shows(sheet(planes), f"{what} of {shown.net}")
    predictions(shown, engine.predict(shown.net, photo, top=5))
    return True


def shown_in(lab: dict[str, Any], wanted: dict[str, np.ndarray]) -> None:
    """The images of a lab are those wanted, by name and pixel."""
    found = {one["name"]: numbers(one["pixels"], "u1").reshape(lab["side"], lab["side"]) for one in lab["pictures"]}
    if [*found] != [*wanted] or any(not np.array_equal(found[name], wanted[name]) for name in wanted):
        raise Fault(f"the lab's images {[*found]} are not {[*wanted]}")


@cache
def fitted(fingerprint: str, data: bytes, shape: tuple[int, ...]) -> tuple[gaborfit.Fit, ...]:
    """The Gabors fitted to a network's first kernels."""
    return gaborfit.fit_gabors(np.frombuffer(data, np.float32).reshape(shape))


def data(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The batch of the data set, and the augmented images by the switches shown."""
    values, preset = taken(shown, "augmentation"), shown.value("preset")
    if values is None or shown.old():
        return False
    wanted = Augment(**{k.name: k.kind(shown.value(f"aug-{preset}-{k.name}")) for k in knobs(Augment)})
    name = shown.value("set")
    turn = int(shown.params.get("batch", 0))
    if name is None:
        small = pictures.square(photo, 192)
    else:
        small = data_sets.batch(data_sets.data_set(name), "train", 3, turn, 192)[0][0]
        batch, _ = data_sets.batch(data_sets.data_set(name), str(shown.value("split")), 12, turn, 128)
        for half in (batch[:4], batch[4:8]):
            if len(half):
                shown.shows(picture.grid(padded(half), 4), "the batch")
    near(values, data_sets.varied(small, wanted, int(shown.value("aug-seed"))), f"augmentation by {preset}")
    if (told := shown.told("image-map")) is not None:
        image_map(shown, told, engine, data_sets.data_set(str(name)))
    return True


def image_map(shown: Shown, told: dict[str, Any], engine: Engine, of: DataSet) -> None:
    """Each image of the map lies where the engine has it, and the neighbours shown are those of the image opened."""
    file = json.loads(shown.tab.media(told["points"]))
    found = engine.project(shown.params.get("map-net", shown.net), of)
    names = [path.relative_to(of.root).as_posix() for path in found.embedding.paths]
    order = [names.index(one) for one in file["files"].split("\n")]
    places = np.stack([numbers(file["x"]), 1 - numbers(file["y"])], 1)
    wanted = found.places[order] / np.ptp(found.places, axis=0).max()
    if np.abs((places - places[0]) - (wanted - wanted[0])).max() > 1e-3:
        raise Fault(f"the map of {of.root.name} has its images where {shown.params.get('map-net')} has not")
    if told["near"] is None or told["near"]["of"] < 0:
        return
    values, one = found.embedding.values, order[told["near"]["of"]]
    _, cosines = nearest(values, values[one], len(told["near"]["list"]), without=one)
    if not np.allclose([cosine for _, cosine in told["near"]["list"]], cosines, atol=1e-3):
        raise Fault(f"the neighbours shown are not those of {names[one]}")


def padded(batch: np.ndarray) -> np.ndarray:
    """Half a row filled up with grey tiles."""
    return np.concatenate([batch, np.full((4 - len(batch), *batch.shape[1:]), picture.GAP, np.uint8)])


def train(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The plan to download is the one that the form spells."""
    node = shown.widgets.get("plan-file")
    if node is None or not shown.tab.downloads:
        return False
    plan = json.loads(shown.tab.download(node))
    for field, value in plan.items():
        said = shown.value(f"plan-{field}")
        if not shown.has(f"plan-{field}") or field in ("augment", "channels"):
            continue
        if said is not None and not _same(said, value):
            raise Fault(f"plan: {field} is {value!r}, the form shows {said!r}")
    augment, kept = shown.value("plan-augment"), plan.get("augment")
    if augment in PRESETS and isinstance(kept, dict) and Augment(**kept) != PRESETS[augment]:
        raise Fault(f"plan: augmentation {kept} is not {augment}: {asdict(PRESETS[augment])}")
    if shown.value("set") != plan["data"].rpartition("/")[2]:
        raise Fault(f"plan: of {plan['data']}, the form shows {shown.value('set')}")
    return True


def _same(said: Any, value: Any) -> bool:
    if isinstance(said, bool) or isinstance(value, bool):
        return bool(said) == bool(value)
    if isinstance(said, (int, float)) and isinstance(value, (int, float)):
        return abs(said - value) <= 1e-9 + 1e-6 * abs(value)
    return bool(said == value)


def filters(shown: Shown, engine: Engine, photo: Photo) -> bool:
    """The tiles are of the layer and the channels asked for; the one close up is the one framed."""
    tiles = shown.told("filter-tiles")
    if tiles is None or shown.old():
        return False
    layer = str(shown.value("layer")).partition(" ·")[0]
    if layer != "classes" and layer not in tiles["alt"]:
        raise Fault(f"alternative text: the filter images of {layer} are called {tiles['alt']!r}")
    kind, many = shown.value("which"), shown.value("many")
    if kind == "first" and many is not None and len(tiles["names"]) > int(many):
        raise Fault(f"{len(tiles['names'])} filter images are shown, {many} are asked for")
    if tiles["chosen"] is not None:
        called = tiles["names"][tiles["chosen"]]
        if called.lower() not in shown.text().lower():
            raise Fault(f"the filter image close up is not of {called}, which is framed")
    return True
