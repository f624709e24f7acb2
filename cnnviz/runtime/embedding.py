"""The features before the head of a network, of every image of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.data.folder import DataSet, FolderError, Split, survey
from cnnviz.data.loader import Batches, Pictures
from cnnviz.inference.headless import headless
from cnnviz.models.load import Model
from cnnviz.runtime.backend import Backend, ident_of
from cnnviz.runtime.cache import PASSING
from cnnviz.runtime.feature_shards import Shards, mark
from cnnviz.runtime.progress import stoppable
from cnnviz.train.evaluate import PIECE
from cnnviz.train.setup import scaled

TOGETHER = 64  # images of a batch, which is what is lost at most where a process is killed
VERSION = 1  # of what `inference.headless` takes for the features


@dataclass(frozen=True, eq=False)
class Embedding:
    """Features before the head of each image that can be read: values float32 (N, F), by train, val and test.

    `paths`, `labels` int64 (N,) and `splits` go along with them; `unreadable` are the others, each with the reason.
    """

    model: str
    data: DataSet
    values: np.ndarray = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    splits: tuple[str, ...] = field(repr=False)
    unreadable: tuple[tuple[Path, str], ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.data.classes


def embed(
    backend: Backend,
    key: str,
    data: DataSet | Path | str,
    progress: Callable[[int, int], None] | None = None,
    labels: str = "",
) -> Embedding:
    """The features of every image of a data set before the head of a network, as recipe `features` has them.

    `data` is a data set, or the folder of one (`labels` as for `data.folder.read`), whose images are taken by split.
    Each batch is kept in the engine's `cache_dir` as soon as it is computed, and an image that is as it was is never
    computed again. `progress` hears (images so far, in all); what it raises stops the work. Raises `FolderError`, and
    `LayerError` for a network whose head cannot be taken off.
    """
    data = data if isinstance(data, DataSet) else survey(data, labels)
    model = backend.model(key)
    parts = data.splits()
    paths = [path for part in parts.values() for path in part.paths]
    marks = [mark(path) for path in paths]
    asked = hashlib.blake2b(b"".join(marks), digest_size=16).hexdigest()

    def ask(told: Callable[[int, int], None] | None) -> tuple[np.ndarray, tuple[tuple[Path, str], ...]]:
        ident = (*ident_of(model), "features", VERSION, asked)
        return backend.cache.get(ident, lambda: _computed(backend, model, paths, marks, told))

    values, unreadable = stoppable(progress, ask)
    bad = {path for path, _ in unreadable}
    kept = [
        (path, label, name)
        for name, part in parts.items()
        for path, label in zip(part.paths, part.labels, strict=True)
        if path not in bad
    ]
    truth = read_only(np.array([label for _, label, _ in kept], np.int64))
    return Embedding(
        key, data, values, tuple(path for path, *_ in kept), truth, tuple(name for *_, name in kept), unreadable
    )


def _computed(
    backend: Backend,
    model: Model,
    paths: Sequence[Path],
    marks: Sequence[bytes],
    told: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, tuple[tuple[Path, str], ...]]:
    """The features (N, F) of the files that can be read, in their order, and the others with the reason."""
    run = headless(model)
    shards = _shards(backend, model)
    found = shards.find(marks)
    missing = [i for i, name in enumerate(marks) if name not in found]
    unreadable: dict[Path, str] = {}
    done = len(paths) - len(missing)
    if told:
        told(done, len(paths))
    few = Split(tuple(paths[i] for i in missing), (0,) * len(missing))
    pictures = Pictures(few, model.preprocess, memory=-1, notice=unreadable.__setitem__)
    places = torch.split(torch.arange(len(missing)), TOGETHER)
    try:
        for (pixels, _, where), part in zip(Batches(pictures, places), places, strict=True):
            if len(where):
                values = features(backend, model, run, pixels)
                names = [marks[missing[i]] for i in where.tolist()]
                shards.add(names, values)
                found.update(zip(names, values, strict=True))
            done += len(part)
            if told:
                told(done, len(paths))
    finally:
        pictures.pool.shutdown(wait=False, cancel_futures=True)
    if missing:
        shards.tidy()
    if not found:
        raise FolderError("None of the images can be read; check the files.")
    values = np.stack([found[name] for name in marks if name in found])
    return read_only(values), tuple((path, unreadable[path]) for path in paths if path in unreadable)


def features(backend: Backend, model: Model, run: Callable[[Tensor], Tensor], pixels: Tensor) -> np.ndarray:
    """The features (N, F) of pixels uint8 (N, C, H, W); on a processor no more at once than its caches hold."""
    place = backend.place(model)
    pieces = 1 if place.type != "cpu" else -(-len(pixels) * pixels.shape[2] * pixels.shape[3] // PIECE)
    with backend.computing(), torch.inference_mode():
        some = [run(scaled(part.to(place), model.preprocess)).float().cpu() for part in pixels.chunk(pieces)]
    values: np.ndarray = torch.cat(some).numpy()
    return values


def _shards(backend: Backend, model: Model) -> Shards:
    """Where the features of a network are kept; nowhere for one that is in this process alone."""
    if backend.cache.cache_dir is None or model.key.startswith(PASSING):
        return Shards(None)
    name = hashlib.blake2b(repr((*ident_of(model), VERSION)).encode(), digest_size=16).hexdigest()
    return Shards(backend.cache.cache_dir / "features" / name)
