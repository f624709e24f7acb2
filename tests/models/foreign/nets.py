"""Networks as people write them by hand, with what exporters stumble over, and their .pt2 files."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Functional(nn.Module):
    """A gray input, and nearly everything a function: relu, batch norm, pooling, a skip resized to, sizes read."""

    size = (1, 24, 24)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        x = F.relu(self.first(x))
        x = F.batch_norm(x, self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias, False)
        small = F.leaky_relu(self.second(x), 0.1) * self.scale
        small = F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
        x = torch.cat([x, small], 1)
        _, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = F.max_pool2d(x, 2)
        return self.head(F.avg_pool2d(x, x.shape[2:]).view(n, -1))


class Shared(nn.Module):
    """One convolution and one in-place ReLU for all depths, a block that runs twice, a residual sum in place."""

    size = (3, 20, 20)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3)
        self.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        for _ in range(3):
            kept = x
            x = self.conv(x)
            x += kept
            x = self.relu(x)
        x = self.block(self.block(x))
        return self.head(x.mean((2, 3)))


class Attention(nn.Module):
    """Positions as a sequence and back, a squeeze-and-excitation that is expanded, a second input from the side."""

    size = (3, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.mix = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.out = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        b, c, h, w = x.shape
        rows = x.flatten(2).transpose(1, 2)
        rows = self.norm(rows + self.mix(rows))
        weights = torch.softmax(rows @ rows.transpose(1, 2) / c**0.5, -1)
        x = (weights @ rows).transpose(1, 2).reshape(b, c, h, w)
        x = x * self.gate(x).expand_as(x)
        x = self.out(x[:, :, :h, :w])
        return self.head(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))


class Several(Shared):
    """The features, then the logits, in a dictionary."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.relu(self.stem(x))
        x = self.block(x)
        return {"features": x, "logits": self.head(x.mean((2, 3)))}


class Pair(Shared):
    """The logits and what they are made from."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.block(self.relu(self.stem(x)))
        return self.head(x.mean((2, 3))), x


class Twins(nn.Module):
    """Two names for one module, two modules with one tensor, a constant, a mask."""

    size = (3, 12, 12)

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 3, 3, padding=1)
        self.two = self.one
        self.three = nn.Conv2d(3, 3, 3, padding=1)
        self.three.weight = self.one.weight
        self.register_buffer("mask", torch.tensor([1.0, 0.5, 2.0]).view(3, 1, 1))
        self.head = nn.Linear(3, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.three(self.two(self.one(x))) * self.mask + torch.tensor([0.25])
        return self.head(F.dropout(x.sum((-1, -2)), 0.5, self.training))


class Chunks(nn.Module):
    """Lists of tensors, padding by hand, an index, a comparison, numbers."""

    size = (3, 18, 18)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 9, 3)
        self.act = nn.PReLU(9)
        self.head = nn.Linear(9, 7)
        self.order = [2, 0, 1]

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = torch.chunk(self.act(self.conv(F.pad(x, (1, 1, 2, 0), value=0.5))), 3, 1)
        d, e = torch.split(torch.stack([a, b.abs().sqrt(), c**2], 1)[:, self.order], [1, 2], 1)
        x = torch.cat([d, e], 1).flatten(1, 2)
        x = torch.where(x > 0.1, x, x.clamp(-1, 0.5)).roll(1, 2).flip(3)
        return self.head(1 - x.amax((2, 3)) / 3 + x.mean((2, 3), keepdim=True).flatten(1))


class Conv2dSame(nn.Conv2d):
    """Padded as TensorFlow does it, by the size of what comes in."""

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for side, window, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            full = max((-(-side // stride) - 1) * stride + window - side, 0)
            pads += [full // 2, full - full // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride)


class Standardised(nn.Conv2d):
    """Its weights get mean 0 and deviation 1 by a batch norm that keeps no statistics, as timm's do."""

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(rows, None, None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(self.weight)
        return F.conv2d(x, weight)


class Padded(nn.Module):
    """Convolutions whose padding depends on the size, and one whose weights are made when it runs."""

    size = (3, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.one = Conv2dSame(3, 4, 3, 2)
        self.two = Conv2dSame(4, 4, (5, 3), (3, 2))
        self.three = Standardised(4, 4, 1, bias=False)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.three(self.two(self.one(x).relu())).mean((2, 3)))


HAND = {kind.__name__: kind for kind in (Padded, Functional, Shared, Attention, Several, Pair, Twins, Chunks)}


@functools.cache
def made(name: str) -> nn.Module:
    """A net of `HAND` or of torchvision with weights that differ, in evaluation mode."""
    torch.manual_seed(3)
    if name in HAND:
        net = HAND[name]()
    else:
        from torchvision.models import get_model

        net = get_model(name, **({"init_weights": False} if name in ("googlenet", "inception_v3") else {}))
    for key, tensor in net.named_buffers():
        if key.endswith("running_var"):
            tensor.uniform_(0.8, 1.2)
        elif key.endswith("running_mean"):
            tensor.uniform_(-0.1, 0.1)
    return net.eval()


def size_of(name: str) -> tuple[int, int, int]:
    """The size of the example (C, H, W)."""
    return HAND[name].size if name in HAND else (3, 75, 75) if name == "inception_v3" else (3, 64, 64)


def exported(net: nn.Module, size: tuple[int, ...], batch: int = 1, **options: object) -> bytes:
    """What torch.export.save writes of a net."""
    torch.manual_seed(1)
    example = torch.randn(batch, *size, dtype=next(net.parameters()).dtype)
    file = io.BytesIO()
    torch.export.save(torch.export.export(net, (example,), **options), file)
    return file.getvalue()


@functools.cache
def content(name: str) -> bytes:
    """The .pt2 file of a net by name."""
    return exported(made(name), size_of(name))


def put(folder: Path, name: str) -> Path:
    """That file in a folder."""
    path = folder / f"{name}.pt2"
    path.write_bytes(content(name))
    return path
