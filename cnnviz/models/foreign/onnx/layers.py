"""ONNX's layers with weights, its pools and its norms, as torch has them."""

from __future__ import annotations

import math
from typing import Any

from torch.nn import functional as F

from cnnviz.models.foreign.onnx import adaptive
from cnnviz.models.foreign.onnx.padding import outside, padded, strides, uneven
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import number, rule, text, whole, wholes
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Known, Live

WINDOW = "auto_pad dilations kernel_shape pads strides"


@rule("Conv", inputs=(2, 3), attributes=f"{WINDOW} group")
def conv(t: Trace, node: Node, x: Known, weight: Known, bias: Known | None) -> Any:
    """A convolution over one or two dimensions; pads that differ at the two ends become a step of their own."""
    size = _shape(weight)[2:]
    if len(size) not in (1, 2) or wholes(node, "kernel_shape", size) != size:
        raise t.refuse(f"a kernel of {len(size)} dimensions")
    stride, dilation = strides(t, node, len(size))
    group = whole(node, "group", 1)
    if len(size) == 2 and set(stride) == {1} and uneven(t, node, x, size, stride, dilation):
        return t.emit("aten.conv2d.padding", x, weight, bias, stride, "same", dilation, group)
    x, padding = padded(t, node, x, size, stride, dilation, 0.0)
    return t.emit(f"aten.conv{len(size)}d.default", x, weight, bias, stride, padding, dilation, group)


@rule("ConvTranspose", inputs=(2, 3), attributes=f"{WINDOW} group output_padding")
def conv_transpose(t: Trace, node: Node, x: Known, weight: Known, bias: Known | None) -> Any:
    """A transposed convolution over two dimensions."""
    size = _shape(weight)[2:]
    pads = wholes(node, "pads", (0, 0) * len(size))
    if len(size) != 2 or text(node, "auto_pad", "NOTSET") != "NOTSET" or pads[:2] != pads[2:]:
        raise t.refuse("these pads")
    stride, dilation = strides(t, node, 2)
    extra = wholes(node, "output_padding", (0, 0))
    group = whole(node, "group", 1)
    return t.emit("aten.conv_transpose2d.input", x, weight, bias, stride, pads[:2], extra, group, dilation)


@rule("MaxPool", attributes=f"{WINDOW} ceil_mode storage_order")
def max_pool(t: Trace, node: Node, x: Known) -> Any:
    """The largest value of each window."""
    size, stride, dilation = _pool(t, node)
    if dilation == (1, 1) and (sides := adaptive.sides(t, node, x, size, stride)) is not None:
        return t.emit("aten.adaptive_max_pool2d.default", x, sides)[:1]
    ceil = bool(whole(node, "ceil_mode", 0))
    found, padding = padded(t, node, x, size, stride, dilation, -math.inf)
    if found is not x and ceil and not outside(node):
        raise t.refuse("pads that differ at its two ends")
    made = t.emit("aten.max_pool2d.default", found, size, stride, padding, dilation, ceil)
    return adaptive.noted(t, node, x, size, stride, made)


@rule("AveragePool", attributes=f"{WINDOW} ceil_mode count_include_pad")
def average_pool(t: Trace, node: Node, x: Known) -> Any:
    """The mean of each window."""
    size, stride, dilation = _pool(t, node)
    if dilation != (1, 1):
        raise t.refuse("dilation")
    if (sides := adaptive.sides(t, node, x, size, stride)) is not None:
        return t.emit("aten.adaptive_avg_pool2d.default", x, sides)
    counted, ceil = bool(whole(node, "count_include_pad", 0)), bool(whole(node, "ceil_mode", 0))
    found, padding = padded(t, node, x, size, stride, dilation, 0.0)
    if found is not x and (ceil or not counted) and not outside(node):
        raise t.refuse("pads that differ at its two ends")
    made = t.emit("aten.avg_pool2d.default", found, size, stride, padding, ceil, counted or padding == (0, 0))
    return adaptive.noted(t, node, x, size, stride, made)


@rule("GlobalAveragePool")
def global_average_pool(t: Trace, node: Node, x: Known) -> Any:
    """The mean of each map."""
    if len(t.live(x).shape) == 4:
        return t.emit("aten.adaptive_avg_pool2d.default", x, (1, 1))
    return t.emit("aten.mean.dim", x, tuple(range(2, len(t.live(x).shape))), True)


@rule("GlobalMaxPool")
def global_max_pool(t: Trace, node: Node, x: Known) -> Any:
    """The largest value of each map."""
    return t.emit("aten.amax.default", x, tuple(range(2, len(t.live(x).shape))), True)


@rule("BatchNormalization", inputs=(5, 5), attributes="epsilon momentum spatial training_mode")
def batch_norm(t: Trace, node: Node, x: Known, weight: Known, bias: Known, mean: Known, var: Known) -> Any:
    """Batch norm with the mean and variance of the file."""
    if not whole(node, "spatial", 1):
        raise t.refuse("a mean for each position")
    if whole(node, "training_mode", 0):
        return _standardised(t, node, x, weight, bias)
    eps, momentum = number(node, "epsilon", 1e-5), number(node, "momentum", 0.9)
    return t.emit(
        "aten.batch_norm.default", x, weight, bias, mean, var, False, _short(1 - momentum), _short(eps), False
    )


