"""A network's prediction for a photo: logits, probabilities, labels."""

from __future__ import annotations

import difflib
import numbers
import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.options import RequestError


class TargetError(RequestError):
    """The network has no such class."""


@dataclass(frozen=True)
class Prediction:
    """One class: its index, label, probability in 0..1 and logit."""

    index: int
    label: str
    probability: float
    logit: float


@dataclass(frozen=True)
class Target:
    """What a map explains: the score of a class, minus that score, or its difference to another class."""

    target: int
    versus: int | None = None
    against: bool = False

    def score(self, logits: Tensor) -> Tensor:
        """The number whose causes are looked for, (N,) from logits (N, K)."""
        rows = scores(logits)
        found = rows[:, self.target] if self.versus is None else rows[:, self.target] - rows[:, self.versus]
        return -found if self.against else found

    def chance(self, logits: Tensor) -> Tensor:
        """The probability (N,) in 0..1 that belongs to the score, from logits (N, K).

        Of the class; of the class where only it and the second one are possible; against it, of what remains.
        """
        if self.versus is None or logits.shape[1] == 1:  # a single logit knows two classes
            found = probabilities(logits)[:, self.target]
        else:
            found = torch.softmax(logits[:, [self.target, self.versus]], dim=1)[:, 0]  # (N, 2) -> (N,)
        return 1 - found if self.against else found

    def slope(self, classes: int) -> dict[int, float]:
        """How the score moves with each logit, of the `classes` there are, that it depends on."""
        asked = (self.target,) if self.versus is None else (self.target, self.versus)
        found = dict.fromkeys((0,) if classes == 1 else asked, 0.0)
        units = torch.zeros(len(found), classes)
        for row, logit in enumerate(found):
            units[row, logit] = 1
        slopes = self.score(units).tolist()  # linear: its slope is its value at the unit
        return dict(zip(found, slopes, strict=True))


def scores(logits: Tensor) -> Tensor:
    """One score a class (N, K). A single logit z (N, 1) becomes the two scores -z and z."""
    return torch.cat([-logits, logits], dim=1) if logits.shape[1] == 1 else logits


def probabilities(logits: Tensor) -> Tensor:
    """Probability of each class (N, K), summing to 1: softmax, or sigmoid where there is a single logit."""
    return torch.sigmoid(scores(logits)) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy (N,) of each image, float64, from logits (N, K) and true classes (N,); one logit z is 0 and z.

    A run's results and `evaluate` both take it from here.
    """
    return torch.nn.functional.cross_entropy(doubled(logits.double()), labels, reduction="none")


def doubled(logits: Tensor) -> Tensor:
    """Logits for a softmax (N, K >= 2): a single logit z (N, 1) becomes 0 and z."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def ranked(logits: np.ndarray, labels: tuple[str, ...], top: int) -> tuple[Prediction, ...]:
    """The `top` most probable classes for the logits (K,) of one photo, most probable first.

    Raises `RequestError` where `top` is below 1.
    """
    if top < 1:
        raise RequestError(f"{top} classes cannot be listed; ask for 1 or more.")
    row = torch.from_numpy(np.array(logits, dtype=np.float32))[None]
    chance, score = probabilities(row)[0], scores(row)[0]
    order = torch.argsort(chance, descending=True, stable=True)[:top]
    found = zip(order.tolist(), chance[order].tolist(), score[order].tolist(), strict=True)  # not number by number
    return tuple(Prediction(i, label(labels, i), share, logit) for i, share, logit in found)


def label(labels: tuple[str, ...], index: int) -> str:
    """The name of a class; "class 7" where the network has no names."""
    return labels[index] if index < len(labels) else f"class {index}"


def target(labels: tuple[str, ...], classes: int, wanted: str | int | numbers.Integral) -> int:
    """The index of a class given by index, by name (case and _ do not matter), or by index in a string.

    A string is looked up among the names first, so that a class called "1" can be meant. Raises `TargetError` with the
    closest names.
    """
    if not isinstance(wanted, str):
        return _index(int(wanted), classes)
    names, name = [plain(known) for known in labels[:classes]], plain(wanted)
    if wanted in labels[:classes]:
        return labels.index(wanted)
    if name in names:
        return names.index(name)
    if re.fullmatch("[-+]?[0-9]{1,18}", wanted.strip()):
        return _index(int(wanted), classes)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [known for known in names if name in known][:3]
    hint = ", ".join(labels[names.index(known)] for known in near) or f"an index from 0 to {classes - 1}"
    raise TargetError(f"This network has no class {wanted!r}; try {hint}.")


def plain(name: str) -> str:
    """A name as it is compared: without case, with one blank for what joins words; a number keeps its sign."""
    name = name.strip().casefold()
    return name if re.fullmatch(r"[-+]+\d+", name) else re.sub(r"[\s_\-]+", " ", name).strip()


def _index(index: int, classes: int) -> int:
    if 0 <= index < classes:
        return index
    raise TargetError(f"This network has no class {index}; it has the classes 0 to {classes - 1}.")
