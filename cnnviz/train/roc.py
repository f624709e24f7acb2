"""The receiver operating characteristic of two classes: true against false positives, over all thresholds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOST = 200  # points of a curve


def curve(logits: Tensor, labels: Tensor) -> dict[str, Any] | None:
    """Plain values about logits (N, 2): `points`, [false-positive rate, true-positive rate] from (0, 0) to (1, 1), and
    `area` below them; the second class is the positive one. None where one of the classes has no images.

    The area is that of all thresholds; of the points, at most MOST are kept.
    """
    positive = labels == 1
    if not 0 < int(positive.sum()) < len(labels):
        return None
    scores = (logits[:, 1] - logits[:, 0]).double()
    order = scores.argsort(descending=True)
    scores, positive = scores[order], positive[order]
    last = torch.cat([scores[1:] != scores[:-1], torch.tensor([True])])  # of images with one score, all or none
    true = positive.cumsum(0)[last].double() / int(positive.sum())
    false = (~positive).cumsum(0)[last].double() / int((~positive).sum())
    true, false = (torch.cat([torch.zeros(1, dtype=torch.float64), rate]) for rate in (true, false))
    some = torch.linspace(0, len(true) - 1, min(MOST, len(true))).round().long()
    points = [[round(float(f), 6), round(float(t), 6)] for f, t in zip(false[some], true[some], strict=True)]
    return {"points": points, "area": float(torch.trapezoid(true, false))}
