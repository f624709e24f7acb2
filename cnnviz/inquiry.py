"""Asking why: everything the engine answers about one net, one photo and one class.

The engine is an `Inquiry` that also knows nets, memory and the device; here is what it does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np
import torch

from cnnviz.explain import cam, methods
from cnnviz.explain.activations import Activations
from cnnviz.explain.cam import Heatmap, Question
from cnnviz.explain.ladder import Ladder, evidences
from cnnviz.explain.predict import Goal, label
from cnnviz.nets.layers import LayerTable
from cnnviz.nets.zoo import Model
from cnnviz.options import Options, RequestError, flat
from cnnviz.photo import Photo
from cnnviz.store import Key, Store, read_only

T = TypeVar("T")
Progress = Callable[[float], None]
Given = Options | Mapping[str, Any] | None


class Inquiry:
    """What can be asked about a photo; the engine brings nets, memory and the device.

    `progress` hears the share done, 0..1, of what takes long; whatever it raises stops the work at once.
    """

    _store: Store
    model: Callable[..., Model]
    default_layer: Callable[[str], str]
    map_layers: Callable[[str], tuple[str, ...]]
    layers: Callable[..., LayerTable]
    activations: Callable[[str, Photo, str], Activations]
    _computing: Callable[[], AbstractContextManager[None]]
    _seen: Callable[[Model, Photo], Any]
    _tensor: Callable[[Model, Photo], torch.Tensor]
    _question: Callable[[Model, Photo, str], Question]
    _logits: Callable[[Model, Photo], Any]
    target: Callable[[str, Photo, str | int | None], int]

    def heatmap(
        self,
        key: str,
        photo: Photo,
        target: str | int | None = None,
        layer: str | None = None,
        method: str = "gradcam",
        options: Given = None,
        *,
        versus: str | int | None = None,
        against: bool = False,
        progress: Progress | None = None,
    ) -> Heatmap:
        """Which pixels of the photo spoke for a class (by default the most probable one), seen from a layer.

        `versus` names a second class: what spoke for the first rather than for it. `against` turns the question
        around. Raises `RequestError` for a class, layer, method or option that does not exist.
        """
        return self.heatmaps(
            key, photo, (target,), layer, method, options, versus=versus, against=against, progress=progress
        )[0]

    def heatmaps(
        self,
        key: str,
        photo: Photo,
        targets: Sequence[str | int | None],
        layer: str | None = None,
        method: str = "gradcam",
        options: Given = None,
        *,
        versus: str | int | None = None,
        against: bool = False,
        progress: Progress | None = None,
    ) -> tuple[Heatmap, ...]:
        """One heat map for each class, all from one pass of the photo through the net and one batched head."""
        model, row, given = self.model(key), methods.method(method), methods.options(method, options)
        layer = layer if layer and row.reads != "pixels" else self.default_layer(key)
        other = None if versus is None else self.target(key, photo, versus)
        goals = [Goal(self.target(key, photo, t), other, against) for t in targets]

        def compute(missing: tuple[Goal, ...], told: Progress | None) -> list[Heatmap]:
            asked, seen = self._question(model, photo, layer), self._seen(model, photo)
            box = model.preprocess.box(photo)
            if row.reads == "maps":
                with self._computing():
                    answers = methods.read(method, asked, missing)
            else:
                answers = [
                    self._follow(methods.explain(method, asked, goal, given), told and _part(told, i, len(missing)))
                    for i, goal in enumerate(missing)
                ]
            return [
                methods.heatmap(method, found, goal, label(model.labels, goal.target), layer, seen, box)
                for goal, found in zip(missing, answers, strict=True)
            ]

        ident = (*ident_of(model), "heatmap", photo.digest, layer, method, flat(given))
        return stoppable(
            progress,
            lambda told: self._store.get_each(
                ident, goals, lambda missing: compute(missing, told), personal=photo.personal
            ),
        )

    def every_class(self, key: str, photo: Photo, layer: str | None = None) -> np.ndarray | None:
        """Grad-CAM's raw maps float32 (K, h, w) of all classes at a layer, for the price of one.

        None where they would cost one each: where another layer follows before the logits.
        """
        model, at = self.model(key), layer or self.default_layer(key)

        def compute() -> np.ndarray | None:
            asked = self._question(model, photo, at)
            with self._computing(), torch.no_grad():
                maps = cam.every_class(asked)
            return None if maps is None else read_only(methods.array(maps))

        ident = (*ident_of(model), "every class", photo.digest, at)
        return self._store.get(ident, compute, personal=photo.personal)

    def ladder(
        self,
        key: str,
        photo: Photo,
        targets: Sequence[str | int | None] = (None,),
        layers: Sequence[str] | None = None,
        method: str = "gradcam",
    ) -> Ladder:
        """Heat maps of several classes at every stage of the net, from one pass and one backward for each class.

        Only for methods that read a layer's maps; without `layers`, the last one at each size of the maps.
        """
        model, row = self.model(key), methods.method(method)
        if row.reads != "maps":
            raise RequestError(f"{row.title} has no ladder; choose Grad-CAM or another method that reads maps.")
        chosen = tuple(layers or self.stages(key))
        goals = [Goal(self.target(key, photo, t)) for t in targets]

        def compute() -> Ladder:
            seen, x, box = self._seen(model, photo), self._tensor(model, photo), model.preprocess.box(photo)
            with self._computing():
                found = evidences(model.net, x, chosen, goals)
            rows = []
            for layer, row_of in zip(chosen, found, strict=True):
                maps = []
                for goal, e in zip(goals, row_of, strict=True):
                    raw, weights = methods.METHODS[method].run(e)
                    answer = methods.array(raw), methods.array(weights), e.score
                    named = label(model.labels, goal.target)
                    maps.append(methods.heatmap(method, answer, goal, named, layer, seen, box))
                rows.append(tuple(maps))
            return Ladder(chosen, tuple(goal.target for goal in goals), tuple(rows))

        ident = (*ident_of(model), "ladder", photo.digest, chosen, method, tuple(goals))
        return self._store.get(ident, compute, personal=photo.personal)

    def stages(self, key: str, most: int = 6) -> tuple[str, ...]:
        """At most `most` layers that tell a net's story: the last one at each size of its maps, pooling left out."""
        kinds = {layer.name: layer for layer in self.layers(key).layers}
        order, last, kind = self.map_layers(key), self.default_layer(key), ""
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

    def _follow(self, steps: Generator[float, None, T], progress: Progress | None) -> T:
        """What a computation returns; others get their turn at the device between its steps."""
        try:
            while True:
                with self._computing():
                    share = next(steps)
                if progress is not None:
                    progress(share)
        except StopIteration as end:
            return end.value
        finally:
            steps.close()


class Stopped(Exception):
    """Somebody's progress raised; everybody else who waited for the same answer starts anew."""

    def __init__(self, who: object) -> None:
        super().__init__("stopped")
        self.who = who


def stoppable(progress: Callable[..., None] | None, ask: Callable[[Callable[..., None] | None], T]) -> T:
    """What `ask` returns; what `progress` raises reaches its own caller and nobody else."""
    me = object()

    def told(*news: float) -> None:
        try:
            progress(*news)  # type: ignore[misc]
        except BaseException as stop:
            raise Stopped(me) from stop

    while True:
        try:
            return ask(told if progress else None)
        except Stopped as stopped:
            if stopped.who is me and stopped.__cause__ is not None:
                raise stopped.__cause__ from None


def _part(progress: Progress, place: int, count: int) -> Progress:
    """The progress of one of several jobs that run one after another."""
    return lambda share: progress((place + share) / count)


def ident_of(model: Model) -> Key:
    """What of a model determines an answer."""
    return model.key, model.fingerprint, model.preprocess
