"""A fused graph keeps its meaning, and the net its own layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.inference.cut import cut
from cnnviz.inference.fusion import pack
from cnnviz.inference.packed_conv import Packed


class Residual(nn.Module):
    """A block whose sum is read once, and one whose sum is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.first(x) + x)
        z = self.second(y) + y
        return self.relu(z) + z.mean()


def test_a_graph_keeps_its_meaning():
    net = Residual().eval().requires_grad_(False)
    graph = torch.fx.symbolic_trace(net)
    x = torch.randn(1, 4, 8, 8)
    want = net(x.clone())
    packed: dict[str, Packed] = {}
    pack(graph, packed)
    graph.recompile()
    assert len(packed) == 2
    assert torch.allclose(graph(x.clone()), want, atol=1e-5)


def test_the_trunk_of_a_residual_net_is_packed_and_the_net_is_not():
    torchvision = pytest.importorskip("torchvision")
    net = torchvision.models.resnet18(weights=None).eval().requires_grad_(False)
    cut(net, "layer2")
    assert not any(isinstance(part, Packed) for part in net.modules())
