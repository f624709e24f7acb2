"""ONNX's operators on numbers one by one, and its sums and means, as torch has them."""

from __future__ import annotations

import math
from typing import Any

from cnnviz.models.foreign.onnx import adaptive, fuse
from cnnviz.models.foreign.onnx.layers import biased
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import MANY, number, rule, text, whole, wholes
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Known, Live

PLAIN = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSwish": "hardswish",
    "Mish": "mish",
    "Softplus": "softplus",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Neg": "neg",
    "Abs": "abs",
    "Reciprocal": "reciprocal",
    "Floor": "floor",
    "Ceil": "ceil",
    "Sign": "sign",
    "Not": "logical_not",
}
SEVERAL = {"Sum": "add.Tensor", "Max": "maximum.default", "Min": "minimum.default"}
COMPARED = {"Equal": "eq", "Greater": "gt", "GreaterOrEqual": "ge", "Less": "lt", "LessOrEqual": "le"}
REDUCED = {
    "ReduceMean": "mean.dim",
    "ReduceSum": "sum.dim_IntList",
    "ReduceMax": "amax.default",
    "ReduceMin": "amin.default",
}


@rule(*PLAIN)
def plain(t: Trace, node: Node, x: Known) -> Any:
    """An operator of one tensor and nothing else."""
    return t.emit(f"aten.{PLAIN[node.op]}.default", x)


@rule("LeakyRelu", attributes="alpha")
def leaky_relu(t: Trace, node: Node, x: Known) -> Any:
    """Leaky ReLU."""
    return t.emit("aten.leaky_relu.default", x, short(number(node, "alpha", 0.01)))


@rule("Elu", "Celu", attributes="alpha")
def elu(t: Trace, node: Node, x: Known) -> Any:
    """ELU and CELU."""
    return t.emit(f"aten.{node.op.lower()}.default", x, short(number(node, "alpha", 1.0)))


@rule("Selu", attributes="alpha gamma")
def selu(t: Trace, node: Node, x: Known) -> Any:
    """SELU with the constants it was published with."""
    if abs(number(node, "alpha", 1.67326) - 1.67326) > 1e-5 or abs(number(node, "gamma", 1.0507) - 1.0507) > 1e-5:
        raise t.refuse("constants of its own")
    return t.emit("aten.selu.default", x)


@rule("Swish", attributes="alpha")
def swish(t: Trace, node: Node, x: Known) -> Any:
    """SiLU."""
    if number(node, "alpha", 1.0) != 1:
        raise t.refuse("a factor")
    return t.emit("aten.silu.default", x)


@rule("Gelu", attributes="approximate")
def gelu(t: Trace, node: Node, x: Known) -> Any:
    """GELU."""
    return t.emit("aten.gelu.default", x, text(node, "approximate", "none"))


@rule("PRelu", inputs=(2, 2))
def prelu(t: Trace, node: Node, x: Known, slope: Known) -> Any:
    """ReLU with a slope a channel."""
    found = t.constant(slope, "slope")
    size = found.tensor.numel()
    if size not in (1, t.live(x).shape[1]) or (size > 1 and max(found.tensor.shape[:1]) != size):
        raise t.refuse("a slope for each position")
    return t.emit("aten.prelu.default", x, Constant(found.tensor.reshape(-1), found.name))


@rule("HardSigmoid", attributes="alpha beta")
def hard_sigmoid(t: Trace, node: Node, x: Known) -> Any:
    """A line from 0 to 1."""
    slope, middle = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    if abs(slope - 1 / 6) < 1e-6 and middle == 0.5:
        return t.emit("aten.hardsigmoid.default", x)
    line = t.emit("aten.add.Tensor", t.emit("aten.mul.Tensor", x, short(slope)), short(middle))
    return t.emit("aten.clamp.default", line, 0.0, 1.0)


@rule("Clip", inputs=(1, 3), attributes="min max")
def clip(t: Trace, node: Node, x: Known, low: Known | None, high: Known | None) -> Any:
    """Numbers held between two."""
    ends = [_end(t, node, "min", low), _end(t, node, "max", high)]
    if ends == [0.0, 6.0] and isinstance(x, Live):
        return t.emit("aten.hardtanh.default", x, 0.0, 6.0)
    if ends == [0.0, None]:
        return t.emit("aten.relu.default", x)
    return x if ends == [None, None] else t.emit("aten.clamp.default", x, *ends)


@rule("Softmax", "LogSoftmax", attributes="axis")
def softmax(t: Trace, node: Node, x: Known) -> Any:
    """Softmax along one dimension; before operator set 13 along all from one on."""
    rank = len(t.live(x).shape)
    axis = whole(node, "axis", -1 if t.graph.opset >= 13 else 1)
    if t.graph.opset < 13 and set(t.live(x).shape[axis:][1:]) - {1}:
        raise t.refuse("several dimensions")
    return t.emit(f"aten.{'log_' if node.op[0] == 'L' else ''}softmax.int", x, axis % rank, None)


