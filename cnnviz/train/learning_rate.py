"""Learning rates: how one changes over a run, and which one to begin with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.train.plan import PlanError

WARM = 0.25  # share of the steps on which the one-cycle rate rises
START, END = 25.0, 1e5  # how much lower than the highest rate it begins and ends


@dataclass(frozen=True)
class RateCurve:
    """Loss (smoothed) after a step at each rate, and the rate suggested: where the loss falls fastest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def factor(schedule: str, step: int, total: int) -> float:
    """The learning rate of a step over its highest, in 0..1.

    One-cycle: half a cosine up, half a cosine down (Smith and Topin, 2017).
    """
    if schedule == "constant" or total < 2:
        return 1.0
    at = min(1.0, step / (total - 1))
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * at))
    if at < WARM:
        return 1 / START + (1 - 1 / START) * 0.5 * (1 - math.cos(math.pi * at / WARM))
    return 1 / END + (1 - 1 / END) * 0.5 * (1 + math.cos(math.pi * (at - WARM) / (1 - WARM)))


def optimizer(kind: str, groups: list[dict[str, Any]], rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer of a plan over groups of parameters, each with its own rate."""
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    if kind == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, weight_decay=weight_decay)
    return torch.optim.AdamW(groups, lr=rate, weight_decay=weight_decay)


def find(
    loss_of: Callable[[Tensor, Tensor, int], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    opt: torch.optim.Optimizer,
    factors: list[float],
    *,
    steps: int = 100,
    low: float = 1e-6,
    high: float = 1.0,
    heard: Callable[[float, float], bool] = lambda _rate, _loss: False,
) -> RateCurve:
    """The loss while the rate grows from `low` to `high`, one step each, until it explodes (Smith, 2015).

    `factors` are the groups' shares of the rate. `heard` gets (rate, smoothed loss) after each step; True ends it.
    The weights are changed; give a copy. Raises `PlanError` where the loss never falls.
    """
    rates, losses, smooth = [], [], 0.0
    stream = iter(batches)
    for step in range(steps):
        rate = low * (high / low) ** (step / (steps - 1))
        for group, share in zip(opt.param_groups, factors, strict=True):
            group["lr"] = rate * share
        pixels, labels = next(stream)
        loss = loss_of(pixels, labels, step)
        opt.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        opt.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            break
        smooth = 0.9 * smooth + 0.1 * value
        shown = smooth / (1 - 0.9 ** (step + 1))
        rates.append(rate)
        losses.append(shown)
        if heard(rate, shown) or (step > 10 and shown > 4 * min(losses)):
            break
    return RateCurve(tuple(rates), tuple(losses), suggest(rates, losses))


def suggest(rates: list[float], losses: list[float]) -> float:
    """The rate where the loss falls fastest on the way to its lowest point, to two digits.

    How fast is the slope of a line through a tenth of the curve, so that the noise of single batches, strongest over
    the first steps, does not decide. Raises `PlanError` where the loss never falls.
    """
    if len(losses) < 6:
        raise PlanError("The loss diverged at once; check the data, or use BatchNorm.")
    curve = np.array(losses)
    bottom = int(curve.argmin())
    if bottom < 3:
        raise PlanError("The loss never falls, at any rate; check the data and which weights are trained.")
    half = max(1, bottom // 20)
    middles = range(min(bottom // 5, 10) + half, bottom - half + 1)
    offsets = np.arange(-half, half + 1)  # rates grow by a constant factor, so this is the slope times a constant
    slopes = [float(offsets @ curve[i - half : i + half + 1]) for i in middles]
    return float(f"{rates[middles[int(np.argmin(slopes))]]:.1e}")


def parameters(net: nn.Module, groups: Iterable[tuple[tuple[str, ...], float]], rate: float) -> list[dict[str, Any]]:
    """The groups as an optimizer takes them."""
    named = dict(net.named_parameters())
    return [{"params": [named[name] for name in names], "lr": rate * share} for names, share in groups]
