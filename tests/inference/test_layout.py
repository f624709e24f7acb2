"""Channels are followed to the axis they are on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.inference import layers
from cnnviz.inference.layout import Layout, axis


@pytest.mark.parametrize(
    ("made", "where"),
    [
        (lambda x: F.relu(x) + 1, 1),
        (lambda x: x.permute(0, 2, 3, 1), 3),
        (lambda x: torch.permute(x, [0, 2, -1, 1]).sigmoid() * 2, 3),
        (lambda x: F.gelu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), 1),
        (lambda x: x.permute((0, 2, 3, 1)).contiguous().chunk(2, -1)[1], 3),
        (lambda x: x.transpose(1, 3).transpose(1, 2), 3),
        (lambda x: x.transpose(1, dim1=3).tanh(), 3),
        (lambda x: F.layer_norm(x, (9,)), 3),
        (lambda x: F.linear(x, torch.ones(4, 9)), 3),
        (lambda x: torch.cat([x, x], 1), 1),
        (lambda x: torch.cat([x.permute(0, 2, 3, 1)] * 2, -1), 3),
        (lambda x: x.flatten(2).transpose(1, 2), 2),
        (lambda x: F.linear(x.flatten(2).transpose(1, 2), torch.ones(4, 6)).transpose(1, 2).reshape(2, 4, 9, 9), 1),
        (lambda x: F.linear(x.flatten(2).transpose(1, 2), torch.ones(4, 6)).reshape(2, 9, 9, 4), 3),
        (lambda x: x.view(2, 2, 3, 9, 9).transpose(1, 2).reshape(2, 6, 9, 9), 1),
        (lambda x: F.conv2d(x.permute(0, 3, 1, 2), torch.ones(2, 9, 1, 1)), 1),
    ],
)
def test_channels_are_followed(made, where):
    with Layout():
        assert axis(made(torch.ones(2, 6, 9, 9).clone())) == where


class Behind(nn.Module):
    """A block that computes with channels last, as functions and as layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.wide, self.act = nn.Conv2d(3, 8, 3), nn.LayerNorm(8), nn.Linear(8, 16), nn.GELU()
        self.narrow, self.end = nn.Linear(16, 8), nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        y = self.narrow(self.act(self.wide(self.norm(x.permute(0, 2, 3, 1)))))
        return self.end(x + y.permute(0, 3, 1, 2)).mean((2, 3))


def test_layers_with_channels_last_are_not_offered_as_maps():
    """Of MambaOut, which computes so throughout, stages and norms were offered as maps of the wrong axes."""
    assert layers.maps(Behind().eval(), (3, 12, 12)) == ("conv", "end")
    timm = pytest.importorskip("timm")
    net = timm.create_model("mambaout_femto").eval()
    shapes = {row.name: row.shape for row in layers.table(net, (3, 64, 64)).layers}
    found = layers.maps(net, (3, 64, 64))
    assert found
    assert all(shapes[name][1] == shapes[name][2] for name in found if name in shapes)
    assert "stages.3" not in found
