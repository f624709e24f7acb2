"""Stacks of layers, and what really reaches one of their units."""

from __future__ import annotations

import torch
from torch import nn

from cnnviz.signal import receptive as r


def reached(net, layer: str, size: int):
    """First and last row that a unit near the middle depends on (weights made positive), and its row."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda x, m=module: nn.functional.avg_pool2d(
                x, m.kernel_size, m.stride, m.padding, m.ceil_mode
            )
    net = net.double().eval()
    kept = []
    hook = dict(net.named_modules())[layer].register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    x = torch.rand(1, 3, size, size, dtype=torch.double).requires_grad_()
    net(x)
    hook.remove()
    unit = kept[0].shape[2] // 2
    (gradient,) = torch.autograd.grad(kept[0][0, :, unit, unit].sum(), x)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().ravel()
    return int(rows[0]), int(rows[-1]), unit


LAYERS = [
    r.Window("conv", 3),
    r.Window("conv", 5, 2, 2),
    r.Window("max", 2, 2),
    r.Window("conv", 3, 1, 2, 2),
    r.Window("average", 3, 2, 1),
]


def module(layer: r.Window, channels: int):
    if layer.kind == "conv":
        return nn.Conv2d(channels, 4, layer.kernel, layer.stride, layer.padding, layer.dilation)
    pool = nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d
    return pool(layer.kernel, layer.stride, layer.padding)
