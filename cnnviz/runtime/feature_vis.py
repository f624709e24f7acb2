"""What maximises a channel: filter images, tuning curves and top patches of a network's layers, remembered on disk."""

from __future__ import annotations

import functools
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.feature_vis.bundled import shipped
from cnnviz.feature_vis.canvas import Canvas
from cnnviz.feature_vis.maximize import FilterEvent, FilterImage, maximize
from cnnviz.feature_vis.prepare import LOGITS, asked_side, fields, spread, squared, up_to, whole, widths
from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.feature_vis.recipes import recipe as recipe_of
from cnnviz.feature_vis.setup import Setup
from cnnviz.feature_vis.top_patches import Patches
from cnnviz.feature_vis.top_patches import patches as top_patches
from cnnviz.feature_vis.tuning_curves import Tuning
from cnnviz.feature_vis.tuning_curves import tuning as tuning_curves
from cnnviz.inference.cut import cut
from cnnviz.models.load import Model
from cnnviz.options import RequestError, flat
from cnnviz.photo import Photo
from cnnviz.runtime.backend import Backend, ident_of
from cnnviz.runtime.cache import Codec, Key
from cnnviz.signal.receptive import Field


def recipe(backend: Backend, key: str, name: str = "auto") -> Ascent:
    """The options of a filter recipe by name; "auto" is the one of the network's family."""
    return recipe_of(name, key, min(backend.model(key).input_size[1:]))


def filters(
    backend: Backend,
    key: str,
    layer: str | None = None,
    channels: Iterable[int | Aim] = (0,),
    ascent: Ascent | None = None,
    photo: Photo | None = None,
) -> Generator[FilterEvent]:
    """The images that maximise channels of a layer, step by step; what is remembered comes first and whole.

    No layer means the classes ("logits"). `photo` is where the ascent begins if its start is "photo". The generator
    may be closed at any step. Raises `RequestError` at once where the layer is not there or is never reached, and later
    where a channel cannot be maximised.
    """
    model, layer, ascent = backend.model(key), layer or LOGITS, ascent or recipe(backend, key)
    if (ascent.start == "photo") != (photo is not None):
        raise RequestError("Give a photo together with start='photo', or neither.")
    run, side = _run(model, layer), _side(backend, model, layer, ascent)

    def typical() -> Tensor:
        ident = (*ident_of(model), "spread", layer, side, ascent.objective)
        found = backend.cache.get(ident, lambda: spread(model, run, side, ascent, backend.place(model)), codec=ARRAY)
        return torch.from_numpy(found.copy())

    mean, std = model.preprocess.mean, model.preprocess.std
    where = Setup(run, layer, mean, std, side, backend.place(model), typical, backend.computing)
    if layer != LOGITS:
        where = replace(where, some=cut(model.net, layer).some)
    base = None if photo is None else squared(backend.seen(model, photo), side)
    memory = _Memory(backend, model, layer, side, ascent, photo)
    return _remembered(memory, channels, lambda aims: maximize(where, aims, ascent, base))


def effort(
    backend: Backend,
    key: str,
    layer: str | None = None,
    channels: Iterable[int | Aim] = (0,),
    ascent: Ascent | None = None,
    photo: Photo | None = None,
) -> Effort:
    """How many of the images that `filters` gives are still to be optimised, and about how long that takes."""
    model, layer, ascent = backend.model(key), layer or LOGITS, ascent or recipe(backend, key)
    run, side = _run(model, layer), _side(backend, model, layer, ascent)
    memory = _Memory(backend, model, layer, side, ascent, photo)
    missing = sum(image is None for _, _, image in memory.look(channels))
    if not missing:
        return Effort(0, 0.0)
    step = backend.remember((*ident_of(model), "step", layer, side), lambda: _step_seconds(model, run, side, backend))
    sizes = [0.25**coarse for coarse in range(ascent.coarse + 1)]  # a canvas of half the side costs a quarter
    return Effort(missing, missing * ascent.steps * step * OVERHEAD * sum(sizes) / len(sizes))


