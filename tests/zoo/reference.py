"""What plain PyTorch says: logits, and Grad-CAM with two hooks. Nothing of ours is used."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def logits(net: nn.Module, x: Tensor) -> Tensor:
    """The logits (N, K), also of a network with several outputs."""
    out = net(x)
    if isinstance(out, dict):
        out = out["logits"]
    return out[0] if isinstance(out, (tuple, list)) else out


def grad_cam(net: nn.Module, x: Tensor, layer: str, target: int) -> np.ndarray:
    """Grad-CAM (h, w) as the paper has it: each map weighted by its mean gradient, summed, negative values cut off."""
    kept: list[Tensor] = []

    def hook(_: nn.Module, __: object, out: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        maps, *rest = out if isinstance(out, list) else [out]
        kept.append(maps.detach().requires_grad_())
        own = kept[-1].clone()  # an in-place ReLU may follow
        return [own, *rest] if isinstance(out, list) else own

    handle = net.get_submodule(layer).register_forward_hook(hook)
    try:
        with torch.enable_grad():
            score = logits(net, x)[0, target]
            (gradient,) = torch.autograd.grad(score, kept[-1])
    finally:
        handle.remove()
    weighted = gradient.mean((2, 3), keepdim=True) * kept[-1].detach()
    return weighted.sum(1)[0].relu().cpu().numpy()


def reach(net: nn.Module, x: Tensor, layer: str, place: tuple[int, int]) -> tuple[int, int, int, int]:
    """The smallest box (left, top, right, bottom) of pixels whose change would change a place (y, x) of the maps."""
    kept: list[Tensor] = []
    handle = net.get_submodule(layer).register_forward_hook(
        lambda _, __, out: kept.append(out[0] if isinstance(out, list) else out)
    )
    try:
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            net(x)
            (gradient,) = torch.autograd.grad(kept[-1][0, :, place[0], place[1]].sum(), x)
    finally:
        handle.remove()
    rows, columns = (gradient[0].abs().sum((0, axis)).nonzero().flatten() for axis in (2, 1))
    if not len(rows):
        return (0, 0, 0, 0)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
