"""Class activation maps: which places of a layer's feature maps support a class.

`evidence` runs the network and gives the maps at a layer with the gradient of a class score; each method below it makes
of them a signed map at the layer's own size, together with the weight of each channel. `forward.evidence` is the fast
way to the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnviz.inference.gradient import differentiated
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import LayerError, tap


@dataclass(frozen=True)
class Evidence:
    """Maps (C, h, w) at a layer, and the gradient (C, h, w) of one class score with respect to them."""

    maps: Tensor
    gradient: Tensor
    score: float


def evidence(net: nn.Module, x: Tensor, layers: Sequence[str], targets: Sequence[Target]) -> list[list[Evidence]]:
    """The evidence for every target at every layer, layers first; the network runs once on the photo (1, C, H, W).

    Raises `LayerError` for a layer without feature maps.
    """
    with torch.enable_grad(), differentiated():
        logits, maps = tap(net, x, layers)
        assert logits is not None  # only a stopped forward has none
        if flat := [name for name, out in maps.items() if out.ndim != 4]:
            raise LayerError(f"Layer {flat[0]!r} has no feature maps; choose convolutional layers.")
        scores = [target.score(logits)[0] for target in targets]
        found: list[list[Evidence]] = [[] for _ in layers]
        for i, score in enumerate(scores):
            gradients = torch.autograd.grad(
                score, list(maps.values()), retain_graph=i + 1 < len(scores), allow_unused=True
            )
            for row, out, gradient in zip(found, maps.values(), gradients, strict=True):
                slope = torch.zeros_like(out) if gradient is None else gradient
                row.append(Evidence(out.detach()[0], slope[0], float(score.detach())))
    return found


def grad_cam(e: Evidence) -> tuple[Tensor, Tensor]:
    """Channels weighed by their mean gradient. Selvaraju et al., 2017, Grad-CAM, equations 1 and 2 before the ReLU."""
    weights = e.gradient.mean((1, 2))  # (C, h, w) -> (C,)
    return torch.einsum("c,chw->hw", weights, e.maps), weights


def grad_cam_plus_plus(e: Evidence) -> tuple[Tensor, Tensor]:
    """Channels weighed by positive gradients, each place by its own share. Chattopadhay et al., 2018, Grad-CAM++."""
    square, cube = e.gradient**2, e.gradient**3
    below = 2 * square + e.maps.sum((1, 2), keepdim=True) * cube
    share = torch.where(below != 0, square / torch.where(below != 0, below, 1.0), 0.0)
    weights = (share * e.gradient.relu()).sum((1, 2))  # (C, h, w) -> (C,)
    return torch.einsum("c,chw->hw", weights, e.maps), weights


def hires_cam(e: Evidence) -> tuple[Tensor, Tensor]:
    """Each place counts by its own gradient. Draelos and Carin, 2020, HiResCAM."""
    part = e.gradient * e.maps
    return part.sum(0), part.sum((1, 2))


def layer_cam(e: Evidence) -> tuple[Tensor, Tensor]:
    """Each place counts by its own gradient where that is positive. Jiang et al., 2021, LayerCAM."""
    part = e.gradient.relu() * e.maps
    return part.sum(0), part.sum((1, 2))


def eigen_cam(e: Evidence) -> tuple[Tensor, Tensor]:
    """The first principal component of the maps, the same for every class. Muhammad and Yeasin, 2020, Eigen-CAM.

    Its sign is free; it is chosen so that the component agrees with the mean map. NaN where a map has NaN or infinity.
    """
    flat = e.maps.flatten(1)  # (C, h, w) -> (C, h*w)
    if not flat.isfinite().all():
        return torch.full_like(e.maps[0], torch.nan), torch.full_like(flat[:, 0], torch.nan)
    centred = flat - flat.mean(1, keepdim=True)
    left, _, _ = torch.linalg.svd(centred, full_matrices=False)
    weights = left[:, 0]  # (C,)
    heat = weights @ centred  # (h*w,)
    sign = torch.sign((heat * flat.mean(0)).sum()) or torch.tensor(1.0)
    return (sign * heat).view(e.maps.shape[1:]), sign * weights
