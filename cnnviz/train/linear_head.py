"""The linear head on features computed once, solved to convergence: multinomial logistic regression with an L2 weight.

The problem is convex: there is no learning rate, no number of epochs and no first weights to choose. How strong the
L2 weight is, a cross-validation on the training images decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.options import RequestError

L2 = tuple(float(f"{10 ** (power / 2):.3g}") for power in range(2, -11, -1))  # the weights tried: 10 down to 0.00001
USUAL = 0.1  # where no image can be left out, so that nothing can be compared
FOLDS = 5
MUCH = 5 * 10**7  # features times logits: from there on one fold is left out, and no other
STEPS, PRECISE, ROUGH = 1000, 1e-8, 1e-5  # L-BFGS: at most so many, until the gradient is that small
UNEVEN = 2.0  # times the images of the smallest class has the largest one, from where weights of classes are tried
RISEN = 1.1  # times the lowest loss, and rising: weaker weights are not tried


@dataclass(frozen=True)
class Targets:
    """What logits are fitted to: truth (N, K) in 0..1, or (N, 1) for one logit, and weights (N,) of the images."""

    truth: Tensor
    weights: Tensor

    def of(self, places: Tensor) -> Targets:
        """Those of some images."""
        return Targets(self.truth[places], self.weights[places])

    def loss(self, logits: Tensor) -> Tensor:
        """The weighted mean cross-entropy of logits (N, K), a scalar."""
        if logits.shape[1] == 1:
            each = (F.softplus(logits) - self.truth * logits).squeeze(1)
        else:
            each = logits.logsumexp(1) - (self.truth * logits).sum(1)
        return (each * self.weights).sum() / self.weights.sum()

    def slope(self, logits: Tensor) -> Tensor:
        """The gradient of that loss with respect to the logits, (N, K)."""
        chances = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
        return (chances - self.truth) * (self.weights / self.weights.sum())[:, None]


@dataclass(frozen=True)
class Point:
    """What cross-validation found for an L2 weight: mean loss and accuracy of images left out, weighted as asked."""

    l2: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Solved:
    """A head for features as they are: weight (K, F) and bias (K,), the L2 weight chosen, and the curve it is from.

    `curve` is empty where no image could be left out, for every class has one. `weighted` is whether the targets
    were those in which all classes weigh the same, where there was a choice.
    """

    weight: Tensor
    bias: Tensor
    l2: float
    curve: tuple[Point, ...]
    weighted: bool = False


def targets(
    labels: Tensor, classes: int, *, single: bool, smoothing: float = 0.0, weights: tuple[float, ...] | None = None
) -> Targets:
    """The targets of labels (N,); `weights` are those of the classes, `single` is one logit for two classes."""
    if single:
        truth = labels.double()[:, None] * (1 - smoothing) + smoothing / 2
    else:
        truth = F.one_hot(labels, classes).double() * (1 - smoothing) + smoothing / classes
    each = torch.ones(len(labels)) if weights is None else torch.tensor(weights)[labels]
    return Targets(truth, each.double())


def solve(
    features: Tensor,
    labels: Tensor,
    goal: Targets,
    *,
    even: Targets | None = None,
    seed: int = 0,
    heard: Callable[[Point], None] = lambda _point: None,
    waiting: Callable[[], None] = lambda: None,
) -> Solved:
    """The head of least regularised loss on features (N, F) with labels (N,), its L2 weight by cross-validation.

    `even` are targets in which all classes weigh the same: they are taken unless the others are right on more of the
    images left out than chance explains (`beaten`), because rare classes gain by them. `heard` gets each point of the
    curve, the strongest weight first; `waiting` is called in between, and may raise. Raises `RequestError` where all
    images are of one class.
    """
    present = torch.bincount(labels, minlength=goal.truth.shape[1]) > 0
    if int(present.sum()) < 2:
        raise RequestError("All training images are of one class; add images of another.")
    x, mean, scale = standardised(features)
    basis = torch.linalg.qr(x.T)[0] if x.shape[1] > len(x) else None  # (F, N): weights outside of it only cost
    x = x if basis is None else x @ basis
    parts = folded(labels, FOLDS, seed)
    curve, right = _validated(x, labels, goal, parts, heard if even is None else _nobody, waiting)
    weighted = False
    if even is not None:
        other, others = _validated(x, labels, even, parts, _nobody, waiting)
        if weighted := not beaten(others, right):
            goal, curve = even, other
        for point in curve:
            heard(point)
    l2 = min(curve, key=lambda point: point.loss).l2 if curve else USUAL
    found = fit(x, goal, l2, waiting=waiting, least=PRECISE)
    weight, bias = found[:-1], found[-1]  # (F or N, K), (K,)
    weight = (weight if basis is None else basis @ weight).T / scale  # (K, F)
    return Solved(weight.float(), (bias - weight @ mean).float(), l2, curve, weighted)


def beaten(one: Tensor, other: Tensor) -> bool:
    """Whether the other is right on more images than one is (N,), by more than one standard error of the difference.

    That is the root of the number of images on which only one of the two is right (McNemar, 1947).
    """
    more, less = int((other & ~one).sum()), int((one & ~other).sum())
    return more - less > math.sqrt(more + less)


def uneven(labels: Tensor) -> bool:
    """Whether the largest class has `UNEVEN` times the images of the smallest one, or more."""
    counts = torch.bincount(labels)
    return int(counts.max()) >= UNEVEN * int(counts[counts > 0].min())


def _nobody(_: Point) -> None:
    """Hears a point of a curve that may not be taken."""


def standardised(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Features (N, F) in float64 minus their means, over their scales; the means (F,); the scales (F,).

    A scale is the root of the feature's variance plus the mean variance of all: a feature that hardly ever differs from
    0 stays small, where dividing by its deviation alone would make it as large as the others.
    """
    x = features.double()
    mean = x.mean(0)
    variance = (x - mean).pow(2).mean(0)
    scale = (variance + variance.mean()).sqrt()
    scale = scale.masked_fill(scale == 0, 1.0)
    return (x - mean) / scale, mean, scale


