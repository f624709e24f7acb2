"""A small net, and short ascents on it."""

from __future__ import annotations

import torch
from torch import nn

from cnnviz.feature_vis.maximize import maximize
from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.feature_vis.setup import Setup

SHORT = Ascent(steps=6, size=32, coarse=1)
CPU = torch.device("cpu")


def net(width: int = 8, relu: bool = True) -> nn.Module:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, width, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(width, 12, 3)]
    return nn.Sequential(*parts, *([nn.ReLU(inplace=True)] if relu else [])).eval().requires_grad_(False)


def place(trunk, side: int = 32, layer: str = "layer", device=CPU) -> Setup:
    typical = lambda: torch.ones(12)  # noqa: E731
    return Setup(trunk, layer, (0.5,) * 3, (0.25,) * 3, side, device, typical)


def images(where: Setup, aims: list, ascent: Ascent, **more) -> list:
    wanted = [Aim.of(aim) for aim in aims]
    return [event.image for event in maximize(where, wanted, ascent, **more) if event.image]
