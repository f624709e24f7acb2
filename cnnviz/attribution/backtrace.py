"""The way back from a number in a feature map to the convolution it came from, and forward again in figures."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from cnnviz.inference.tap import LayerError
from cnnviz.options import RequestError

Place = tuple[int, int, int]  # channel, y, x
Forward = Callable[[float, float], tuple[str, float, float]]  # value, size of what was summed -> words and both after


@dataclass
class Walk:
    """The way back from a number to its convolution; `trail` gathers how to go forward again, last step first."""

    parts: Mapping[str, nn.Module]
    values: Mapping[fx.Node, Tensor]
    trail: list[tuple[str, str, Forward]]

    def back(self, node: fx.Node, at: Place) -> tuple[fx.Node, Place]:
        """The convolution that a number of a node's output comes from, and the place in its output."""
        while True:
            part = self.parts.get(str(node.target)) if node.op == "call_module" else None
            if isinstance(part, nn.Conv2d):
                return node, at
            if node.op == "placeholder":
                raise RequestError("This value is a pixel of the photo; choose a layer after a convolution.")
            node, at = self._through(node, part, at)

    def _through(self, node: fx.Node, part: nn.Module | None, at: Place) -> tuple[fx.Node, Place]:
        """One node back, adding to the trail how it is gone forward."""
        name = str(node.target) if part is not None else getattr(node.target, "__name__", str(node.target))
        kind = type(part).__name__ if part is not None else name
        before = node.all_input_nodes[0] if node.all_input_nodes else None
        if isinstance(part, (nn.Dropout, nn.Identity)) or name in ("dropout", "contiguous", "clone"):
            return _known(before), at
        if isinstance(part, nn.BatchNorm2d):
            self.trail.append((name, kind, _batch_norm(part, at[0])))
            return _known(before), at
        if isinstance(part, _ELEMENTWISE) or name in _FUNCTIONS:
            self.trail.append((name, kind, _activation(node, part, name)))
            return _known(before), at
        if node.target in (operator.add, operator.iadd, torch.add) or name in ("add", "add_"):
            return self._sum(node, name, at)
        if node.target in (operator.mul, operator.imul, torch.mul) or name in ("mul", "mul_"):
            return self._product(node, name, at)
        if node.target in (torch.cat, torch.concat):
            return self._parts(node, at)
        if isinstance(part, nn.AdaptiveAvgPool2d):
            maps = self.values[_known(before)][0, at[0]]
            sides = zip(at[1:], maps.shape, self.values[node].shape[2:], strict=True)
            ys, xs = (list(range(i * n // out, -(-(i + 1) * n // out))) for i, n, out in sides)
            return self._average(node, name, at, ys, xs, len(ys) * len(xs))
        if isinstance(part, (nn.MaxPool2d, nn.AvgPool2d)) or name in ("max_pool2d", "avg_pool2d"):
            return self._pool(node, part, name, at)
        raise RequestError(f"The arithmetic of {kind} cannot be spelled out; choose the layer before it.")

    def _sum(self, node: fx.Node, name: str, at: Place) -> tuple[fx.Node, Place]:
        """Through an addition along its first branch that leads to a convolution; the other is a number."""
        main, other = (arg if isinstance(arg, fx.Node) else None for arg in node.args[:2])
        if main is None or other is None:
            raise RequestError("This layer adds a constant, whose arithmetic cannot be spelled out.")
        extra = float(self._at(other, at))

        def go(value: float, size: float) -> tuple[str, float, float]:
            return f"skip connection {extra:+.6g}", value + extra, size + abs(extra)

        self.trail.append((name, "addition", go))
        return main, at

    def _product(self, node: fx.Node, name: str, at: Place) -> tuple[fx.Node, Place]:
        """Through a product of a map with its gate (squeeze and excitation)."""
        nodes = [arg for arg in node.args[:2] if isinstance(arg, fx.Node)]
        maps = sorted(nodes, key=lambda n: -self.values[n].numel())
        if len(nodes) < 2:
            factor = next(float(arg) for arg in node.args[:2] if isinstance(arg, (int, float)))
        else:
            factor = float(self._at(maps[1], at))

        def go(value: float, size: float) -> tuple[str, float, float]:
            return f"times gate {factor:.6g}", value * factor, size * abs(factor)

        self.trail.append((name, "gate", go))
        return maps[0], at

    def _parts(self, node: fx.Node, at: Place) -> tuple[fx.Node, Place]:
        """Through a concatenation: to the branch that has the channel."""
        channel = at[0]
        listed = node.args[0]
        for branch in listed if isinstance(listed, (list, tuple)) else ():
            assert isinstance(branch, fx.Node)  # what is concatenated was computed
            count = self.values[branch].shape[1]
            if channel < count:
                return branch, (channel, at[1], at[2])
            channel -= count
        raise LayerError("The channel lies outside of what is concatenated.")

    def _pool(self, node: fx.Node, part: nn.Module | None, name: str, at: Place) -> tuple[fx.Node, Place]:
        """Through a pooling window: to its largest number, with the others as one number where they count too."""
        how = {**_DEFAULTS, **(vars(part) if part is not None else dict(node.kwargs))}
        if part is None:
            how.update(zip(("kernel_size", "stride", "padding"), node.args[1:], strict=False))
        kernel, padding = _pair(how["kernel_size"]), _pair(how["padding"])
        stride = _pair(how["stride"]) if how["stride"] else kernel
        dilation = _pair(how["dilation"])
        before = _known(node.all_input_nodes[0])
        maps = self.values[before][0, at[0]]  # (H, W)
        ys, xs = (
            [p for k in range(kernel[i]) if 0 <= (p := at[i + 1] * stride[i] - padding[i] + k * dilation[i]) < side]
            for i, side in enumerate(maps.shape)
        )
        if isinstance(part, nn.MaxPool2d) or name == "max_pool2d":
            count, y, x = _largest(maps, ys, xs)
            self.trail.append((name, "max pool", lambda value, size: (f"largest of {count}", value, size)))
            return before, (at[0], y, x)
        count = kernel[0] * kernel[1] if how.get("count_include_pad", True) else len(ys) * len(xs)
        return self._average(node, name, at, ys, xs, how.get("divisor_override") or count)

    def _average(
        self, node: fx.Node, name: str, at: Place, ys: list[int], xs: list[int], divisor: int
    ) -> tuple[fx.Node, Place]:
        """Through the mean of some rows and columns: to the largest number in size, the others being one number."""
        before = _known(node.all_input_nodes[0])
        maps = self.values[before][0, at[0]]  # (H, W)
        count, y, x = _largest(maps.abs(), ys, xs)
        window = maps[ys][:, xs].cpu().double()
        rest, reach = float(window.sum() - maps[y, x].cpu().double()), float(window.abs().sum())

        def go(value: float, size: float) -> tuple[str, float, float]:
            words = f"with the {count - 1} others of the window {rest:+.6g}, divided by {divisor}"
            return words, (value + rest) / divisor, (size + reach) / divisor

        self.trail.append((name, "average pool", go))
        return before, (at[0], y, x)

    def _at(self, node: fx.Node, at: Place) -> Tensor:
        """The number of another branch at a place; a 1 x 1 gate has one for all places."""
        values = self.values[node]
        return values[0, at[0], min(at[1], values.shape[2] - 1), min(at[2], values.shape[3] - 1)]


def _largest(maps: Tensor, ys: list[int], xs: list[int]) -> tuple[int, int, int]:
    """How many numbers some rows and columns of a map have, and where the largest of them is."""
    window = maps[ys][:, xs]
    best = int(window.argmax())
    return window.numel(), ys[best // len(xs)], xs[best % len(xs)]


def _known(node: fx.Node | None) -> fx.Node:
    if node is None:
        raise RequestError("This value comes from no convolution; choose another layer.")
    return node


def _batch_norm(part: nn.BatchNorm2d, channel: int) -> Forward:
    mean, variance = (
        float(t[channel]) if t is not None else d for t, d in ((part.running_mean, 0.0), (part.running_var, 1.0))
    )
    gain = float(part.weight[channel]) if part.affine else 1.0
    shift = float(part.bias[channel]) if part.affine else 0.0

    def go(value: float, size: float) -> tuple[str, float, float]:
        scale = gain / math.sqrt(variance + part.eps)
        words = (
            f"minus mean {mean:.6g}, divided by {math.sqrt(variance + part.eps):.6g}, times {gain:.6g}, {shift:+.6g}"
        )
        return words, (value - mean) * scale + shift, (size + abs(mean)) * abs(scale) + abs(shift)

    return go


def _activation(node: fx.Node, part: nn.Module | None, name: str) -> Forward:
    """An activation, applied to the one number by torch itself."""

    def go(value: float, size: float) -> tuple[str, float, float]:
        one = torch.tensor(value, dtype=torch.float64)
        if part is not None:
            out = float(part(one))
        else:
            rest = tuple(node.args[1:])
            kwargs = {k: v for k, v in node.kwargs.items() if k != "inplace"}
            out = float(_FUNCTIONS[name](one, *rest, **kwargs))
        return f"{value:.6g} becomes {out:.6g}", out, size

    return go


def _pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    return (int(size[0]), int(size[1])) if isinstance(size, tuple) else (int(size), int(size))


_DEFAULTS: dict[str, Any] = {"stride": None, "padding": 0, "dilation": 1}
_ELEMENTWISE = (
    nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.ELU, nn.LeakyReLU,
)  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "relu": torch.relu, "relu_": torch.relu, "relu6": F.relu6, "hardswish": F.hardswish, "silu": F.silu,
    "sigmoid": torch.sigmoid, "hardsigmoid": F.hardsigmoid, "tanh": torch.tanh,
}  # fmt: skip
