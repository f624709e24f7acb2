"""Weights for nets that nobody trained."""

from __future__ import annotations

import torch

from cnnviz.models import build, load


def filled(name: str, classes: int = 1000, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state with reproducible random weights."""
    net = build.torchvision_net(name, classes).to_empty(device="cpu")
    load._initialise(net, seed)
    return dict(net.state_dict())
