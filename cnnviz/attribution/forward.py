"""One photo run up to a layer and kept, so that each class costs one backward pass or less.

The plain way to the same evidence stands in `cam.evidence`; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.arrays import size
from cnnviz.attribution.cam import Evidence
from cnnviz.inference.activations import refuse_shape, refuse_whole
from cnnviz.inference.cut import Cut
from cnnviz.inference.gradient import differentiated
from cnnviz.inference.plain_road import asked_whole, batched, single
from cnnviz.inference.predict import Target


@dataclass(frozen=True)
class Forward:
    """One photo run up to a layer, ready to be asked about any class.

    `x` (1, C, H, W) went in; `values` are what lives at the cut, the map (1, C, h, w) first and differentiable;
    `logits` (1, K) hang on it, and on a `shift` (out,) of the next layer's output where the cut carries one; `gains`
    (K,) is how much a shift moves its own logit, where it moves no other. Several methods in turn ask for the gradient
    of one class: `known` keeps it.
    """

    x: Tensor
    values: tuple[Tensor, ...]
    logits: Tensor
    cut: Cut
    nbytes: int
    shift: Tensor | None = None
    gains: Tensor | None = None
    known: dict[Target, Evidence] = field(default_factory=dict, repr=False, compare=False)  # the last one asked for

    def logits_of(self, x: Tensor) -> Tensor:
        """The logits (N, K) of other inputs (N, C, H, W), through the folded trunk."""
        return batched(self.cut.logits, x, self.cut.single)

    def head(self, maps: Tensor) -> Tensor:
        """The logits (N, K) if these maps were the layer's output (N, C, h, w) instead."""

        def run(some: Tensor) -> Tensor:
            return self.cut.head(some, *(value.expand(len(some), *value.shape[1:]) for value in rest))

        rest = self.values[1:]
        if all(isinstance(value, Tensor) for value in rest):
            return batched(run, maps, self.cut.single)
        return torch.cat([self.cut.head(one[None], *rest) for one in maps])


def at_input(net: nn.Module) -> Cut:
    """The network cut before its first layer: for questions about pixels, where no layer has maps."""
    run = asked_whole(net)
    return Cut(lambda x: (x,), run, None, False, lambda channels: None, run, single(net))


@torch.inference_mode(False)
@torch.enable_grad()
def cached_forward(cut: Cut, x: Tensor, layer: str) -> Forward:
    """Runs the trunk on one photo (1, C, H, W) and keeps the head's graph, so that each class costs one backward."""
    with torch.no_grad():
        first, *rest = cut.trunk(x)
    refuse_shape(layer, first, 1)
    refuse_whole(layer, first)
    leaf = first.detach().requires_grad_()
    held = 0

    def weigh(saved: Tensor) -> Tensor:
        nonlocal held
        held += 0 if saved.is_leaf and saved is not leaf else saved.nbytes  # weights are not the question's own
        return saved.detach()  # with its graph it would hold that graph, and itself, for ever

    with torch.autograd.graph.saved_tensors_hooks(weigh, lambda saved: saved):
        shift = leaf.new_zeros(len(cut.carry(leaf.shape[1])), requires_grad=True) if cut.carry else None
        logits = _headed(cut, leaf, rest, shift)
    if not logits.requires_grad:
        shift = None
    gains = torch.autograd.grad(logits.sum(), shift, retain_graph=True)[0] if cut.direct and shift is not None else None
    kept = size((x, leaf, leaf, *rest, logits))  # the gradient is as large as the map
    return Forward(x, (leaf, *rest), logits, cut, held + kept, shift, gains)


def _headed(cut: Cut, leaf: Tensor, rest: Sequence[Any], shift: Tensor | None) -> Tensor:
    """The logits (1, K), without a graph where the head leaves PyTorch, which refuses that with one."""
    try:
        return cut.head(leaf, *rest, shift=shift)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        with torch.no_grad():
            return cut.head(leaf.detach(), *rest, shift=shift)


def unclassed(asked: Forward, goals: Sequence[Target]) -> tuple[Evidence, ...]:
    """The evidence for each goal with a gradient of zeros, for methods that read the maps alone."""
    maps, scores = asked.values[0].detach()[0], [float(goal.score(asked.logits.detach())[0]) for goal in goals]
    return tuple(Evidence(maps, torch.zeros_like(maps), score) for score in scores)


