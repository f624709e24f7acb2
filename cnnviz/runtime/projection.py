"""The images of a data set in a plane, by a network's features before its head, and what each is predicted as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from cnnviz.arrays import read_only
from cnnviz.data.folder import DataSet
from cnnviz.inference.head import head
from cnnviz.inference.headless import headless
from cnnviz.inference.predict import probabilities
from cnnviz.inference.principal import Plane, plane
from cnnviz.models.load import Model
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.backend import Backend, ident_of, require_photo
from cnnviz.runtime.embedding import Embedding, embed
from cnnviz.runtime.evaluate import match

PROVEN = 3  # images on which the head alone is held against the whole network
TOGETHER = 4096  # features whose logits are computed at once


@dataclass(frozen=True, eq=False)
class Predictions:
    """The most probable class of each image: its index among `labels` int64 (N,), and its probability, float32 (N,).

    `wrong` (N,) says which are not the image's own class; None where the network does not know the data set's classes.
    """

    classes: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    labels: tuple[str, ...]
    wrong: np.ndarray | None = field(repr=False)


@dataclass(frozen=True, eq=False)
class Projection:
    """Where the images of an embedding lie: places float32 (N, 2) on the first two principal axes of their features.

    `predictions` is None where the network's head cannot be asked apart from the rest of it.
    """

    embedding: Embedding
    plane: Plane
    places: np.ndarray = field(repr=False)
    predictions: Predictions | None


def project(
    backend: Backend,
    key: str,
    data: DataSet | Path | str,
    progress: Callable[[int, int], None] | None = None,
    labels: str = "",
) -> Projection:
    """The images of a data set on the first two principal axes of their features, as `embed` computes and keeps these.

    Raises what `embed` raises, and `RequestError` for fewer than three images.
    """
    found, model = embed(backend, key, data, progress, labels), backend.model(key)
    axes = plane(found.values)
    return Projection(found, axes, read_only(axes.place(found.values)), _predictions(backend, model, found))


def photo_features(backend: Backend, key: str, photo: Photo) -> np.ndarray:
    """The features before the head of one photo, float32 (F,), as `embed` has them of images."""
    model = backend.model(key)
    require_photo(photo)

    def compute() -> np.ndarray:
        x = backend.tensor(model, photo)
        with backend.computing(), torch.inference_mode():
            return read_only(headless(model)(x)[0].float().cpu().numpy())

    return backend.cache.get((*ident_of(model), "photo features", photo.digest), compute, personal=photo.personal)


def _predictions(backend: Backend, model: Model, found: Embedding) -> Predictions | None:
    """What the images are predicted as, by the network's head on their features."""
    if not model.labels:
        return None
    rows = np.linspace(0, len(found.paths) - 1, min(PROVEN, len(found.paths))).astype(int).tolist()
    x = torch.cat([backend.tensor(model, Photo.open(found.paths[i])) for i in rows])
    place, values = backend.place(model), torch.from_numpy(found.values.copy())
    with backend.computing(), torch.inference_mode():
        run = head(model, values[rows].to(place), x)
        if run is None:
            return None
        chances = torch.cat(
            [probabilities(run(part.to(place)).float()).cpu() for part in torch.split(values, TOGETHER)]
        )
    best, classes = chances.max(1)
    said = classes.numpy()
    return Predictions(read_only(said), read_only(best.numpy()), model.labels, _wrong(model, found, said))


def _wrong(model: Model, found: Embedding, said: np.ndarray) -> np.ndarray | None:
    """Which images are not predicted as their class (N,); None where the network does not know all of the classes."""
    try:
        known = np.array(match(list(found.classes), model.labels))
    except RequestError:
        return None
    return read_only(known[found.labels] != said)