def _standardised(t: Trace, node: Node, x: Known, weight: Known, bias: Known) -> Constant:
    """Weights with mean and variance of their own, which an exporter has left to be computed."""
    if not isinstance(x, Constant):
        raise t.refuse("the statistics of its batch")
    eps = number(node, "epsilon", 1e-5)
    found: Constant = t.folded(
        lambda one, scale, shift: F.batch_norm(one, None, None, scale, shift, True, 0.0, eps), x, weight, bias
    )
    return found


@rule("InstanceNormalization", inputs=(3, 3), attributes="epsilon")
def instance_norm(t: Trace, node: Node, x: Known, weight: Known, bias: Known) -> Any:
    """Each map by its own mean and variance."""
    eps = _short(number(node, "epsilon", 1e-5))
    return t.emit("aten.instance_norm.default", x, weight, bias, None, None, True, 0.0, eps, False)


@rule("LayerNormalization", inputs=(2, 3), attributes="axis epsilon stash_type")
def layer_norm(t: Trace, node: Node, x: Known, weight: Known, bias: Known | None) -> Any:
    """The last dimensions by their own mean and variance."""
    rank, axis = len(t.live(x).shape), whole(node, "axis", -1)
    size = t.live(x).shape[axis:]
    if not -rank <= axis < rank or _shape(weight) != size:
        raise t.refuse("weights of another shape")
    if t.live(x).other[axis:] != size:
        t.fix()
    return t.emit("aten.layer_norm.default", x, size, weight, bias, _short(number(node, "epsilon", 1e-5)), False)


@rule("GroupNormalization", inputs=(3, 3), attributes="epsilon num_groups stash_type")
def group_norm(t: Trace, node: Node, x: Known, weight: Known, bias: Known) -> Any:
    """Groups of channels by their own mean and variance; before operator set 21 with a weight a group."""
    groups, channels = whole(node, "num_groups", 0), t.live(x).shape[1]
    if groups < 1 or channels % groups:
        raise t.refuse(f"{groups} groups")
    if t.graph.opset < 21:
        weight, bias = (_repeated(t, one, channels // groups) for one in (weight, bias))
    return t.emit("aten.group_norm.default", x, groups, weight, bias, _short(number(node, "epsilon", 1e-5)), False)


@rule("Gemm", inputs=(2, 3), attributes="alpha beta transA transB")
def gemm(t: Trace, node: Node, x: Known, weight: Known, bias: Known | None) -> Any:
    """A linear layer."""
    factors = number(node, "alpha", 1.0), number(node, "beta", 1.0)
    if whole(node, "transA", 0) or len(t.live(x).shape) != 2:
        raise t.refuse("a turned input")
    weight = weight if whole(node, "transB", 0) else _turned(t, weight)
    weight = weight if factors[0] == 1 else t.emit("aten.mul.Tensor", weight, factors[0])
    if bias is not None:
        size = (_shape(weight)[0],)
        if _shape(bias) != size:
            bias = t.folded(lambda one: one.reshape(-1).expand(size).contiguous(), t.constant(bias, "bias"))
        bias = bias if factors[1] == 1 else t.emit("aten.mul.Tensor", bias, factors[1])
    return t.emit("aten.linear.default", x, weight, bias)


@rule("MatMul", inputs=(2, 2))
def matmul(t: Trace, node: Node, x: Known, other: Known) -> Any:
    """A linear layer where the right side is a matrix of the file, else the product of two tensors."""
    if isinstance(x, Live) and isinstance(other, Constant) and other.tensor.ndim == 2:
        return t.emit("aten.linear.default", x, _turned(t, other), None)
    return t.emit("aten.matmul.default", x, other)


def biased(t: Trace, x: Known, bias: Known) -> Known | None:
    """The linear layer that made x with what is added to it as its bias; None where it is no such thing."""
    record = t.maker(x, "aten.linear.default")
    if record is None or not isinstance(bias, Constant) or record.args[2] is not None:
        return None
    size = tuple(record.args[1].tensor.shape[:1])
    if bias.second is not None or bias.tensor.numel() != size[0] or _shape(bias)[-1:] != size:
        return None
    flat = bias if bias.tensor.ndim == 1 else Constant(bias.tensor.reshape(-1), bias.name)
    return t.change(record, 2, flat)


def _turned(t: Trace, weight: Known) -> Constant:
    """A matrix with its dimensions exchanged, under the name it has in the file."""
    found = t.constant(weight, "weight")
    turned = t.folded(lambda one: one.t().contiguous(), found)
    return Constant(turned.tensor, found.name)


def _repeated(t: Trace, value: Known, times: int) -> Known:
    found = t.constant(value, "weight")
    return Constant(t.folded(lambda one: one.repeat_interleave(times), found).tensor, found.name)


def _shape(value: Known | None) -> tuple[int, ...]:
    if isinstance(value, Constant):
        return tuple(value.tensor.shape)
    return value.shape if isinstance(value, Live) else ()


def _short(value: float) -> float:
    """A float32 as it was written: 1e-05 and not 9.999999747378752e-06."""
    return float(f"{value:.7g}")


def _pool(t: Trace, node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Size, stride and dilation of a window of two dimensions; others are refused."""
    size = wholes(node, "kernel_shape")
    if len(size) != 2:
        raise t.refuse(f"a window of {len(size)} dimensions")
    return (size, *strides(t, node, 2))
