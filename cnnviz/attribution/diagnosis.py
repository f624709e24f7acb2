"""Diagnosis of a heat map: why a map is blank, odd or meaningless, and what to do about it, a sentence each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.attribution.heatmap import Heatmap
from cnnviz.inference.predict import probabilities
from cnnviz.probability import percent

RANGE = 10.0  # net inputs beyond +-10 come from photos that were never scaled to 0..1
SURE = 0.9999
GUESSING = 0.97  # entropy of the probabilities, as a share of the largest there is: 40 % and 60 % of two classes
USUAL = {
    "ImageNet's mean and deviation": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "values in -1..1": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "values in 0..1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its name, its cause and its cure."""

    name: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Case:
    """What a diagnosis is made from.

    logits    float32 (K,); maps, float32 (C, h, w), the layer's output; x, the network's input (1, C, H, W)
    sureness  how sure the network is of the photo as given, and with each of `USUAL`, from `sureness`; empty: not asked
    better    a layer with more than one place, to name in a cure; trained tells whether the weights were learned
    """

    heat: Heatmap
    logits: np.ndarray
    maps: np.ndarray
    x: Tensor
    sureness: tuple[float, ...]
    better: str
    trained: bool


def diagnose(p: Case) -> tuple[Finding, ...]:
    """Everything that is wrong with a map, the gravest first; nothing where it is sound."""
    checks = (_not_a_number, _normalisation, _untrained, _chance, _one_place, _frozen, _blank, _negative, _saturated)
    return tuple(finding for check in checks if (finding := check(p)) is not None)


def sureness(forward: Callable[[Tensor], Tensor], x: Tensor, seen: np.ndarray) -> tuple[float, ...]:
    """The highest probability for a photo as given, x (1, 3, H, W), and under each usual normalisation of its pixels.

    Empty for networks without colour input.
    """
    if x.shape[1] != 3:
        return ()
    pixels = torch.from_numpy(seen.transpose(2, 0, 1).copy()).to(x) / 255  # (H, W, 3) -> (3, H, W)
    others = torch.stack([(pixels - _column(mean, x)) / _column(std, x) for mean, std in USUAL.values()])
    with torch.inference_mode():
        return tuple(probabilities(forward(torch.cat([x, others]))).amax(1).tolist())


def _not_a_number(p: Case) -> Finding | None:
    if np.isfinite(p.logits).all() and np.isfinite(p.maps).all() and np.isfinite(p.heat.raw).all():
        return None
    if np.isfinite(p.x.cpu().numpy()).all() and not np.isfinite(p.logits).all():
        cause = "The network's prediction is NaN: its weights are NaN or overflow, as after a training that diverged."
        return Finding("nan", cause, "Load an earlier snapshot, or train again with a lower learning rate.")
    cause = "The map holds NaN: the gradient overflowed in the backward pass."
    return Finding("nan", cause, "Choose Ablation-CAM or occlusion, which need no gradient.")


def _normalisation(p: Case) -> Finding | None:
    fix = "Correct mean and std in the model's card.json."
    if p.x.abs().max() > RANGE:
        cause = (
            f"The network's input has values up to {float(p.x.abs().max()):.0f}, where about 3 is usual: wrong scale."
        )
        return Finding("normalisation", cause, fix)
    chance = p.sureness
    if not p.trained or len(p.logits) < 10 or not chance or not np.isfinite(chance).all():
        return None
    best = int(np.argmax(chance[1:]))
    if chance[1 + best] < chance[0] + 0.25 or chance[1 + best] < 2 * chance[0]:
        return None
    now, then, how = chance[0], chance[1 + best], list(USUAL)[best]
    cause = (
        f"The highest probability is {percent(now, 0)} as configured and {percent(then, 0)} with {how}: "
        "likely wrong normalisation."
    )
    return Finding("normalisation", cause, fix)


def _untrained(p: Case) -> Finding | None:
    if p.trained:
        return None
    cause = "This network is untrained: its weights are random, and so are its maps."
    return Finding("untrained", cause, "Train it on the Train page, or choose a network with trained weights.")


def _chance(p: Case) -> Finding | None:
    if not p.trained or not np.isfinite(p.logits).all():
        return None
    shares = probabilities(torch.from_numpy(np.array(p.logits))[None])[0].double()
    entropy = float(torch.special.entr(shares).sum()) / max(float(np.log(len(shares))), 1e-9)
    if len(shares) < 2 or entropy < GUESSING:
        return None
    cause = (
        f"The prediction is close to chance: the highest probability is {percent(float(shares.max()))}, chance "
        f"{1 / len(shares):.1%}, so the map explains next to nothing."
    )
    return Finding("chance", cause, "Train it longer, or choose another network or photo.")


def _one_place(p: Case) -> Finding | None:
    if p.heat.raw.size > 1:
        return None
    cause = (
        f"The layer {p.heat.layer} has a single place, so its map is one colour: there is no spatial resolution left."
    )
    return Finding("one place", cause, f"Choose an earlier layer, such as {p.better}.")


def _frozen(p: Case) -> Finding | None:
    flat = p.maps.reshape(len(p.maps), -1)
    if flat.shape[1] == 1 or not np.isfinite(flat).all() or float(np.ptp(flat, axis=1).max()) > 0:
        return None
    dead = "is 0 everywhere" if not flat.any() else "is the same at every place"
    cause = f"Every channel of {p.heat.layer} {dead} on this photo: the layer is dead."
    return Finding("frozen", cause, f"Check earlier layers, such as {p.better}, for where it begins.")


def _blank(p: Case) -> Finding | None:
    if p.heat.raw.any() or not np.isfinite(p.heat.raw).all():
        return None
    cause = f"No gradient of {p.heat.label} reaches {p.heat.layer}: all gradients after it are 0 on this photo."
    return Finding("blank", cause, "Choose another layer, or occlusion, which needs no gradient.")


def _negative(p: Case) -> Finding | None:
    if not np.isfinite(p.heat.raw).all() or p.heat.raw.max() > 0 or not p.heat.raw.any():
        return None
    if p.heat.goal.against:
        cause = f"The whole map is evidence for {p.heat.label}, so there is no evidence against it to show."
        return Finding("all negative", cause, "Switch off Evidence against, or choose another class.")
    cause = f"The whole map is negative: no place is evidence for {p.heat.subject}."
    return Finding("all negative", cause, "Switch on Evidence against, or choose a class with a higher probability.")


def _saturated(p: Case) -> Finding | None:
    if not np.isfinite(p.logits).all():
        return None
    chance = float(probabilities(torch.from_numpy(np.array(p.logits))[None])[0, p.heat.target])
    if chance < SURE:
        return None
    cause = f"The probability is {percent(chance, 4)}: the softmax is saturated, so the map explains the logit instead."
    return Finding("saturated", cause, "No action is needed; in other tools, explain the logit and not the softmax.")


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values).to(like).view(-1, 1, 1)
