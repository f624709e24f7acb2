"""Predictions and heat maps of several photos at once, equal up to rounding to those of each photo alone.

Nothing is remembered: what is asked of a whole folder is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnviz.attribution import batch, methods
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.inference import device as devices
from cnnviz.inference.cut import Cut, cut
from cnnviz.inference.plain_road import alone, asked_whole, batched, single
from cnnviz.inference.predict import Prediction, Target, label, ranked, target
from cnnviz.inference.tap import LayerError
from cnnviz.models.load import Model
from cnnviz.models.outputs import of_classes
from cnnviz.photo import Crop, Photo
from cnnviz.runtime import attribution
from cnnviz.runtime.backend import Backend, Given, require_photo
from cnnviz.train.evaluate import together


@dataclass(frozen=True, eq=False)
class Input:
    """A photo and what a network takes of it: pixels uint8 (H, W, 3), and as a tensor float32 (1, C, H, W)."""

    photo: Photo
    seen: np.ndarray = field(repr=False)
    x: Tensor = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """What is asked of each photo: a class, the most probable one without it, at a layer, by a method."""

    target: str | int | None = None
    layer: str | None = None
    method: str = methods.DEFAULT
    options: Given = None
    versus: str | int | None = None
    against: bool = False


def input_of(model: Model, photo: Photo) -> Input:
    """The photo as a network takes it, on the processor."""
    require_photo(photo)
    seen = model.preprocess.see(photo)
    with torch.inference_mode(False):
        return Input(photo, seen, model.preprocess.input(photo, seen))


def opened(model: Model, path: Path, crop: Crop) -> Input:
    """The photo in a file as a network takes it. Raises `PhotoError`."""
    return input_of(model, Photo.open(path).with_crop(crop))


def heatmap_batch(
    backend: Backend,
    key: str,
    photos: Sequence[Photo],
    target: str | int | None = None,
    layer: str | None = None,
    method: str = methods.DEFAULT,
    options: Given = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
) -> tuple[Heatmap, ...]:
    """The heat map of each photo as `heatmap` gives it, for a class or for what is most probable on that photo."""
    model = backend.model(key)
    asked = Wanted(target, layer, method, options, versus, against)
    inputs = (input_of(model, photo) for photo in photos)
    return tuple(
        heat for some in pieces(backend, model, [*inputs]) for heat, _ in heatmaps_of(backend, key, some, asked)
    )


def predict_batch(
    backend: Backend, key: str, photos: Sequence[Photo], top: int = 5
) -> tuple[tuple[Prediction, ...], ...]:
    """The `top` most probable classes of each photo, most probable first, as `predict` gives them."""
    model = backend.model(key)
    inputs = [input_of(model, photo) for photo in photos]
    logits = [row for some in pieces(backend, model, inputs) for row in logits_of(backend, key, some)]
    return tuple(ranked(row, model.labels, top) for row in logits)


def pieces(backend: Backend, model: Model, inputs: Sequence[Input]) -> list[Sequence[Input]]:
    """Inputs in parts of as many as a network is best asked at once."""
    many = at_once(backend, model)
    return [inputs[start : start + many] for start in range(0, len(inputs), many)]


def at_once(backend: Backend, model: Model) -> int:
    """How many photos a network is best asked at once: on a processor no more than its caches hold."""
    return together(model.preprocess.size, backend.place(model))


def heatmaps_of(backend: Backend, key: str, inputs: Sequence[Input], asked: Wanted) -> list[tuple[Heatmap, np.ndarray]]:
    """The heat map of each input, and its logits float32 (K,)."""
    model, row, given = backend.model(key), methods.method(asked.method), methods.options(asked.method, asked.options)
    layer = asked.layer or (backend.trunk(key) if row.reads == "pixels" else backend.default_layer(key))
    if row.reads != "maps":
        return [_alone(backend, key, one.photo, asked) for one in inputs]
    backend.require_maps(model, (layer,))
    split = cut(model.net, layer)
    x = stacked(backend, model, inputs)
    with backend.computing():
        if len(x) > 1 and _apart(split, x):
            return [_alone(backend, key, one.photo, asked) for one in inputs]
        answers = batch.read(asked.method, split, x, layer, _choice(model, asked))
    found = []
    for one, (goal, answer, logits) in zip(inputs, answers, strict=True):
        box, padding = model.preprocess.box(one.photo), model.preprocess.padding(one.photo)
        other = "" if goal.versus is None else label(model.labels, goal.versus)
        named = label(model.labels, goal.target)
        heat = methods.heatmap(
            asked.method, answer, goal, named, layer, one.seen, box, other=other, given=given, padding=padding
        )
        found.append((heat, logits))
    return found


def logits_of(backend: Backend, key: str, inputs: Sequence[Input]) -> np.ndarray:
    """The logits float32 (N, K) of inputs."""
    model = backend.model(key)
    x = stacked(backend, model, inputs)
    try:
        split = cut(model.net, trunk) if (trunk := backend.trunk(key)) else None
    except LayerError:  # a net whose maps cannot be taken apart can still predict
        split = None
    run = asked_whole(model.net) if split is None else split.logits
    known = single(model.net) if split is None else split.single
    with backend.computing(), torch.inference_mode():
        logits: np.ndarray = of_classes(model.title, batched(run, x, known)).float().cpu().numpy()
    return logits


def stacked(backend: Backend, model: Model, inputs: Sequence[Input]) -> Tensor:
    """Several inputs as one float32 (N, C, H, W) on the device of a network."""
    with torch.inference_mode(False), devices.within_memory():
        return torch.cat([one.x for one in inputs]).to(backend.place(model))  # (1, C, H, W) each -> (N, C, H, W)


@torch.inference_mode()
def _apart(split: Cut, x: Tensor) -> bool:
    """Whether a network has to be asked one photo at a time."""
    return alone(split.logits, x, split.single)


def _alone(backend: Backend, key: str, photo: Photo, asked: Wanted) -> tuple[Heatmap, np.ndarray]:
    """The heat map of one photo by itself, and its logits."""
    heat = attribution.heatmap(
        backend, key, photo, asked.target, asked.layer, asked.method, asked.options,
        versus=asked.versus, against=asked.against,
    )  # fmt: skip
    return heat, backend.logits(backend.model(key), photo)


def _choice(model: Model, asked: Wanted) -> Callable[[Tensor], Sequence[Target]]:
    """What gives the target of each photo by the logits (N, K)."""

    def choose(logits: Tensor) -> Sequence[Target]:
        of_classes(model.title, logits)
        classes = max(2, logits.shape[1])
        other = None if asked.versus is None else target(model.labels, classes, asked.versus)
        if asked.target is None:
            best = [ranked(row, model.labels, 1)[0].index for row in logits.float().cpu().numpy()]
        else:
            best = [target(model.labels, classes, asked.target)] * len(logits)
        return [Target(index, other, asked.against) for index in best]

    return choose
