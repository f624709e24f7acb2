"""How often a network is right on a folder of photos, one subfolder per class."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from cnnviz.data.decode import decode
from cnnviz.data.folder import DataSet, Split, survey
from cnnviz.data.left_out import LeftOut
from cnnviz.inference.plain_road import asked_whole, batched, single
from cnnviz.inference.predict import label, losses, plain, scores, target
from cnnviz.models.load import Model
from cnnviz.options import RequestError
from cnnviz.photo import Crop, PhotoError, parsed_crop
from cnnviz.printable import printable
from cnnviz.runtime.backend import Backend
from cnnviz.train.evaluate import together
from cnnviz.train.interval import around

OTHER = "(other)"


class EvaluationError(RequestError):
    """The folder cannot be judged with this network."""


@dataclass(frozen=True)
class Evaluation:
    """What came out: share of right answers, mean cross-entropy, and who was taken for whom.

    `confusion[true][said]` counts photos; both axes are `classes`. Where the network has more classes than the folder
    has, answers outside the folder's classes are counted in a last class "(other)". `skipped` are the images that
    cannot be read, as class/name; `left_out` is what of the folder is no part of the data set, by reason.
    """

    model: str
    images: int
    accuracy: float
    loss: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    skipped: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy (Wilson)."""
        return around(self.accuracy, self.images)


def evaluate(
    backend: Backend,
    key: str,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
    crop: Crop = "centre",
    labels: str = "",
) -> Evaluation:
    """A network evaluated on a data set: on its val, its test, or all of it (`part`); unreadable images are skipped.

    The folder is read by the rules of training (`data.folder.survey`), and refused with the same sentences.
    `progress` is called with (photos so far, photos in all); `crop` is what the network gets of each (see
    `photo.Photo.with_crop`); `labels` is as for `data.folder.read`. Raises `FolderError`, `EvaluationError`, and
    `PhotoError` for a crop that is none.
    """
    asked = exam(backend, key, folder, crop, labels)
    found: dict[Path, tuple[int, float]] = {}
    batch = together(asked.model.preprocess.size, next(asked.model.net.parameters()).device)
    photos = asked.photos
    with ThreadPoolExecutor() as pool:  # decoding photos takes as long as the net
        for start in range(0, len(photos), batch):
            found |= _judged(backend, asked.model, photos[start : start + batch], crop, pool)
            if progress:
                progress(min(start + batch, len(photos)), len(photos))
    return summary(asked, found)


@dataclass(frozen=True)
class Exam:
    """What a network is evaluated on: images, each with its class among those of the network, and these `classes`."""

    data: DataSet
    model: Model
    photos: tuple[tuple[Path, int], ...] = field(repr=False)
    classes: tuple[int, ...] = ()


def exam(backend: Backend, key: str, folder: Path, crop: Crop = "centre", labels: str = "") -> Exam:
    """What a network is evaluated on, as `evaluate` says and refuses it."""
    parsed_crop(crop)  # before the first photo is opened
    data = survey(folder, labels)
    model = backend.model(key)
    if not model.labels:
        raise EvaluationError(f"{model.title} has feature maps and no classes; choose a network with a head.")
    judged = part(data)
    every = len(data.classes) == len(model.labels)
    wanted = range(len(data.classes)) if every else sorted(set(judged.labels))
    true_of = dict(zip(wanted, match([data.classes[i] for i in wanted], model.labels), strict=True))
    photos = tuple((path, true_of[label]) for path, label in zip(judged.paths, judged.labels, strict=True))
    return Exam(data, model, photos, tuple(sorted(set(true_of.values()))))


def summary(asked: Exam, found: Mapping[Path, tuple[int, float]]) -> Evaluation:
    """What came out, from predicted class and cross-entropy of each image that can be read."""
    data, model, photos = asked.data, asked.model, asked.photos
    skipped = tuple(printable(f"{path.parent.name}/{path.name}") for path, _ in photos if path not in found)
    pairs = [(true, found[path][0]) for path, true in photos if path in found]
    if not pairs:
        raise EvaluationError(f"None of the {len(photos)} photos in {data.root.name} can be read; check {skipped[0]}.")
    classes, confusion = _confusion(pairs, asked.classes, model.labels)
    right = sum(true == said for true, said in pairs)
    accuracy, mean = right / len(pairs), math.fsum(found[path][1] for path, _ in photos if path in found) / len(pairs)
    return Evaluation(model.key, len(pairs), accuracy, mean, classes, confusion, skipped, data.left_out)