@torch.inference_mode(False)
@torch.enable_grad()
def evidence(asked: Forward, goals: Sequence[Target | int], means: bool = False) -> tuple[Evidence, ...]:
    """The evidence for each goal: one by a backward through the kept graph, several by one batched head.

    With `means` each channel's gradient may come as its mean at every place, which is had for much less.
    """
    wanted = [Target(goal) if isinstance(goal, int) else goal for goal in goals]
    with differentiated():
        if means or len(wanted) > 1:
            return _evidence(asked, wanted, means)
        found = asked.known.get(wanted[0])
        if found is None:
            (found,) = _evidence(asked, wanted, means)
            asked.known.clear()
            asked.known[wanted[0]] = found
        return (found,)


def _evidence(asked: Forward, wanted: Sequence[Target], means: bool) -> tuple[Evidence, ...]:
    leaf, *rest = asked.values
    found: list[Evidence] = []
    if means and asked.gains is not None:
        return _means(asked, wanted)
    if means and asked.shift is not None:
        return tuple(_mean(asked, goal) for goal in wanted)
    if len(wanted) == 1 or not all(isinstance(value, Tensor) for value in rest):
        for goal in wanted:
            score = goal.score(asked.logits)[0]
            (gradient,) = torch.autograd.grad(score, leaf, retain_graph=True)
            found.append(Evidence(leaf.detach()[0], gradient[0], float(score.detach())))
        return tuple(found)
    some = 8  # at once: enough to fill the device, little enough to fit it
    while len(found) < len(wanted):
        try:
            found += _together(asked, wanted[len(found) : len(found) + some])
        except torch.OutOfMemoryError:
            if some == 1:
                raise
            some //= 2
    return tuple(found)


def _mean(asked: Forward, goal: Target) -> Evidence:
    """The evidence for one goal with each channel's mean gradient in place of the gradient."""
    leaf, carry = asked.values[0].detach(), asked.cut.carry
    assert carry is not None
    assert asked.shift is not None
    score = goal.score(asked.logits)[0]
    (by_shift,) = torch.autograd.grad(score, asked.shift, retain_graph=True)
    mean = by_shift @ carry(leaf.shape[1]) / leaf[0, 0].numel()  # (out,) -> (C,)
    return Evidence(leaf[0], mean[:, None, None].expand(leaf.shape[1:]), float(score.detach()))


def _means(asked: Forward, goals: Sequence[Target]) -> tuple[Evidence, ...]:
    """As `_mean` for several goals, where a shift moves its own logit alone: one product and no backward."""
    leaf, logits, carry = asked.values[0].detach()[0], asked.logits.detach(), asked.cut.carry
    assert carry is not None
    assert asked.gains is not None
    slopes = [goal.slope(logits.shape[1]) for goal in goals]
    some = list(dict.fromkeys(logit for slope in slopes for logit in slope))
    share = leaf.new_tensor([[slope.get(logit, 0.0) for logit in some] for slope in slopes])  # (n, some)
    means = (share * (asked.gains[some] / leaf[0].numel())) @ carry(len(leaf))[some]  # (n, some), (some, C) -> (n, C)
    scores = (share @ logits[0, some]).tolist()  # a score is linear in the logits
    spread = means[:, :, None, None].expand(-1, *leaf.shape)  # (n, C) -> (n, C, h, w)
    return tuple(Evidence(leaf, gradient, score) for gradient, score in zip(spread, scores, strict=True))


def every_class(asked: Forward) -> Tensor | None:
    """Grad-CAM's signed maps (K, h, w) of all classes from one product; None where the next layer is not the last.

    Where it is, what a shift of its output does to a logit tells how each channel's mean gradient weighs.
    """
    leaf, carry = asked.values[0].detach()[0], asked.cut.carry
    if asked.gains is None or carry is None or asked.logits.shape[1] < 2:
        return None
    weights = asked.gains[:, None] * carry(len(leaf)) / leaf[0].numel()  # (K,), (K, C) -> (K, C)
    return torch.einsum("kc,chw->khw", weights, leaf)


def _together(asked: Forward, goals: Sequence[Target]) -> list[Evidence]:
    """The evidence for several goals from one batched run of the head."""
    leaf = asked.values[0].detach()
    batch = leaf.expand(len(goals), *leaf.shape[1:]).clone().requires_grad_()  # (1, C, h, w) -> (n, C, h, w)
    logits = asked.head(batch)  # (n, K)
    marks = torch.stack([goal.score(logits)[i] for i, goal in enumerate(goals)])  # (n,)
    (gradients,) = torch.autograd.grad(marks.sum(), batch)
    return [Evidence(leaf[0], g, float(s)) for g, s in zip(gradients, marks.detach(), strict=True)]
