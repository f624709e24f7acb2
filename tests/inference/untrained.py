"""Networks and an input for tests of how a network is built, whatever its weights."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn


def built(name: str) -> nn.Module:
    """A torchvision network with the same random weights each time."""
    torch.manual_seed(0)
    net: nn.Module = getattr(torchvision.models, name)(weights=None)
    return net.eval().requires_grad_(False)


def noise() -> Tensor:
    """An input (1, 3, 64, 64), the same each time."""
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
