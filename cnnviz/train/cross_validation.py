"""Probabilities of images that the head was not fitted to: logistic regression on features, a fold left out each time.

The L2 weight is the one of lowest loss on the images left out, as where the head itself is solved. Images that show the
same are in one fold, for the head would know the label of the one by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.options import RequestError
from cnnviz.train import linear_head
from cnnviz.train.linear_head import FOLDS, L2, Point, fit, standardised, targets, validated

CLOSE = 1e-7  # of the gradient: probabilities are right to four digits


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Probabilities float64 (N, K) of each image by a head that was fitted without its fold, and these folds (N,).

    Images of fold -1 are the only ones of their class: they are never left out, and their probabilities are NaN.
    """

    probabilities: np.ndarray
    folds: np.ndarray
    l2: float


def cross_validate(
    features: Tensor,
    labels: Tensor,
    classes: int,
    groups: Sequence[Sequence[int]] = (),
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> CrossValidation:
    """Out-of-sample probabilities of images with features (N, F) and labels (N,).

    `groups` are the places of images that show the same. `progress` hears (fits done, at most), often, and may raise.
    Raises `RequestError` where there are too few images.
    """
    folds = folded(labels, groups, FOLDS, seed)
    used = [fold for fold in range(FOLDS) if bool((folds == fold).any())]
    if len(used) < 2:
        raise RequestError("Cross-validation needs at least two different images of a class; add some.")
    goal = targets(labels, classes, single=classes == 2)
    x, _, _ = standardised(features)
    if x.shape[1] > len(x):
        x = x @ torch.linalg.qr(x.T)[0]  # (N, F) -> (N, N): weights outside of what the images span only cost
    done, of = 0, len(L2) + len(used)

    def waiting() -> None:
        progress(done, of)

    def heard(_: Point) -> None:
        nonlocal done
        done += 1
        progress(done, of)

    curve = validated(x, labels, goal, folds, heard, waiting)
    l2 = min(curve, key=lambda point: point.loss).l2 if curve else linear_head.USUAL
    found = torch.full((len(x), classes), float("nan"), dtype=torch.float64)
    done, theta = len(L2), None
    for fold in used:
        learned, left = folds != fold, folds == fold
        theta = fit(x[learned], goal.of(learned), l2, theta, waiting=waiting, least=CLOSE)  # the last one is near
        logits = torch.addmm(theta[-1], x[left], theta[:-1])  # (n, K), or (n, 1) of two classes
        found[left] = torch.cat([-logits, logits], 1).sigmoid() if classes == 2 else logits.softmax(1)
        heard(Point(l2, 0.0, 0.0))
    return CrossValidation(found.numpy(), folds.numpy(), l2)


def folded(labels: Tensor, groups: Sequence[Sequence[int]], folds: int, seed: int) -> Tensor:
    """The fold of each image (N,): a share of every class in each, and every group of images in one.

    -1 for the images of a class that are all in one group, or a single one: they are never left out. The seed decides
    who is in which.
    """
    rng = np.random.default_rng(seed)
    truth = labels.numpy()
    found, sizes = np.full(len(truth), -1, np.int64), np.zeros((folds, int(truth.max()) + 1), np.int64)
    grouped = {place for group in groups for place in group}
    units = [np.array(sorted(group), np.int64) for group in groups]
    units += [np.array([place]) for place in range(len(truth)) if place not in grouped]
    units.sort(key=lambda unit: int(unit[0]))
    own = [int(np.bincount(truth[unit]).argmax()) for unit in units]  # the class that most of its images have
    for label in sorted(set(own)):
        mine = [units[i] for i in rng.permutation([i for i, one in enumerate(own) if one == label])]
        if len(mine) < 2:
            continue
        for unit in sorted(mine, key=len, reverse=True):  # stable: the large ones first, for they are hard to place
            fold = min(range(folds), key=lambda i: (sizes[i, label], sizes[i].sum(), i))
            found[unit] = fold
            np.add.at(sizes[fold], truth[unit], 1)
    return torch.from_numpy(found)
