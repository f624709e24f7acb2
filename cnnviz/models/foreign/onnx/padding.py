"""Strides and pads of a window, as torch's layers have them: numbers, by the size of the map, or a step before."""

from __future__ import annotations

import math
from typing import Any

from cnnviz.models.foreign.onnx import names
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import text, wholes
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Known, Live


def strides(t: Trace, node: Node, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Stride and dilation."""
    stride, dilation = wholes(node, "strides", (1,) * rank), wholes(node, "dilations", (1,) * rank)
    if len(stride) != rank or len(dilation) != rank or min(*stride, *dilation) < 1:
        raise t.refuse("an impossible stride")
    return stride, dilation


def padded(
    t: Trace,
    node: Node,
    x: Known,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    value: float,
) -> tuple[Known, tuple[int, ...]]:
    """The input and the padding of a layer; where torch's layer has no such padding, a padded input and none."""
    rank = len(size)
    auto = text(node, "auto_pad", "NOTSET")
    if auto == "NOTSET" and _same_class(node) and not _before(t, x) and _covers(t, node, x, size, stride, dilation):
        auto = "SAME_UPPER"  # which the example's size has made numbers of
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = [
            _same(t, t.live(x), at + 2, k, s, d, auto)
            for at, (k, s, d) in enumerate(zip(size, stride, dilation, strict=True))
        ]
    elif auto in ("NOTSET", "VALID"):
        found = wholes(node, "pads", (0,) * 2 * rank) if auto == "NOTSET" else (0,) * 2 * rank
        if len(found) != 2 * rank or min(found) < 0:
            raise t.refuse("impossible pads")
        pads = list(zip(found[:rank], found[rank:], strict=True))
    else:
        raise t.refuse(f"auto_pad {auto[:20]}")
    most = [k // 2 for k in size] if node.op.endswith("Pool") else [math.inf] * rank
    if all(isinstance(low, int) and low == high and low <= k for (low, high), k in zip(pads, most, strict=True)):
        return x, tuple(low for low, _ in pads)
    both = tuple(one for pair in reversed(pads) for one in pair)  # torch names the last dimension first
    return t.emit("aten.constant_pad_nd.default", x, both, value), (0,) * rank


def uneven(
    t: Trace, node: Node, x: Known, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> bool:
    """Whether the pads are those of torch's padding "same" with a kernel of even size, one more behind than before."""
    pads = wholes(node, "pads")
    return pads[: len(size)] != pads[len(size) :] and _covers(t, node, x, size, stride, dilation)


def _same_class(node: Node) -> bool:
    """Whether a layer is one of timm's that pad as TensorFlow does, by the size of the map."""
    return names.module(node).endswith("Same")


def _before(t: Trace, x: Known) -> bool:
    """Whether what a layer takes has been padded already, which `foreign.sizes` makes one by the size of the map."""
    made = t.makers.get(x.name) if isinstance(x, Live) else None
    return made is not None and made.op == "aten.constant_pad_nd.default"


def outside(node: Node) -> bool:
    """Whether a pool's padding is a step before it, and its windows know of none."""
    return _same_class(node) and not any(wholes(node, "pads")) and text(node, "auto_pad", "NOTSET") == "NOTSET"


def _covers(
    t: Trace, node: Node, x: Known, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> bool:
    """Whether pads are those with which windows, a stride apart, cover the whole map of the example's size."""
    pads, low, high = wholes(node, "pads", (0,) * 2 * len(size)), [], []
    for side, k, s, d in zip(t.live(x).shape[2:], size, stride, dilation, strict=True):
        full = max((-(-side // s) - 1) * s + (k - 1) * d + 1 - side, 0)
        low.append(full // 2)
        high.append(full - full // 2)
    return pads == (*low, *high)


def _same(t: Trace, x: Live, dim: int, size: int, stride: int, dilation: int, auto: str) -> tuple[Any, Any]:
    """The pads at the two ends of a dimension that make the output as long as the input over the stride."""
    reach = (size - 1) * dilation + 1
    if reach == 1 or (stride == 1 and reach % 2):
        return (reach - 1) // 2, (reach - 1) // 2
    if reach < stride:
        raise t.refuse("a stride beyond its kernel")
    length = t.emit("aten.sym_size.int", x, dim)
    count = _whole(t, "floordiv", _whole(t, "add", length, stride - 1), stride)
    total = _whole(t, "sub", _whole(t, "add", _whole(t, "mul", count, stride), reach - stride), length)
    less = _whole(t, "floordiv", total, 2)
    more = _whole(t, "sub", total, less)
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def _whole(t: Trace, op: str, one: Any, other: Any) -> Any:
    """An operation of whole numbers, one of which may be a size of the input."""
    if isinstance(one, int) and isinstance(other, int):
        return {"add": one + other, "sub": one - other, "mul": one * other, "floordiv": one // (other or 1)}[op]
    return t.emit(f"operator.{op}", one, other)
