"""Several photos at once: one run up to the layer, one of the head, and one backward for a class of each photo.

What `forward` and `methods.read` give for each photo alone, up to rounding; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnviz.attribution import methods
from cnnviz.attribution.cam import Evidence
from cnnviz.inference.activations import refuse_shape, refuse_whole
from cnnviz.inference.cut import Cut
from cnnviz.inference.gradient import differentiated
from cnnviz.inference.predict import Target


class Answer(NamedTuple):
    """What a method found for one photo: signed map (h, w), channels' weights (C,), score; the photo's logits (K,)."""

    goal: Target
    found: tuple[np.ndarray, np.ndarray, float]
    logits: np.ndarray


@torch.inference_mode(False)
@torch.enable_grad()
def read(method: str, cut: Cut, x: Tensor, layer: str, choose: Callable[[Tensor], Sequence[Target]]) -> list[Answer]:
    """The answer of a method that reads maps for each photo of x (N, C, H, W).

    `choose` gives the target of each photo by the logits (N, K). Raises `LayerError` for a layer without maps, and
    `NoGradient` where the class score has none.
    """
    row = methods.method(method)
    with torch.no_grad():
        first, *rest = cut.trunk(x)
    refuse_shape(layer, first, len(x))
    refuse_whole(layer, first)
    maps = first.detach()
    if row.class_free:
        with torch.no_grad():
            logits = cut.head(maps, *rest)
        goals = choose(logits)
        gradient = torch.zeros_like(maps)
    else:
        goals, gradient, logits = _gradient(cut, maps, rest, choose, row.mean_gradient)
    logits = logits.detach()
    answers = []
    with torch.no_grad():
        for one, slope, goal, given in zip(maps, gradient, goals, logits, strict=True):
            score = float(goal.score(given[None])[0])
            raw, weights = row.run(Evidence(one, slope, score))
            found = methods.array(raw), methods.array(weights), score
            answers.append(Answer(goal, found, methods.array(given)))
    return answers


def _gradient(
    cut: Cut, maps: Tensor, rest: Sequence[object], choose: Callable[[Tensor], Sequence[Target]], means: bool
) -> tuple[Sequence[Target], Tensor, Tensor]:
    """The target of each photo, the gradient (N, C, h, w) of its score by its maps, and the logits (N, K).

    With `means`, where the cut carries them, each channel has its mean gradient at every place.
    """
    carry = cut.carry(maps.shape[1]) if means and cut.carry else None
    leaf = maps if carry is not None else maps.requires_grad_()
    shift = None if carry is None else maps.new_zeros(len(maps), len(carry), requires_grad=True)
    with differentiated():
        logits: Tensor = cut.head(leaf, *rest, shift=shift)
        goals = choose(logits.detach())
        score = torch.stack([goal.score(logits[i : i + 1])[0] for i, goal in enumerate(goals)]).sum()
        (found,) = torch.autograd.grad(score, leaf if shift is None else shift)
    if carry is not None:
        mean = found @ carry / maps[0, 0].numel()  # (N, out), (out, C) -> (N, C)
        found = mean[:, :, None, None].expand_as(maps)  # (N, C) -> (N, C, h, w)
    return goals, found, logits