def _step_seconds(model: Model, run: Callable[[Tensor], Tensor], side: int, backend: Backend) -> float:
    """How long one step takes on this machine, forward and backward: the quickest of a few, the first warms up."""
    quickest, begun = math.inf, time.perf_counter()
    for again in range(4):
        began = time.perf_counter()
        if again > 1 and began - begun > 1:
            break
        with torch.inference_mode(False), torch.enable_grad():
            x = torch.zeros(1, model.input_size[0], side, side, device=backend.place(model), requires_grad=True)
            try:
                torch.autograd.grad(run(x).sum(), x)[0].sum().item()
            except RuntimeError:  # it cannot be maximised at this size, which the ascent says in a sentence
                return 0.0
        quickest = min(quickest, time.perf_counter() - began)
    return quickest


def tuning(backend: Backend, key: str, layer: str) -> Tuning:
    """What each channel of a layer is tuned to: orientation, frequency, colour, size, place; kept on disk."""
    model = backend.model(key)
    run = _run(model, layer)
    side = asked_side(field_of(backend, model, layer), min(model.input_size[1:]))
    canvas = Canvas("pixel", model.preprocess.mean, model.preprocess.std)

    def compute() -> Tuning:
        with backend.computing():
            return tuning_curves(
                layer, run, lambda x: canvas.net_units(x.to(backend.place(model))), len(canvas.mean), side
            )

    return backend.cache.get((*ident_of(model), "tuning", layer, side), compute, codec=CURVES)


def patches(
    backend: Backend,
    key: str,
    layer: str,
    photos: Sequence[Path | Photo],
    told: Callable[[float], None] = lambda _: None,
) -> Patches:
    """The places in photos that activate each channel of a layer most; `told` hears the share done."""
    model = backend.model(key)
    run, field = up_to(model, layer), field_of(backend, model, layer)

    def one(x: Tensor) -> Tensor:
        with backend.computing():
            return run(x.to(backend.place(model)))

    stamps = tuple((str(p), p.stat().st_mtime_ns) if isinstance(p, Path) else p.digest for p in photos)
    ident = (*ident_of(model), "patches", layer, stamps)
    personal = any(isinstance(photo, Photo) and photo.personal for photo in photos)
    return backend.cache.get(
        ident, lambda: top_patches(layer, one, model.preprocess, field, photos, told), personal=personal
    )


def filter_layers(backend: Backend, key: str) -> Mapping[str, int]:
    """How many channels each layer has that can be grown, in execution order; the classes, "logits", come last."""
    model, kinds = backend.model(key), {row.name: row.kind for row in backend.layers(key).layers}
    names = backend.map_layers(key)
    return backend.cache.get((*ident_of(model), "widths"), lambda: widths(model, names, kinds, backend.place(model)))


def _side(backend: Backend, model: Model, layer: str, ascent: Ascent) -> int:
    """The side of the images, px: what is asked for, else what a unit of the layer can see."""
    return ascent.size or asked_side(field_of(backend, model, layer), min(model.input_size[1:]))


def _run(model: Model, layer: str) -> Callable[[Tensor], Tensor]:
    """The net up to a layer, or as a whole where that is "logits"."""
    return whole(model) if layer == LOGITS else up_to(model, layer)


def field_of(backend: Backend, model: Model, layer: str) -> Field | None:
    """The receptive field of a layer, where it is known."""

    def compute() -> Mapping[str, Field]:
        with backend.computing():
            return fields(model.net, model.input_size)

    return backend.cache.get((*ident_of(model), "fields"), compute).get(layer)


@dataclass(frozen=True)
class Effort:
    """How many images are still to be optimised, and about how many seconds that takes."""

    missing: int
    seconds: float


OVERHEAD = 1.7  # of a step: the canvas, what the image must withstand, the images shown meanwhile


