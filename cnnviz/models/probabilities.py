"""Networks that give probabilities: which functions make them, and how they become logits again.

Everything here explains and reports logits, as Grad-CAM does (Selvaraju et al., 2017: the score before the softmax). So
a softmax or sigmoid at the end of a network is taken off; what averages several is turned back by its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda z: torch.softmax(z, 1),
    "log_softmax": lambda z: torch.log_softmax(z, 1),
    "sigmoid": torch.sigmoid,
}  # of logits (N, K)
SMALLEST = torch.finfo(torch.float32).tiny
EDGE = 1e-7  # a sigmoid is kept that far from 0 and 1
LOUD = (1.0, -1.0, 8.0)  # times the noise


@dataclass(frozen=True)
class Ending:
    """What stands at the end of a network instead of logits.

    `kind` is one of `MAKES`. `taken` says that it is the last operation and taken off; else its numbers are turned
    back. `path` is that of a module which is nothing else.
    """

    kind: str
    classes: int  # outputs K
    taken: bool = True
    path: str = ""

    @property
    def said(self) -> str:
        """What was done, in words."""
        name = self.kind.replace("_", "-")
        if self.taken:
            done = f"its {name} at the end is taken off, as maps explain logits"
        else:
            back = "log p" if self.kind == "softmax" else "log(p / (1 - p))"
            done = f"it gives probabilities p and no logits, for which {back} is taken"
        if self.kind == "sigmoid" and self.classes > 1:
            done = f"{done}; percentages are the softmax of {self.classes} logits, not its {self.classes} sigmoids"
        return done


def turned(p: Any, kind: str) -> Any:
    """Logits (N, K) whose softmax or sigmoid are the probabilities p (N, K); also while a network is traced."""
    if kind == "softmax":
        return torch.log(torch.clamp(p, SMALLEST))
    p = torch.clamp(p, EDGE, 1 - EDGE)
    return torch.log(p) - torch.log(1 - p)


def makes(kind: str, z: Tensor, out: Tensor) -> bool:
    """Whether a function of `MAKES` makes the outputs (N, K) of these logits."""
    if z.shape != out.shape or (kind != "sigmoid" and out.shape[1] == 1):
        return False
    return torch.allclose(MAKES[kind](z.float()), out.float(), rtol=1e-4, atol=1e-6, equal_nan=True)


def of_numbers(net: Callable[[Tensor], Any], x: Tensor, mixed: bool) -> str:
    """Which kind of probabilities a network gives by its numbers for noise x (1, C, H, W); "" where it gives none.

    Softmax where they are 0..1 and sum to 1. Sigmoid where they are 0..1 and nothing but a mixture of probabilities,
    which `mixed` says. Zeros and ones alone are decisions and no probabilities.
    """
    kinds, between = {"softmax", "sigmoid"} if mixed else {"softmax"}, False
    for loud in LOUD:
        p = net(x * loud)
        if not isinstance(p, Tensor) or p.ndim != 2 or not bool(((p >= 0) & (p <= 1)).all()):
            return ""
        if p.shape[1] == 1 or not torch.allclose(p.sum(1), torch.ones_like(p[:, 0]), atol=1e-4):
            kinds.discard("softmax")
        if not kinds:
            return ""
        between = between or bool(((p > 0) & (p < 1)).any())
    if not between:
        return ""
    return "softmax" if "softmax" in kinds else "sigmoid"
