"""Which labels may be wrong, by probabilities of images that a model was not fitted to.

Confident learning: Northcutt, Jiang, Chuang, 2021. An image counts as confidently of a class where its probability of
it reaches the mean that images labelled so have; the pairs (label, class) so counted are the confident joint, and what
is off its diagonal is suspect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ConfidentLearning:
    """Thresholds (K,), NaN of classes without an image; the confident joint int64 (K, K), counts[label][class].

    `places` (M,) are the suspect images, the smallest margin first; `suggested` (M,) is the class of each, and
    `margins` (M,) its probability of its label minus that of the suggested class, in −1..0.
    """

    thresholds: np.ndarray
    joint: np.ndarray
    places: np.ndarray
    suggested: np.ndarray
    margins: np.ndarray


def confident_learning(probabilities: np.ndarray, labels: np.ndarray) -> ConfidentLearning:
    """The suspects among images with out-of-sample probabilities (N, K) and labels (N,); rows of NaN are left out.

    Of classes whose thresholds an image reaches it counts for the most probable. It is no suspect where its label is
    the most probable class of all.
    """
    count, classes = probabilities.shape
    judged = np.isfinite(probabilities).all(1)
    thresholds = np.full(classes, np.nan)
    for k in range(classes):
        if (own := judged & (labels == k)).any():
            thresholds[k] = probabilities[own, k].mean()
    reached = probabilities >= np.where(np.isnan(thresholds), np.inf, thresholds)  # (N, K)
    sure = judged & reached.any(1)
    counted = np.where(reached, probabilities, -1.0).argmax(1)  # (N, K) -> (N,)
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[sure], counted[sure]), 1)
    given = np.nan_to_num(probabilities[np.arange(count), labels])
    most = np.where(judged, np.nan_to_num(probabilities).max(1), 0.0)
    places = np.flatnonzero(sure & (counted != labels) & (given < most))
    margins = given[places] - probabilities[places, counted[places]]
    order = np.lexsort((places, margins))
    return ConfidentLearning(thresholds, joint, places[order], counted[places][order], margins[order])
