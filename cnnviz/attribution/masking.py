"""Erase and predict: what the network still says when parts of the photo are wiped away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.attribution.faithfulness import blur
from cnnviz.inference.predict import Prediction, probabilities
from cnnviz.options import RequestError
from cnnviz.probability import percent

BATCH = 8
MOST = 400  # strokes
FILLS = ("blurred", "mean colour")
Dab = tuple[float, float, float]  # x, y and radius, as shares of width, height and the shorter side
Stroke = tuple[Dab, ...]


@dataclass(frozen=True)
class Erasure:
    """The network's answer after each stroke: the curve you draw is a deletion curve.

    shares         float32 (n,), the share of pixels erased, 0 first
    probabilities  float32 (n,), the probability of the class
    predictions    the most probable classes after the last stroke
    mask           bool (H, W), what is erased at the end
    """

    target: int
    label: str
    shares: np.ndarray
    probabilities: np.ndarray
    predictions: tuple[Prediction, ...]
    mask: np.ndarray

    @property
    def told(self) -> str:
        """How much is erased, and the probability before and after, in a sentence."""
        before, now = (percent(float(self.probabilities[i])) for i in (0, -1))
        return f"{self.shares[-1]:.1%} of the network’s input is erased: {self.label} {before} before, {now} now."


def checked(strokes: Sequence[Sequence[Sequence[float]]]) -> tuple[Stroke, ...]:
    """Strokes as plain tuples; `RequestError` where they are no lists of (x, y, radius) in 0..1 or far too many."""
    try:
        found = tuple(tuple((float(x), float(y), float(r)) for x, y, r in stroke) for stroke in strokes)
    except (TypeError, ValueError):
        raise RequestError("A stroke is a list of (x, y, radius); draw it again.") from None
    if len(found) > MOST or sum(map(len, found)) > 50 * MOST:
        raise RequestError(f"These are more than {MOST} strokes; start with a fresh photo.")
    if not all(-1 <= x <= 2 and -1 <= y <= 2 and 0 < r <= 1 for stroke in found for x, y, r in stroke):
        raise RequestError("A stroke lies in 0..1 and its radius is at most 1; draw it again.")
    return found


def masks(strokes: Sequence[Stroke], shape: tuple[int, int]) -> np.ndarray:
    """What is erased before the first and after each stroke, bool (n + 1, H, W)."""
    height, width = shape
    drawn = np.zeros(shape, np.uint8)
    found = [drawn.copy()]
    for stroke in strokes:
        places = [(round(x * width), round(y * height)) for x, y, _ in stroke]
        for i, (place, (_, _, radius)) in enumerate(zip(places, stroke, strict=True)):
            reach = max(1, round(radius * min(shape)))
            cv2.circle(drawn, place, reach, 1, -1)
            cv2.line(drawn, places[max(0, i - 1)], place, 1, 2 * reach)
        found.append(drawn.copy())
    return np.stack(found).astype(bool)


def answers(forward: Callable[[Tensor], Tensor], x: Tensor, erased: np.ndarray, fill: str) -> tuple[Tensor, Tensor]:
    """Probabilities (n, K) and logits (n, K) for a photo (1, C, H, W) under each mask (n, H, W)."""
    if fill not in FILLS:
        raise RequestError(f"Erased places are filled {' or '.join(FILLS)}, not {fill!r}.")
    ground = blur(x, x.shape[-1] / 12) if fill == "blurred" else torch.zeros_like(x)
    gone = torch.from_numpy(erased).to(x.device)[:, None]  # (n, 1, H, W)
    with torch.inference_mode():
        some = [forward(torch.where(part, ground, x)) for part in torch.split(gone, BATCH)]
        logits = torch.cat(some)
        return probabilities(logits), logits


def curve(erased: np.ndarray, chances: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The share of pixels erased, and the probabilities, both float32 (n,)."""
    shares = erased.mean((1, 2), dtype=np.float32)
    return read_only(shares), read_only(chances.float().cpu().numpy())
