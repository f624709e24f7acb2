"""The networks of the table: the smallest of each family of timm and torchvision, and five written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnviz.models import build, families, timm_nets
from cnnviz.models.torchvision_nets import TORCHVISION

SMALLEST = 100_000  # parameters; timm has networks below it for its own tests


@dataclass(frozen=True)
class Entry:
    """One network: how it is called in the table, its key where it has one, how it is made, and its input."""

    name: str
    key: str
    make: Callable[[], nn.Module]
    size: tuple[int, int, int]  # (C, H, W)


class Functional(nn.Module):
    """Everything but the convolutions is a function; batch norm has its numbers in the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.scale, self.shift = nn.Parameter(torch.rand(12) + 0.5), nn.Parameter(torch.randn(12))
        self.register_buffer("mean", torch.randn(12) / 4)
        self.register_buffer("var", torch.rand(12) + 0.5)
        self.out = nn.Linear(24, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.batch_norm(self.one(x), self.mean, self.var, self.scale, self.shift))
        x = F.leaky_relu(self.two(F.max_pool2d(x, 2)), 0.1)
        return self.out(F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), training=self.training))


class Shared(nn.Module):
    """One convolution and one ReLU that run three times; the maps become a vector by `view`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.relu = nn.Conv2d(3, 16, 5, 2, 2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()
        self.pool, self.out = nn.AdaptiveAvgPool2d(4), nn.Linear(256, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        for _ in range(3):
            x = x + self.relu(self.again(x))
        return self.out(self.pool(x).view(x.size(0), -1))


class Several(nn.Module):
    """A dict of outputs: the logits, and an embedding beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 16, 3, 2, 1))
        self.norm, self.out = nn.GroupNorm(4, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        embedding = F.gelu(self.norm(self.body(x))).mean((2, 3))
        return {"logits": self.out(embedding), "embedding": embedding}


def gray() -> nn.Module:
    """A network of one input channel."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 5), nn.Tanh(), nn.AdaptiveAvgPool2d(3),
        nn.Flatten(), nn.Linear(144, 10),
    )  # fmt: skip


class Deciding(nn.Module):
    """Which convolution runs depends on the photo."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.dark, self.light = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 5, padding=1)
        self.pool, self.out = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = self.light(x) if x.mean() > 0.4 else self.dark(x)
        return self.out(self.pool(x.relu()).flatten(1))


def lively(net: nn.Module, size: tuple[int, int, int], seed: int = 0) -> nn.Module:
    """The network as if it were trained, in evaluation mode: no layer is all zeros, batch norm knows its input."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            if value.numel() > 1 and (value.amax() - value.amin()) < 1e-3:  # zeros, ones, small constants
                value.add_(torch.rand(value.shape, generator=random) * 0.4)
        norms = [part for part in net.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = None  # the mean of all batches
        net.eval()
        for part in norms:
            part.train()
        net(torch.randn(4, *size, generator=random))
    return net.eval().requires_grad_(False)


def _made(build_one: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_one()

    return make


def _timm() -> list[Entry]:
    """The smallest network of each family."""
    import timm

    found: dict[str, timm_nets.TimmNet] = {}
    for net in sorted(timm_nets.table().values(), key=lambda net: net.parameters):
        if net.parameters > SMALLEST and not net.name.startswith("test_"):
            found.setdefault(net.family, net)
    entries = []
    for net in sorted(found.values()):
        said = timm.get_pretrained_cfg(net.name)
        made = _made(lambda name=net.name: timm.create_model(name))
        entries.append(Entry(f"timm {net.name}", f"timm/{net.name}", made, tuple(said.input_size)))
    return entries


def torchvision() -> list[Entry]:
    """The smallest network of each family."""
    found = {}
    for net in sorted(TORCHVISION, key=lambda net: net.parameters):
        row = families.family(net.name)
        assert row is not None
        found.setdefault(row.prefix, net)
    return [
        Entry(net.name, net.name, _made(lambda name=net.name: build.fresh_net(name)), (3, net.side, net.side))
        for net in found.values()
    ]


def own() -> list[Entry]:
    """Five written by hand."""
    makers: dict[str, tuple[Callable[[], nn.Module], int]] = {
        "functional operations": (Functional, 3), "shared layers": (Shared, 3), "several outputs": (Several, 3),
        "gray input": (gray, 1), "control flow": (Deciding, 3),
    }  # fmt: skip
    return [Entry(name, "", _made(make), (channels, 64, 64)) for name, (make, channels) in makers.items()]


def entries() -> list[Entry]:
    """All networks of the table, hand-written ones first."""
    return [*own(), *torchvision(), *_timm()]


def parameters(net: nn.Module) -> int:
    """How many numbers were learned."""
    return sum(math.prod(value.shape) for value in net.parameters())
