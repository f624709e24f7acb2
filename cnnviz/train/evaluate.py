"""Losses while a network learns, and the verdict on it afterwards, image by image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.data.loader import Batches, Pictures, Source
from cnnviz.inference.predict import doubled, losses, scores
from cnnviz.train import calibration, roc
from cnnviz.train.confusion import report
from cnnviz.train.interval import wilson

TOGETHER = 32  # images in a batch of a verdict and of `runtime.evaluate`, at most
PIECE = 8 * 224**2  # pixels at once on a processor: the activations of more do not stay in its caches
TOP = 300  # pictures listed one by one in a verdict: all that are wrong come first


def together(size: tuple[int, ...], device: torch.device) -> int:
    """Images (C, H, W) in a batch of a verdict and of `runtime.evaluate`: the last digit depends on it."""
    return TOGETHER if device.type != "cpu" else max(1, min(TOGETHER, PIECE // (size[-2] * size[-1])))


@dataclass(frozen=True)
class Loss:
    """The loss to be made small: cross-entropy, with labels smoothed and rare classes weighed up if wanted."""

    single: bool
    smoothing: float = 0.0
    weights: tuple[float, ...] | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch."""
        logits = logits.float()
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        if not self.single:
            return F.cross_entropy(logits, labels, weight=weights, label_smoothing=self.smoothing)
        goal = labels.float() * (1 - self.smoothing) + self.smoothing / 2
        each = None if weights is None else weights[labels]
        loss = F.binary_cross_entropy_with_logits(logits.squeeze(1), goal, weight=each)
        return loss if each is None else loss * len(labels) / each.sum()


@dataclass(frozen=True)
class Judged:
    """A network's predictions for a source: logits (N, K), labels and places (N,), all on the CPU."""

    logits: Tensor
    labels: Tensor
    places: Tensor

    @property
    def losses(self) -> Tensor:
        """The cross-entropy of each image (N,), float64, unsmoothed."""
        return losses(self.logits, self.labels)

    @property
    def doubled(self) -> Tensor:
        """Logits for a softmax (N, K >= 2): a single logit z becomes 0 and z."""
        return doubled(self.logits)

    @property
    def right(self) -> Tensor:
        """Which images are told right (N,)."""
        return scores(self.logits).argmax(1) == self.labels


@torch.no_grad()
def judge(
    net: Callable[[Tensor], Tensor], source: Source, ready: Callable[[Tensor], Tensor], batch: int, places: Tensor
) -> Judged:
    """A network's prediction for the images at these places; `ready` turns pixels into the network's input."""
    logits, labels, found = [], [], []
    for pixels, truth, where in Batches(source, torch.split(places, batch)):
        if len(where):
            logits.append(net(ready(pixels)).float().cpu())
            labels.append(truth)
            found.append(where)
    if not logits:
        return Judged(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    return Judged(torch.cat(logits), torch.cat(labels), torch.cat(found))


def verdict(judged: Judged, pictures: Pictures, root: Path, classes: int) -> dict[str, Any]:
    """Plain values for verdict.json: accuracy with its 95 % interval, loss, confusion[true][said], each class, images.

    Images are listed with the greatest loss first.
    """
    chances = torch.softmax(judged.doubled, dim=1)
    said = scores(judged.logits).argmax(1)
    confusion = torch.zeros(classes, classes, dtype=torch.int64)
    confusion.index_put_((judged.labels, said), torch.ones_like(said), accumulate=True)
    counts, right = confusion.tolist(), int(judged.right.sum())
    losses = judged.losses
    order = losses.argsort(descending=True)[: max(TOP, len(said) - right)].tolist()[: 10 * TOP]
    return {
        "images": len(said),
        "accuracy": right / max(1, len(said)),
        "interval": list(wilson(right, len(said))),
        "loss": math.fsum(losses.tolist()) / max(1, len(said)),
        "confusion": counts,
        **report(counts),
        "calibration": calibration.measured(judged.doubled, judged.labels),
        "roc": roc.curve(judged.doubled, judged.labels) if classes == 2 else None,
        "pictures": [
            {
                "path": str(pictures.paths[int(judged.places[i])].relative_to(root)),
                "true": int(judged.labels[i]),
                "said": int(said[i]),
                "probability": round(float(chances[i, said[i]]), 5),
                "loss": round(float(losses[i]), 5),
            }
            for i in order
        ],
    }


def class_weights(labels: Tensor, classes: int) -> tuple[float, ...]:
    """A weight for each class that makes all of them count the same; 1 on average over the images."""
    counts = torch.bincount(labels, minlength=classes).clamp_min(1).float()
    return tuple((len(labels) / (classes * counts)).tolist())


def rest(net: nn.Module, resting: tuple[str, ...]) -> None:
    """Puts a network in training mode, except for what rests."""
    net.train()
    for name in resting:
        net.get_submodule(name).eval()
