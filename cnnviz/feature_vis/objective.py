"""What an image climbs to, and which way that is: channels of a layer, each other channel held down.

The mean of a channel is what the lectures maximise. It is easily raised together with many others; what shows this
channel and no other also keeps its share in all answers high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.feature_vis.canvas import blurred, variation
from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.feature_vis.transforms import Transform
from cnnviz.inference.relu_modes import Reviving

RIVALS = 8  # the norm over channels that measures rivals: high, so that the strongest counts most


@dataclass(frozen=True)
class Objective:
    """What a batch climbs to: each image's weight of each channel (N, K), and each channel's typical spread (K,)."""

    weights: Tensor
    typical: Tensor
    aims: list[Aim]


def weights(aims: Sequence[Aim], width: int) -> Tensor:
    """Each aim's weight of each channel, float32 (N, K)."""
    found = torch.zeros(len(aims), width)
    for row, aim in zip(found, aims, strict=True):
        for channel, weight in aim.terms:
            row[channel] = weight
    return found


def slope(
    trunk: Callable[[Tensor], Tensor], seen: Tensor, goal: Objective, ascent: Ascent, change: Transform
) -> tuple[Tensor, Tensor]:
    """The objective (N,) of the network's input, and where it rises, with the regularisers' pull (N, C, H, W)."""
    here = seen.detach().requires_grad_()
    shift = change.down / seen.shape[2], change.across / seen.shape[3]
    maps = trunk(change(here))
    answers = responses(maps, ascent, shift)
    summit = _focused(answers, goal, ascent.focus).sum()
    if ascent.diversity:
        summit = summit - ascent.diversity * _likeness(maps, goal.aims) * summit.detach().abs()
    (rise,) = torch.autograd.grad(summit, here)
    blind = ~rise.flatten(1).any(1)  # sees nothing but closed ReLUs
    if blind.any():
        with Reviving():
            nearly = trunk(change(here))
            nearly = nearly.flatten(2).amax(2) if nearly.ndim == 4 else nearly  # the unit closest to opening
            (revived,) = torch.autograd.grad((nearly * goal.weights).sum(), here)
        rise = torch.where(blind.view(-1, 1, 1, 1), revived, rise)
    if ascent.blur:
        rise = blurred(rise, ascent.blur)
    if ascent.tv:
        strength = rise.square().mean((1, 2, 3), keepdim=True).sqrt()
        rise = rise - ascent.tv * strength * variation(seen.detach())
    return (answers * goal.weights).sum(1).detach(), rise


def responses(maps: Tensor, ascent: Ascent, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """One response per channel (N, K) of maps (N, K, h, w); logits (N, K) are responses already.

    `shift` is how far the image was moved, in shares of its side: the middle unit follows.
    """
    if maps.ndim == 2:
        return maps
    if ascent.objective == "mean":
        return maps.mean((2, 3))  # (N, K, h, w) -> (N, K)
    row, column = (int((0.5 + by) * n) % n for by, n in zip(shift, maps.shape[2:], strict=True))
    return maps[:, :, row, column]  # (N, K, h, w) -> (N, K)


def _focused(answers: Tensor, goal: Objective, focus: float) -> Tensor:
    """The objective (N,), less where other channels answer as much, each measured by how much photos move it.

    The aim times a power of its share in all answers, as the cosine objectives of Carter et al., 2019, Activation
    Atlas, but with a norm that minds the strongest rival most.
    """
    own = (answers * goal.weights).sum(1)
    if not focus:
        return own
    standard = answers / goal.typical
    aimed = (standard * goal.weights).sum(1)
    most = standard.detach().abs().amax(1, keepdim=True).clamp_min(1e-30)  # kept out of the power, which would overflow
    rivals = most[:, 0] * (standard / most).abs().clamp_min(1e-3).pow(RIVALS).sum(1).pow(1 / RIVALS)
    return aimed * (aimed / rivals).clamp_min(0.1) ** focus


def _likeness(maps: Tensor, aims: list[Aim]) -> Tensor:
    """How alike pictures of the same aim are: the mean cosine between the correlations of their channels."""
    flat = maps.flatten(2)  # (N, K, h, w) -> (N, K, h*w)
    gram = F.normalize(torch.einsum("nkp,nlp->nkl", flat, flat).flatten(1), dim=1)  # (N, K, K) -> (N, K*K)
    twins = [(i, j) for i in range(len(aims)) for j in range(i) if aims[i] == aims[j]]
    total = sum(((gram[i] * gram[j]).sum() for i, j in twins), start=gram.new_zeros(()))
    return total / max(1, len(twins))
