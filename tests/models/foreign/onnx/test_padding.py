"""Pads by the size of the map are no numbers of the example's size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.models.foreign import onnx as reader
from cnnviz.models.foreign.rebuild import rebuild
from tests.models.foreign.onnx import exports

pytest.importorskip("onnxscript")


def covering(x: Tensor, size: int, stride: int, value: float = 0.0) -> Tensor:
    """The map with a border with which windows, a stride apart, cover it, as TensorFlow pads."""
    ends: list[int] = []
    for side in (x.shape[-1], x.shape[-2]):
        full = max((-(-side // stride) - 1) * stride + size - side, 0)
        ends += [full // 2, full - full // 2]
    return F.pad(x, ends, value=value)


class Conv2dSame(nn.Conv2d):
    """As timm's layer of that name."""

    def forward(self, x: Tensor) -> Tensor:
        x = covering(x, self.kernel_size[0], self.stride[0])
        return F.conv2d(x, self.weight, self.bias, self.stride)


class AvgPool2dSame(nn.AvgPool2d):
    """As timm's layer of that name."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(covering(x, 2, 2), 2, 2, count_include_pad=False)


class MaxPool2dSame(nn.MaxPool2d):
    """As timm's layer of that name."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(covering(x, 3, 2, float("-inf")), 3, 2)


@torch.no_grad()
@pytest.mark.parametrize("side", [16, 19, 21])
@pytest.mark.parametrize(
    "part",
    [Conv2dSame(3, 4, 3, 2), Conv2dSame(3, 4, 5, 2), Conv2dSame(3, 4, 2, 2), AvgPool2dSame(2), MaxPool2dSame(3)],
)
def test_pads_by_the_size_of_the_map_are_so_at_other_sizes(part, side, tmp_path):
    net = nn.Sequential(part, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    path = tmp_path / "net.onnx"
    path.write_bytes(exports.exported(net, (3, side, side), True))
    found = rebuild(reader.read(path))
    for height, width in ((side, side), (18, 23), (17, 32)):
        x = torch.randn(2, 3, height, width)
        torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
def test_a_kernel_of_even_size_with_torchs_own_same_is_one_layer(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, (2, 4), padding="same", dilation=(1, 3)), nn.Flatten()).eval()
    path = tmp_path / "net.onnx"
    path.write_bytes(exports.exported(net, (3, 9, 11), True))
    found = rebuild(reader.read(path))
    x = torch.randn(2, 3, 9, 11)
    torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-5)
    assert isinstance(found[0] if isinstance(found, nn.Sequential) else found.get_submodule("0"), nn.Conv2d)