@rule("Add", inputs=(2, 2))
def add(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A sum; of a linear layer and a row of the file it is that layer's bias."""
    for one, two in ((x, other), (other, x)):
        if (found := biased(t, one, two) or fuse.affine(t, one, two, "bias")) is not None:
            return found
    return _both(t, "aten.add.Tensor", x, other)


@rule("Mul", inputs=(2, 2))
def mul(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A product; some are activations, written out."""
    for one, two in ((x, other), (other, x)):
        if (found := fuse.activation(t, one, two) or fuse.affine(t, one, two, "weight")) is not None:
            return found
    return _both(t, "aten.mul.Tensor", x, other)


@rule("Sub", inputs=(2, 2))
def sub(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A difference."""
    return t.emit("aten.sub.Tensor", x, _scalar(x, other))


@rule("Div", inputs=(2, 2))
def div(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A quotient, of whole numbers a whole one."""
    if isinstance(x, Constant) and not x.tensor.is_floating_point():
        return t.emit("aten.div.Tensor_mode", x, t.constant(other, "divisor"), "trunc")
    gate = fuse.hard_swish(t, x, other)
    if gate is None and isinstance(other, Constant) and other.second is None:
        gate = adaptive.averaged(t, x, other)
    return gate if gate is not None else t.emit("aten.div.Tensor", x, _scalar(x, other))


@rule("Pow", inputs=(2, 2))
def power(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A power with the same exponent everywhere."""
    exponent = t.constant(other, "exponent")
    if exponent.tensor.numel() != 1:
        raise t.refuse("several exponents")
    return t.emit("aten.pow.Tensor_Scalar", x, float(exponent.tensor))


@rule("Mod", inputs=(2, 2), attributes="fmod")
def mod(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """The rest of a division, of constants."""
    first, second = t.constant(x, "numbers"), t.constant(other, "divisor")
    if first.tensor.is_floating_point() or whole(node, "fmod", 0) or not bool(second.tensor.all()):
        raise t.refuse("such numbers")
    return t.folded(lambda one, two: one % two, first, second)


@rule(*SEVERAL, "Mean", inputs=(1, MANY))
def several(t: Trace, node: Node, *parts: Known) -> Any:
    """The sum, mean, largest or smallest of several tensors, number by number."""
    found = parts[0]
    for one in parts[1:]:
        found = _both(t, f"aten.{SEVERAL.get(node.op, 'add.Tensor')}", found, one, node.op in ("Sum", "Mean"))
    return t.emit("aten.div.Tensor", found, float(len(parts))) if node.op == "Mean" else found


@rule(*REDUCED, "ReduceL2", "ReduceProd", inputs=(1, 2), attributes="axes keepdims noop_with_empty_axes")
def reduced(t: Trace, node: Node, x: Known, axes: Known | None) -> Any:
    """The mean, sum, largest or smallest of some dimensions."""
    dims = t.ints(axes, "axes") if axes is not None else wholes(node, "axes")
    keep, empty = bool(whole(node, "keepdims", 1)), bool(whole(node, "noop_with_empty_axes", 0))
    if not dims and empty:
        return x
    if node.op == "ReduceProd":
        return t.folded(lambda one: one.prod().reshape((1,) * one.ndim if keep else ()), t.constant(x, "numbers"))
    rank = len(x.shape) if isinstance(x, Live) else x.tensor.ndim
    dims = tuple(sorted(dim % rank for dim in dims)) or tuple(range(rank))
    if node.op == "ReduceL2":
        return t.emit("aten.linalg_vector_norm.default", x, 2, dims, keep, None)
    if node.op == "ReduceMean" and keep and rank == 4 and dims == (2, 3) and isinstance(x, Live):
        return t.emit("aten.adaptive_avg_pool2d.default", x, (1, 1))
    if node.op == "ReduceMean" and not keep and (pool := adaptive.averaged(t, x, dims)) is not None:
        return pool
    more = (None,) if node.op in ("ReduceMean", "ReduceSum") else ()
    return t.emit(f"aten.{REDUCED[node.op]}", x, dims, keep, *more)


@rule(*COMPARED, inputs=(2, 2))
def compared(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """Which numbers are equal, greater or less."""
    return t.emit(f"aten.{COMPARED[node.op]}.Tensor", x, _scalar(x, other))


@rule("And", inputs=(2, 2))
def both(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """Where two tensors are both true."""
    return t.emit("aten.logical_and.default", x, other)


@rule("Where", inputs=(3, 3))
def where(t: Trace, node: Node, condition: Known, x: Known, other: Known) -> Any:
    """One of two tensors, number by number."""
    return t.emit("aten.where.self", condition, x, other)


def short(value: float) -> float:
    """A float32 as it was written: 0.01 and not 0.009999999776482582."""
    return float(f"{value:.7g}")


def _end(t: Trace, node: Node, name: str, value: Known | None) -> float | None:
    """An end of a range; None where it is open."""
    if value is None:
        found = number(node, name, -math.inf if name == "min" else math.inf)
    else:
        tensor = t.constant(value, name).tensor
        if tensor.numel() != 1:
            raise t.refuse(f"several numbers as {name}")
        found = float(tensor)
    return short(found) if abs(found) < 3.4e38 else None


def _both(t: Trace, op: str, x: Known, other: Known, scalar: bool = True) -> Any:
    """An operation that may be turned around, the input's tensor first."""
    if isinstance(x, Constant) and isinstance(other, Live):
        x, other = other, x
    return t.emit(op, x, _scalar(x, other) if scalar else other)


def _scalar(x: Known, other: Known) -> Any:
    """A constant of one number as that number, where it has no more dimensions than what it meets."""
    if not isinstance(other, Constant) or other.second is not None or other.tensor.numel() != 1:
        return other
    if not isinstance(x, Live) or other.tensor.ndim > len(x.shape) or not other.tensor.is_floating_point():
        return other
    return short(float(other.tensor))