class _Memory:
    """The filter images of one layer and preset that are remembered, or came with the network."""

    def __init__(
        self, backend: Backend, model: Model, layer: str, side: int, ascent: Ascent, photo: Photo | None
    ) -> None:
        self.cache, self.model, self.layer, self.ascent, self.photo = backend.cache, model, layer, ascent, photo
        self.ident: Key = (*ident_of(model), "filter", layer, side, flat(ascent), photo and photo.digest)
        self.personal = photo is not None and photo.personal

    def look(self, channels: Iterable[int | Aim]) -> Iterator[tuple[Aim, Key, FilterImage | None]]:
        """Each aim with its key and its image, None where it is not remembered."""
        aims = [Aim.of(channel) for channel in channels]
        copies: Counter[Aim] = Counter()
        crowd = tuple(aims) if self.ascent.diversity else ()  # images that are kept apart depend on each other
        for aim in aims:
            key = (*self.ident, aim, copies[aim], crowd)
            copies[aim] += 1
            yield aim, key, self._image(aim, key, copies[aim] == 1)

    def keep(self, key: Key, image: FilterImage) -> None:
        """Remember an image."""
        self.cache.get(key, functools.partial(_same, image), personal=self.personal, codec=ON_DISK)

    def _image(self, aim: Aim, key: Key, first: bool) -> FilterImage | None:
        if first and self.photo is None:  # another of the same channel begins elsewhere
            found = shipped(self.model, self.layer, aim, self.ascent)
            if found is not None:
                return found
        try:
            return self.cache.get(key, _absent, personal=self.personal, codec=ON_DISK)
        except _AbsentError:
            return None


def _remembered(
    memory: _Memory, channels: Iterable[int | Aim], grow: Callable[[list[Aim]], Generator[FilterEvent]]
) -> Generator[FilterEvent]:
    """The last event of every image that is remembered, then those of growing the others, each kept when it is done."""
    steps = memory.ascent.steps
    missing: list[Aim] = []
    keys: list[tuple[Aim, Key]] = []
    for aim, key, image in memory.look(channels):
        if image is None:
            missing.append(aim)
            keys.append((aim, key))
            continue
        yield FilterEvent(image.layer, aim, steps, steps, image.value, image.picture, image)
    with closing(grow(missing)) as events:
        for event in events:
            if (done := event.image) is not None:
                at = next(i for i, (aim, _) in enumerate(keys) if aim == event.aim)
                memory.keep(keys.pop(at)[1], done)
            yield event


def _same(image: FilterImage) -> FilterImage:
    return image


class _AbsentError(LookupError):
    """Nothing is remembered under a key."""


def _absent() -> FilterImage:
    raise _AbsentError


def _pack(image: FilterImage) -> dict[str, np.ndarray]:
    about = json.dumps([image.layer, image.aim.terms, image.before, image.value, len(image.frames)])
    _, strip = cv2.imencode(".webp", np.concatenate(image.frames)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])
    arrays = {"picture": image.picture, "start": image.start, "curve": image.curve, "strip": strip}
    return {**arrays, "about": np.frombuffer(about.encode(), np.uint8)}


def _unpack(arrays: Mapping[str, np.ndarray]) -> FilterImage:
    layer, terms, before, value, count = json.loads(bytes(arrays["about"]))
    strip = cv2.imdecode(arrays["strip"], cv2.IMREAD_COLOR)
    if strip is None:
        raise ValueError("The frames are damaged.")
    frames = strip[..., ::-1].reshape(count, -1, strip.shape[1], 3)  # (F*h, w, 3) -> (F, h, w, 3)
    aim = Aim(tuple((int(channel), float(weight)) for channel, weight in terms))
    picture, start, curve = (read_only(arrays[name]) for name in ("picture", "start", "curve"))
    return FilterImage(layer, aim, picture, start, curve, before, value, read_only(frames))


ON_DISK = Codec(_pack, _unpack)
ARRAY = Codec(lambda array: {"array": array}, lambda arrays: arrays["array"])
CURVES = Codec(
    lambda found: {**{k: v for k, v in vars(found).items() if k != "layer"}, "name": np.array(found.layer)},
    lambda arrays: Tuning(str(arrays["name"]), **{k: read_only(v) for k, v in arrays.items() if k != "name"}),
)
