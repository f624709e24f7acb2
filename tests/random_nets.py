"""Random small CNNs for Hypothesis: of layers in a row, or of functions in a forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

MODES = ("zeros", "reflect", "replicate", "circular")
ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], Callable[[Tensor], Tensor]]] = {
    "relu": (nn.ReLU, F.relu),
    "relu in place": (lambda: nn.ReLU(inplace=True), lambda x: F.relu(x, inplace=True)),
    "relu6": (nn.ReLU6, F.relu6),
    "leaky": (lambda: nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "elu": (nn.ELU, F.elu),
    "silu": (nn.SiLU, F.silu),
    "gelu": (nn.GELU, F.gelu),
    "hardswish": (nn.Hardswish, F.hardswish),
    "sigmoid": (nn.Sigmoid, torch.sigmoid),
    "tanh": (nn.Tanh, torch.tanh),
    "softplus": (nn.Softplus, F.softplus),
}


class Residual(nn.Module):
    """Its input plus what a convolution makes of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


class Concat(nn.Module):
    """Its input beside what a convolution makes of it."""

    def __init__(self, width: int, more: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, more, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(x)], dim=1)


class Gate(nn.Module):
    """Squeeze and excitation: each channel times a number that its means decide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(width, 2, 1), nn.Conv2d(2, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))


class Functional(nn.Module):
    """The same parts as functions, where there are such: only what has weights is a layer."""

    def __init__(self, parts: list[tuple[nn.Module | None, Callable[[Tensor], Tensor] | None]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([part if part is not None else nn.Identity() for part, _ in parts])
        self.functions = [function for _, function in parts]

    def forward(self, x: Tensor) -> Tensor:
        for layer, function in zip(self.layers, self.functions, strict=True):
            if function is not None:
                x = function(x)
            elif isinstance(layer, nn.BatchNorm2d):
                x = F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias, eps=layer.eps)
            else:
                x = layer(x)
        return x


@dataclass(frozen=True)
class Drawn:
    """A network in evaluation mode and the size (C, H, W) it was drawn for."""

    net: nn.Module
    size: tuple[int, int, int]

    def __repr__(self) -> str:
        return f"{self.net} for {self.size}"


@st.composite
def random_nets(draw: st.DrawFn) -> Drawn:
    """A network of a convolution, one to five more parts and a head, with weights from a seed."""
    channels, side = draw(st.sampled_from((1, 3))), draw(st.integers(20, 28))
    made, width, smallest = _conv(draw, channels, side)
    parts = [made]
    for _ in range(draw(st.integers(1, 5))):
        kinds = ["conv", "conv", "norm", "act", "residual", "concat", "gate"] + ["pool"] * (smallest >= 8)
        made, width, smallest = _part(draw, draw(st.sampled_from(kinds)), width, smallest)
        parts.append(made)
    parts += _head(draw, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw(st.integers(0, 999)))
        built = [(layer() if layer else None, function) for layer, function in parts]
        as_functions = draw(st.booleans())
        net = Functional(built) if as_functions else nn.Sequential(*[_layer(*one) for one in built])
        for norm in (part for part in net.modules() if isinstance(part, nn.BatchNorm2d)):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
    return Drawn(net.eval().requires_grad_(False), (channels, side, side))


Made = tuple[Callable[[], nn.Module] | None, Callable[[Tensor], Tensor] | None]  # the layer, and the function for it


def _layer(layer: nn.Module | None, function: Callable[[Tensor], Tensor] | None) -> nn.Module:
    assert layer is not None
    return layer


def _part(draw: st.DrawFn, kind: str, width: int, side: int) -> tuple[Made, int, int]:
    """A part, and the channels and the side of the maps behind it."""
    if kind == "conv":
        return _conv(draw, width, side)
    if kind == "act":
        layer, function = ACTIVATIONS[draw(st.sampled_from(sorted(ACTIVATIONS)))]
        return (layer, function), width, side
    if kind == "pool":
        return _pool(draw, width, side)
    if kind == "concat":
        more = draw(st.integers(1, 4))
        return (lambda: Concat(width, more), None), width + more, side
    block: dict[str, Callable[[], nn.Module]] = {
        "norm": lambda: nn.BatchNorm2d(width),
        "residual": lambda: Residual(width),
        "gate": lambda: Gate(width),
    }
    return (block[kind], None), width, side


def _conv(draw: st.DrawFn, width: int, side: int) -> tuple[Made, int, int]:
    groups = draw(st.sampled_from([n for n in (1, 2, 3, width) if width % n == 0]))
    size = draw(st.sampled_from((1, 2, 3, 5)))
    dilation = draw(st.sampled_from((1, 2))) if (size - 1) * 2 < side else 1
    if draw(st.booleans()):
        padding: Any = "same"
        stride, after = 1, side
    else:
        padding = draw(st.integers(0, size // 2))
        stride = draw(st.sampled_from((1, 2)))
        after = (side + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    if after < 4:
        padding, stride, after = "same", 1, side
    how = {
        "stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(MODES)),
    }  # fmt: skip
    out = groups * draw(st.integers(1, max(1, 12 // groups)))
    return (lambda: nn.Conv2d(width, out, size, **how), None), out, after


def _pool(draw: st.DrawFn, width: int, side: int) -> tuple[Made, int, int]:
    size, stride, ceil = draw(st.sampled_from((2, 3))), draw(st.sampled_from((1, 2))), draw(st.booleans())
    padding = draw(st.integers(0, size // 2))
    spare = side + 2 * padding - size
    after = (-(-spare // stride) if ceil else spare // stride) + 1
    if ceil and (after - 1) * stride >= side + padding:
        after -= 1
    if draw(st.booleans()):
        how = {"stride": stride, "padding": padding, "ceil_mode": ceil}
        return (lambda: nn.MaxPool2d(size, **how), lambda x: F.max_pool2d(x, size, **how)), width, after
    how = {"stride": stride, "padding": padding, "ceil_mode": ceil, "count_include_pad": draw(st.booleans())}
    return (lambda: nn.AvgPool2d(size, **how), lambda x: F.avg_pool2d(x, size, **how)), width, after


def _head(draw: st.DrawFn, width: int) -> list[Made]:
    cells, classes, hidden = draw(st.sampled_from((1, 1, 2))), draw(st.integers(2, 6)), draw(st.sampled_from((0, 0, 5)))
    pooling: Made = (lambda: nn.AdaptiveAvgPool2d(cells), lambda x: F.adaptive_avg_pool2d(x, cells))
    if draw(st.booleans()):
        pooling = (lambda: nn.AdaptiveMaxPool2d(cells), lambda x: F.adaptive_max_pool2d(x, cells))
    flat: Made = (nn.Flatten, lambda x: torch.flatten(x, 1))
    features = width * cells**2
    if not hidden:
        return [pooling, flat, (lambda: nn.Linear(features, classes), None)]
    return [
        pooling, flat, (lambda: nn.Linear(features, hidden), None), (nn.ReLU, F.relu),
        (nn.Dropout, lambda x: F.dropout(x, training=False)), (lambda: nn.Linear(hidden, classes), None),
    ]  # fmt: skip