def results(logits: torch.Tensor, truth: Sequence[int]) -> list[tuple[int, float]]:
    """Predicted class and cross-entropy of each image, from logits (N, K) and true classes (N,)."""
    cost = losses(logits, torch.tensor(truth))
    return [*zip(scores(logits).argmax(1).tolist(), cost.tolist(), strict=True)]


def part(data: DataSet) -> Split:
    """What a network is evaluated on: val, or test without a val, or all images where there is neither."""
    return next((split for split in (data.val, data.test) if len(split)), data.train)


def match(names: Sequence[str], labels: Sequence[str]) -> tuple[int, ...]:
    """The class index of each folder name: cats, Cat and CAT are all cat. Raises `EvaluationError` naming the closest.

    Where the network has no class names, folders count as its classes in the order given.
    """
    if len(names) == len(labels) and all(re.fullmatch(r"class \d+", known) for known in labels):
        return tuple(range(len(names)))
    forms = [_forms(known) for known in labels]
    indices = []
    for name in names:
        own = _forms(name)
        near = [i for i, form in enumerate(forms) if own & form]
        exact = [i for i in near if plain(labels[i]) == plain(name)]
        indices.append((exact or near or [_named(name, labels)])[0])
    twice = next((i for i in indices if indices.count(i) > 1), None)
    if twice is not None:
        both = " and ".join(name for name, index in zip(names, indices, strict=True) if index == twice)
        raise EvaluationError(f"The folders {both} both mean {labels[twice]}; merge or rename them.")
    return tuple(indices)


def _named(name: str, labels: Sequence[str]) -> int:
    try:
        return target(tuple(labels), len(labels), name)
    except RequestError as error:
        raise EvaluationError(
            f"The folder {name!r} is no class of this network; rename or remove it. {error}"
        ) from None


def _forms(name: str) -> set[str]:
    """A name and what it may be the plural of."""
    bare = plain(name)
    endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"))
    return {bare.removesuffix(plural) + single for plural, single in endings if bare.endswith(plural)}


def _judged(
    backend: Backend, model: Model, photos: Sequence[tuple[Path, int]], crop: Crop, pool: ThreadPoolExecutor
) -> dict[Path, tuple[int, float]]:
    """Predicted class and cross-entropy of each photo that can be read, all from one pass."""
    seen = pool.map(lambda photo: _input(model, photo[0], crop), photos)
    inputs = [(path, true, x) for (path, true), x in zip(photos, seen, strict=True) if x is not None]
    if not inputs:
        return {}
    paths, truth, parts = zip(*inputs, strict=True)
    device = next(model.net.parameters()).device
    with backend.computing(), torch.inference_mode():
        logits = batched(asked_whole(model.net), torch.cat(parts).to(device), single(model.net)).float().cpu()
        return dict(zip(paths, results(logits, truth), strict=True))


def _input(model: Model, path: Path, crop: Crop) -> torch.Tensor | None:
    """What the net takes of a photo (1, C, H, W); None where it cannot be read."""
    try:
        return model.preprocess.tensor(decode(path, model.preprocess.cropped(parsed_crop(crop))))
    except PhotoError:
        return None


def _confusion(
    pairs: Sequence[tuple[int, int]], known: Sequence[int], labels: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Names of the classes, and counts [true][said]."""
    place = {index: i for i, index in enumerate(known)}
    other = len(known) if any(said not in place for _, said in pairs) else None
    names = tuple(label(labels, index) for index in known) + ((OTHER,) if other is not None else ())
    table = np.zeros((len(names), len(names)), dtype=int)
    for true, said in pairs:
        table[place[true], place.get(said, other)] += 1
    return names, tuple(tuple(int(n) for n in row) for row in table)
