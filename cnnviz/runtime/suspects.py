"""Images of a data set whose labels may be wrong, by a head on features that was fitted without them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from cnnviz.arrays import read_only
from cnnviz.data.fixes import MOVE, Fix, path_in
from cnnviz.data.folder import DataSet
from cnnviz.options import RequestError
from cnnviz.probability import percent
from cnnviz.runtime.backend import Backend, ident_of
from cnnviz.runtime.embedding import Embedding, embed
from cnnviz.runtime.progress import stoppable
from cnnviz.train.confident_learning import ConfidentLearning, confident_learning
from cnnviz.train.cross_validation import CrossValidation, cross_validate

FEATURES, FITTING = "features", "cross-validation"  # what `progress` hears of, one after the other
VERSION = 1
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Suspect:
    """An image whose label may be wrong: its class, the suggested one, and the probability of each.

    `margin` is the probability of its class minus that of the suggested one, −1 for the clearest.
    """

    path: Path
    split: str
    given: int
    suggested: int
    given_probability: float
    suggested_probability: float

    @property
    def margin(self) -> float:
        """How far its class is behind, in −1..0."""
        return self.given_probability - self.suggested_probability


@dataclass(frozen=True, eq=False)
class Suspects:
    """Label suspects of a data set, the clearest first.

    `probabilities` float64 (N, K) are those of each image of `paths` by a head that was fitted without it, NaN for
    `single` ones (no other image of their class); `joint` counts[label][class] is the confident joint; `accuracy` is
    the share of images whose label is the most probable class.
    """

    model: str
    data: DataSet
    suspects: tuple[Suspect, ...]
    paths: tuple[Path, ...] = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    folds: np.ndarray = field(repr=False)
    joint: tuple[tuple[int, ...], ...]
    thresholds: tuple[float, ...]
    accuracy: float
    l2: float
    unreadable: tuple[tuple[Path, str], ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.data.classes

    @property
    def images(self) -> int:
        """How many images were judged."""
        return int((self.folds >= 0).sum())

    @property
    def single(self) -> tuple[Path, ...]:
        """Images that could not be judged: all of their class show the same."""
        return tuple(path for path, fold in zip(self.paths, self.folds.tolist(), strict=True) if fold < 0)

    def fixes(self) -> tuple[Fix, ...]:
        """The suggestions as lines of a list of fixes."""
        return tuple(self.fix(one) for one in self.suspects)

    def fix(self, one: Suspect) -> Fix:
        """One suggestion as a line of a list of fixes."""
        label, to = self.classes[one.given], self.classes[one.suggested]
        odds = f"{percent(one.suggested_probability)} {to}, {percent(one.given_probability)} {label}"
        return Fix(path_in(self.data.root, one.path), MOVE, label, to, f"{odds} by {self.model}")


def suspects(
    backend: Backend,
    key: str,
    data: DataSet | Path | str,
    groups: Sequence[Sequence[Path]] = (),
    progress: Progress | None = None,
    labels: str = "",
    seed: int = 0,
) -> Suspects:
    """Images of a data set whose labels may be wrong, by the features of a network: confident learning.

    Each image is judged by a linear head on the features of all images but those of its fold, of five. `groups` are
    images that show the same (`data.audit.Audit.groups`), which are in one fold; `seed` draws the folds; `labels` is
    as for `data.folder.read`. `progress` hears (stage, done, of); what it raises stops the work. Raises `FolderError`,
    and `RequestError` where a class needs more images. Northcutt, Jiang, Chuang, 2021, Confident Learning.
    """
    told = None if progress is None else lambda done, of: progress(FEATURES, done, of)
    found = embed(backend, key, data, told, labels)
    if len(np.unique(found.labels)) < 2:
        raise RequestError("The images that can be read are of one class; add images of another.")
    place = {path: i for i, path in enumerate(found.paths)}
    known = [[place[path] for path in group if path in place] for group in groups]
    together = tuple(tuple(group) for group in known if len(group) > 1)
    digest = hashlib.blake2b(repr((together, found.classes, found.labels.tolist())).encode(), digest_size=16)
    digest.update(found.values.tobytes())
    ident = (*ident_of(backend.model(key)), "suspects", VERSION, digest.hexdigest(), seed)

    def ask(heard: Callable[[int, int], None] | None) -> tuple[CrossValidation, ConfidentLearning]:
        def compute() -> tuple[CrossValidation, ConfidentLearning]:
            truth = torch.from_numpy(found.labels.copy())
            values = torch.from_numpy(found.values.copy())
            with backend.computing():
                crossed = cross_validate(
                    values, truth, len(found.classes), together, seed=seed, progress=heard or (lambda _done, _of: None)
                )
            read_only(crossed.probabilities)
            return crossed, confident_learning(crossed.probabilities, found.labels)

        return backend.cache.get(ident, compute)

    crossed, learned = stoppable(
        None if progress is None else lambda done, of: progress(FITTING, int(done), int(of)), ask
    )
    return _result(found, crossed, learned)


def _result(found: Embedding, crossed: CrossValidation, learned: ConfidentLearning) -> Suspects:
    odds = crossed.probabilities
    listed = tuple(
        Suspect(
            found.paths[i],
            found.splits[i],
            int(found.labels[i]),
            suggested,
            float(odds[i, found.labels[i]]),
            float(odds[i, suggested]),
        )
        for i, suggested in zip(learned.places.tolist(), learned.suggested.tolist(), strict=True)
    )
    judged = crossed.folds >= 0
    return Suspects(
        found.model,
        found.data,
        listed,
        found.paths,
        odds,
        crossed.folds,
        tuple(tuple(int(n) for n in row) for row in learned.joint),
        tuple(float(t) for t in learned.thresholds),
        float((odds[judged].argmax(1) == found.labels[judged]).mean()),
        crossed.l2,
        found.unreadable,
    )
