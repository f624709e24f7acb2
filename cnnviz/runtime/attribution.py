"""Which pixels support a class: heat maps of any class, layer and method, for one network and one photo.

`progress` hears the share done, 0..1, of what takes long; whatever it raises stops the work at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from cnnviz.arrays import read_only
from cnnviz.attribution import methods
from cnnviz.attribution.cam import evidence
from cnnviz.attribution.heatmap import Heatmap, Ladder
from cnnviz.inference.predict import Target, label
from cnnviz.options import RequestError, flat
from cnnviz.photo import Photo
from cnnviz.runtime.backend import Backend, Given, ident_of
from cnnviz.runtime.progress import Progress, part, stoppable


def heatmap(
    backend: Backend,
    key: str,
    photo: Photo,
    target: str | int | None = None,
    layer: str | None = None,
    method: str = methods.DEFAULT,
    options: Given = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
    progress: Progress | None = None,
) -> Heatmap:
    """Which pixels of the photo support a class (by default the most probable one), seen from a layer.

    `versus` names a second class: the evidence for the first minus that for it. `against` turns the question
    around. Raises `RequestError` for a class, layer, method or option that does not exist.
    """
    return heatmaps(
        backend, key, photo, (target,), layer, method, options, versus=versus, against=against, progress=progress
    )[0]


def heatmaps(
    backend: Backend,
    key: str,
    photo: Photo,
    targets: Sequence[str | int | None],
    layer: str | None = None,
    method: str = methods.DEFAULT,
    options: Given = None,
    *,
    versus: str | int | None = None,
    against: bool = False,
    progress: Progress | None = None,
) -> tuple[Heatmap, ...]:
    """One heat map for each class, all from one pass of the photo through the network and one batched head."""
    model, row, given = backend.model(key), methods.method(method), methods.options(method, options)
    pixels = row.reads == "pixels"
    layer = backend.trunk(key) if pixels else layer or backend.default_layer(key)
    other = None if versus is None else backend.target(key, photo, versus)
    wanted = [Target(backend.target(key, photo, t), other, against) for t in targets]

    def compute(missing: tuple[Target, ...], told: Progress | None) -> list[Heatmap]:
        forward, seen = backend.forward(model, photo, layer), backend.seen(model, photo)
        box, padding = model.preprocess.box(photo), model.preprocess.padding(photo)
        if row.reads == "maps":
            with backend.computing():
                answers = methods.read(method, forward, missing)
        else:
            answers = [
                backend.run_steps(methods.explain(method, forward, one, given), told and part(told, i, len(missing)))
                for i, one in enumerate(missing)
            ]
        return [
            methods.heatmap(
                method, found, one, label(model.labels, one.target), layer, seen, box,
                other=_other(model.labels, one), given=given, padding=padding,
            )
            for one, found in zip(missing, answers, strict=True)
        ]  # fmt: skip

    ident = (*ident_of(model), "heatmap", photo.digest, layer, method, flat(given))
    return stoppable(
        progress,
        lambda told: backend.cache.get_each(
            ident, wanted, lambda missing: compute(missing, told), personal=photo.personal
        ),
    )


def every_class(
    backend: Backend, key: str, photo: Photo, layer: str | None = None, method: str = methods.DEFAULT
) -> np.ndarray | None:
    """A method's raw maps float32 (K, h, w) of all classes at a layer, at the cost of one.

    None where they would cost one each: by most methods, and where another layer follows before the logits.
    """
    model, at, together = backend.model(key), layer or backend.default_layer(key), methods.method(method).every_class
    if together is None:
        return None

    def compute() -> np.ndarray | None:
        forward = backend.forward(model, photo, at)
        with backend.computing(), torch.no_grad():
            maps = together(forward)
        return None if maps is None else read_only(methods.array(maps))

    ident = (*ident_of(model), "every class", photo.digest, at, method)
    return backend.cache.get(ident, compute, personal=photo.personal)


def ladder(
    backend: Backend,
    key: str,
    photo: Photo,
    targets: Sequence[str | int | None] = (None,),
    layers: Sequence[str] | None = None,
    method: str = methods.DEFAULT,
    *,
    versus: str | int | None = None,
    against: bool = False,
) -> Ladder:
    """Heat maps of several classes at every stage of the network, from one pass and one backward for each class.

    `versus` and `against` are as in `heatmap`.
    Only for methods that read a layer's maps; without `layers`, the last one at each size of the maps.
    """
    model, row = backend.model(key), methods.method(method)
    if row.reads != "maps":
        raise RequestError(
            f"{row.title} is not computed for all layers; choose  Grad-CAM or another method that reads maps."
        )
    chosen = tuple(layers or stages(backend, key))
    backend.require_maps(model, chosen)
    second = None if versus is None else backend.target(key, photo, versus)
    wanted = [Target(backend.target(key, photo, t), second, against) for t in targets]

    def compute() -> Ladder:
        seen, x = backend.seen(model, photo), backend.tensor(model, photo)
        where: dict[str, Any] = {"box": model.preprocess.box(photo), "padding": model.preprocess.padding(photo)}
        with backend.computing():
            found = evidence(model.net, x, chosen, wanted)
        rows = []
        for layer, row_of in zip(chosen, found, strict=True):
            maps = []
            for one, e in zip(wanted, row_of, strict=True):
                raw, weights = methods.METHODS[method].run(e)
                answer = methods.array(raw), methods.array(weights), e.score
                named = label(model.labels, one.target)
                other = _other(model.labels, one)
                maps.append(methods.heatmap(method, answer, one, named, layer, seen, other=other, **where))
            rows.append(tuple(maps))
        return Ladder(chosen, tuple(one.target for one in wanted), tuple(rows))

    ident = (*ident_of(model), "ladder", photo.digest, chosen, method, tuple(wanted))
    return backend.cache.get(ident, compute, personal=photo.personal)


def _other(labels: tuple[str, ...], goal: Target) -> str:
    """The label of a target's second class; empty where there is none."""
    return "" if goal.versus is None else label(labels, goal.versus)


def stages(backend: Backend, key: str, most: int = 6) -> tuple[str, ...]:
    """At most `most` layers for the stages of a network: the last one at each size of its maps, pooling left out."""
    kinds = {layer.name: layer for layer in backend.layers(key).layers}
    order, last, kind = backend.map_layers(key), backend.default_layer(key), ""
    size: tuple[int, ...] = (0, 0)
    found: dict[tuple[int, ...], str] = {}
    for name in order:  # a block comes after its layers, with the size of the last of them
        if name in kinds:
            kind, size = kinds[name].kind, kinds[name].shape[-2:]
        if "Pool" not in kind and max(size) > 1:
            found[size] = name
        if name == last:
            found[size] = name
            break
    return tuple(sorted(found.values(), key=order.index))[-most:]