def folded(labels: Tensor, folds: int, seed: int) -> Tensor:
    """The fold of each image (N,), with a share of every class in each; -1 for the only image of a class.

    Those are never left out. The seed decides who is in which.
    """
    rng = np.random.default_rng(seed)
    found, dealt = torch.full_like(labels, -1), 0
    for label in sorted(set(labels.tolist())):
        places = torch.from_numpy(rng.permutation(torch.nonzero(labels == label).flatten().numpy()))
        if len(places) > 1:
            found[places] = (torch.arange(len(places)) + dealt) % folds
            dealt += len(places)  # where the last class ended, so that folds are of one size
    return found


def fit(
    x: Tensor,
    goal: Targets,
    l2: float,
    start: Tensor | None = None,
    *,
    waiting: Callable[[], None] = lambda: None,
    least: float = ROUGH,
) -> Tensor:
    """The parameters (F + 1, K), biases last, of least loss plus l2 / 2 times the sum of the squared weights.

    L-BFGS with a line search (Nocedal and Wright, 2006, chapter 7), from zero or from `start`, until no part of the
    gradient is larger than `least`.
    """
    theta = torch.zeros(x.shape[1] + 1, goal.truth.shape[1], dtype=x.dtype) if start is None else start.clone()
    theta.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [theta],
        max_iter=STEPS,
        max_eval=2 * STEPS,
        tolerance_grad=least,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def loss() -> float:
        waiting()
        weight = theta[:-1]
        logits = torch.addmm(theta[-1], x, weight)
        slope = goal.slope(logits)
        theta.grad = torch.cat([x.T @ slope + l2 * weight, slope.sum(0, keepdim=True)])
        return float(goal.loss(logits) + l2 / 2 * weight.pow(2).sum())

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch gives it no types
    return theta.detach()


def validated(
    x: Tensor,
    labels: Tensor,
    goal: Targets,
    parts: Tensor,
    heard: Callable[[Point], None],
    waiting: Callable[[], None],
) -> tuple[Point, ...]:
    """The curve over the L2 weights, by folds (N,); each fold goes on from its solution for the weight before.

    It is empty where no image is in a fold.
    """
    return _validated(x, labels, goal, parts, heard, waiting)[0]


def _validated(
    x: Tensor,
    labels: Tensor,
    goal: Targets,
    parts: Tensor,
    heard: Callable[[Point], None],
    waiting: Callable[[], None],
) -> tuple[tuple[Point, ...], Tensor]:
    """The curve over the L2 weights, and which images (N,) are right at its lowest loss, when they are left out."""
    much = x.numel() * goal.truth.shape[1] > MUCH
    folds = [fold for fold in range(1 if much else FOLDS) if bool((parts == fold).any())]
    if not folds:
        return (), torch.zeros(0, dtype=torch.bool)
    out = torch.cat([torch.nonzero(parts == fold).flatten() for fold in folds])
    begun: dict[int, Tensor] = {}
    points: list[Point] = []
    rights: list[Tensor] = []
    for l2 in L2:
        told = []
        for fold in folds:
            learned, left = parts != fold, parts == fold
            begun[fold] = fit(x[learned], goal.of(learned), l2, begun.get(fold), waiting=waiting)
            told.append(torch.addmm(begun[fold][-1], x[left], begun[fold][:-1]))
        logits, weights = torch.cat(told), goal.of(out).weights
        said = (logits.squeeze(1) > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
        rights.append(said == labels[out])
        accuracy = float((rights[-1].double() * weights).sum() / weights.sum())
        points.append(Point(l2, float(goal.of(out).loss(logits)), accuracy))
        heard(points[-1])
        if _risen([point.loss for point in points]):
            break
    return tuple(points), rights[min(range(len(points)), key=lambda i: points[i].loss)]


def _risen(losses: list[float]) -> bool:
    """Whether the loss has risen twice, and by enough."""
    return len(losses) > 2 and losses[-3] < losses[-2] < losses[-1] and losses[-1] > RISEN * min(losses)
