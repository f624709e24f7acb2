"""Is a map faithful? Take away what it calls important, or bring it back, and watch the network's answer.

A faithful map makes the probability fall early while its best pixels are deleted, and rise early while they are
inserted (Petsiuk, Das and Saenko, 2018, RISE).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.inference.predict import Target
from cnnviz.options import Options, RequestError, knob


@dataclass(frozen=True)
class Probing(Options):
    """How finely the photo is taken apart, and what stands where pixels are missing."""

    steps: int = knob(28, "Into how many equal parts the photo is cut, by importance", low=4, high=224, step=4)
    blur: float = knob(5.0, "How blurred the photo is before its pixels are inserted", low=1, high=30, unit="px")
    batch: int = knob(14, "Batch size of altered photos", low=1, high=256)


@dataclass(frozen=True)
class Faithfulness:
    """The probability of a target while the photo is taken apart, and put together, in a map's order of importance.

    shares      float32 (n,), the share of pixels deleted or inserted, 0 to 1
    deletion    float32 (n,), the probability while they are deleted; insertion, while they are inserted
    """

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, 0..1; a faithful map's is small."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, 0..1; a faithful map's is large."""
        return float(np.trapezoid(self.insertion, self.shares))

    @property
    def gain(self) -> float:
        """Insertion minus deletion area, -1..1: the one number to compare maps by."""
        return self.insertion_area - self.deletion_area


def faithfulness(
    forward: Callable[[Tensor], Tensor], x: Tensor, goal: Target, importance: np.ndarray, probing: Probing
) -> Generator[float, None, Faithfulness]:
    """The curves of one map over one photo (1, C, H, W); yields the share done between batches.

    `importance` (h, w) is signed and of any size. Deleted pixels become 0, the mean colour; inserted ones replace
    the blurred photo. Ties fall in reading order.
    """
    order = _order(importance, (x.shape[2], x.shape[3]))
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)  # 0 is the most important pixel
    ranks = torch.from_numpy(rank).view(1, 1, *x.shape[2:]).to(x.device)
    cuts = np.linspace(0, order.size, probing.steps + 1).round().astype(np.int64)
    blurred = blur(x, probing.blur)
    jobs = [(torch.zeros_like(x), x), (x, blurred)]  # what the most important pixels become, and all others
    found: list[list[float]] = [[], []]
    for which, (chosen, others) in enumerate(jobs):
        for start in range(0, len(cuts), probing.batch):
            some = torch.from_numpy(cuts[start : start + probing.batch]).view(-1, 1, 1, 1).to(x.device)
            with torch.inference_mode():
                altered = torch.where(ranks < some, chosen, others)  # (n, C, H, W)
                found[which] += goal.chance(forward(altered)).tolist()
            yield (which + min(1.0, (start + probing.batch) / len(cuts))) / 2
    shares = cuts / order.size
    return Faithfulness(*(read_only(np.asarray(v, np.float32)) for v in (shares, *found)))


def blur(x: Tensor, sigma: float) -> Tensor:
    """The input (N, C, H, W) under a Gaussian of `sigma` pixels."""
    planes = x.reshape(-1, *x.shape[2:]).cpu().numpy()  # (N*C, H, W)
    soft = np.stack([cv2.GaussianBlur(p, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for p in planes])
    return torch.from_numpy(soft).to(x).view_as(x)


def centred(shape: tuple[int, int]) -> np.ndarray:
    """A Gaussian in the middle, its deviation a quarter of each side: what a map that never saw the photo would say."""
    down, across = (np.exp(-0.5 * (np.linspace(-2, 2, side, dtype=np.float32)) ** 2) for side in shape)
    return np.outer(down, across)


def _order(importance: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (H*W,) by falling importance."""
    if importance.ndim != 2 or not np.isfinite(importance).all():
        raise RequestError("This map has no finite values to rank pixels by; see the warnings about the map.")
    spread = cv2.resize(importance.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.argsort(-spread.ravel(), kind="stable")
