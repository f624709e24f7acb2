"""Whether probabilities equal the share of right predictions, and the temperature that brings them closer.

Guo et al., 2017, On calibration of modern neural networks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cnnviz.train.linear_head import folded

BINS = 10
COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are offered


def measured(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Plain values about logits (N, K >= 2) with labels (N,).

    `bins` is the reliability diagram, [confidence, accuracy, images] of each bin that has images, and `error` the
    expected calibration error. `temperature` is the one of least loss; `scaled_bins` and `scaled_error` are those of
    images it was not fitted to: each half with the temperature of the other.
    """
    if not len(labels):
        return {"bins": [], "error": 0.0, "temperature": 1.0, "scaled_bins": [], "scaled_error": 0.0}
    logits = logits.double()
    bins = reliability(logits, labels)
    scaled = logits.clone()
    halves = folded(labels, 2, 0).clamp_min(0)
    for half in range(2):
        if bool((halves == half).any()) and bool((halves != half).any()):
            scaled[halves == half] = logits[halves == half] / temperature(
                logits[halves != half], labels[halves != half]
            )
    after = reliability(scaled, labels)
    return {
        "bins": bins,
        "error": error(bins),
        "temperature": temperature(logits, labels),
        "scaled_bins": after,
        "scaled_error": error(after),
    }


def reliability(logits: Tensor, labels: Tensor) -> list[list[float]]:
    """Mean probability of the predicted class, accuracy, and number of images, for ten equal bins of that probability.

    Bins without images are left out.
    """
    confidence, said = torch.softmax(logits, dim=1).max(1)
    right = (said == labels).double()
    place = (confidence * BINS).ceil().long().clamp(1, BINS)  # a bin has its upper edge
    found = []
    for i in range(1, BINS + 1):
        there = place == i
        if count := int(there.sum()):
            found.append([round(float(confidence[there].mean()), 6), round(float(right[there].mean()), 6), count])
    return found


def error(bins: list[list[float]]) -> float:
    """The expected calibration error: how far confidence and accuracy are apart, on average over images."""
    total = sum(count for _, _, count in bins)
    return sum(count * abs(confidence - accuracy) for confidence, accuracy, count in bins) / max(total, 1)


def temperature(logits: Tensor, labels: Tensor) -> float:
    """What logits are to be divided by for the least cross-entropy, to four digits, within COLDEST and HOTTEST.

    The loss is convex in the inverse temperature; Newton's method, halved where it would leave the range.
    """
    least, most = 1 / HOTTEST, 1 / COLDEST
    low, high, inverse = least, most, 1.0
    for _ in range(100):
        chances = torch.softmax(logits * inverse, dim=1)
        mean = (chances * logits).sum(1)
        slope = float((mean - logits.gather(1, labels[:, None]).squeeze(1)).mean())
        bend = float(((chances * logits**2).sum(1) - mean**2).mean())
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / bend if bend > 1e-12 else (least if slope >= 0 else most)
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) < 1e-7 * inverse:
            break
        inverse = following
    return float(f"{1 / inverse:.4g}")
