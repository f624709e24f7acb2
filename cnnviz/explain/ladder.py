"""The same question at every stage of the net: one forward for all layers, one backward for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnviz.explain.cam import Evidence, Heatmap
from cnnviz.explain.predict import Goal
from cnnviz.nets.tap import LayerError, tap


@dataclass(frozen=True)
class Ladder:
    """Heat maps of several classes (columns) at several layers (rows)."""

    layers: tuple[str, ...]
    targets: tuple[int, ...]
    rows: tuple[tuple[Heatmap, ...], ...]


def evidences(net: nn.Module, x: Tensor, layers: Sequence[str], goals: Sequence[Goal]) -> list[list[Evidence]]:
    """The evidence for every goal at every layer, layers first; the net runs once on the photo (1, C, H, W)."""
    with torch.enable_grad():
        logits, maps = tap(net, x, layers)
        assert logits is not None  # only a stopped forward has none
        if flat := [name for name, out in maps.items() if out.ndim != 4]:
            raise LayerError(f"Layer {flat[0]!r} puts out no maps; choose convolutional layers.")
        marks = [goal.score(logits)[0] for goal in goals]
        found: list[list[Evidence]] = [[] for _ in layers]
        for i, mark in enumerate(marks):
            gradients = torch.autograd.grad(
                mark, list(maps.values()), retain_graph=i + 1 < len(marks), allow_unused=True
            )
            for row, out, gradient in zip(found, maps.values(), gradients, strict=True):
                heard = torch.zeros_like(out) if gradient is None else gradient
                row.append(Evidence(out.detach()[0], heard[0], float(mark.detach())))
    return found
