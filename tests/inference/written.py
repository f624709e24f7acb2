"""Networks as people write them by hand: by functions, methods and operators instead of modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class Standardised(nn.Conv2d):
    """A convolution whose weights are standardised each time it runs, padded by a function as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        own = self.weight.view(1, len(self.weight), -1)
        weight = F.batch_norm(own, None, None, training=True, momentum=0.0).reshape_as(self.weight)
        more = max((-(-x.shape[3] // 2) - 1) * 2 + 3 - x.shape[3], 0)
        return F.conv2d(F.pad(x, (more // 2, more - more // 2, 1, 1)), weight, self.bias, (2, 2))


class NormAct(nn.BatchNorm2d):
    """A batch norm by function, and its activation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return self.act(x)


class Written(nn.Module):
    """Functions, methods and operators, in place and not; what is between them is marked by `marks`."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = nn.ModuleList(nn.Identity() for _ in range(12))
        self.stem, self.norm = Standardised(3, 8, 3), NormAct(8)
        self.kernel = nn.Parameter(torch.randn(8, 4, 3, 3))
        self.mean, self.variance = torch.randn(8), torch.rand(8) + 0.5
        self.gain, self.shift = nn.Parameter(torch.rand(8) + 0.5), nn.Parameter(torch.randn(8))
        self.weighted = weight_norm(nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"))
        self.spectral = spectral_norm(nn.Conv2d(8, 8, (1, 3), padding="same"))
        self.wide, self.fc = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        mark = iter(self.marks)
        x = next(mark)(self.norm(self.stem(x)))
        y = F.conv2d(x, self.kernel, None, 1, 1, groups=2)
        y = next(mark)(F.batch_norm(y, self.mean, self.variance, self.gain, self.shift, eps=1e-3))
        x = next(mark)(torch.add(x, F.relu(y, inplace=True)))
        x = next(mark)(F.gelu(self.weighted(x)).clamp(min=0))
        first, second = x.chunk(2, 1)
        x = next(mark)(torch.cat((F.silu(second), F.hardswish(first * 2 - 1)), dim=1))
        gate = torch.sigmoid(x.mean((2, 3), keepdim=True))
        x = next(mark)(x * gate + self.shift[:, None, None])
        n, c, h, w = x.shape
        x = next(mark)(x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))  # channels shuffled
        x = next(mark)(F.avg_pool2d(self.spectral(x), 2, ceil_mode=True))
        x = self.wide(x.permute(0, 2, 3, 1))
        x = next(mark)(F.layer_norm(x, (8,), self.gain, self.shift).permute(0, 3, 1, 2))
        x = next(mark)(F.leaky_relu_(F.group_norm(x, 2, self.gain), 0.2) / 3)
        x = next(mark)(F.max_pool2d(x, 3, 1, 1).sub(0.1))
        x = next(mark)(F.adaptive_avg_pool2d(x, 2))
        return self.fc(x.mean([-2, -1]).flatten(1))


class Steered(nn.Module):
    """Which convolution runs depends on the photo."""

    def __init__(self) -> None:
        super().__init__()
        self.bright, self.dark, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 5), nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bright(x) if x.mean() > 0 else self.dark(x)
        return self.fc(F.relu(self.last(x)).mean((2, 3)))


def made(kind: type[nn.Module]) -> nn.Module:
    """A net of that kind with its first random weights."""
    torch.manual_seed(3)
    net = kind().eval().requires_grad_(False)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return net
