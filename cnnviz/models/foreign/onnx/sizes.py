"""ONNX's operators on shapes, which are worked out while the file is read, and its change of a map's size."""

from __future__ import annotations

import math
from typing import Any

import torch

from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import number, rule, text, whole, wholes
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Fixed, Known, Live

NUMBERS = 1 << 20  # of a tensor that is made from nothing
NEAREST = ("asymmetric", "floor")
HALF = ("half_pixel", "pytorch_half_pixel")


@rule("Shape", attributes="start end")
def shape(t: Trace, node: Node, x: Known) -> Any:
    """The dimensions of a tensor, for both batches."""
    start, end = whole(node, "start", 0), node.attributes.get("end")
    part = slice(start, end if isinstance(end, int) else None)
    if isinstance(x, Constant):
        second = None if x.second is None else torch.tensor(tuple(x.second.shape)[part])
        return Constant(torch.tensor(tuple(x.tensor.shape)[part]), "", second)
    second = None if x.second is None else torch.tensor(x.other[part], dtype=torch.int64)
    return Constant(torch.tensor(x.shape[part], dtype=torch.int64), "", second)


@rule("Size")
def size(t: Trace, node: Node, x: Known) -> Any:
    """How many numbers a tensor has."""
    if isinstance(x, Constant):
        return Constant(torch.tensor(x.tensor.numel()))
    second = None if x.second is None else torch.tensor(math.prod(x.other))
    return Constant(torch.tensor(math.prod(x.shape)), "", second)


@rule("ConstantOfShape", attributes="value")
def constant_of_shape(t: Trace, node: Node, shape: Known) -> Any:
    """The same number everywhere."""
    value = node.attributes.get("value", torch.zeros(1))
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise t.refuse("several values")
    return _made(t, shape, lambda sizes: value.reshape(()).expand(_checked(t, sizes)).clone())


@rule("Range", inputs=(3, 3))
def counted(t: Trace, node: Node, start: Known, limit: Known, delta: Known) -> Any:
    """Whole numbers in a row."""
    first, step = t.ints(start, "start"), t.ints(delta, "step")
    if len(first) != 1 or len(step) != 1 or step[0] == 0:
        raise t.refuse("an impossible step")

    def made(ends: tuple[int, ...]) -> torch.Tensor:
        _checked(t, (max(0, math.ceil((ends[0] - first[0]) / step[0])),))
        return torch.arange(first[0], ends[0], step[0]) if (ends[0] - first[0]) / step[0] > 0 else torch.empty(0).long()

    return _made(t, limit, made)


@rule("Tile", inputs=(2, 2))
def tile(t: Trace, node: Node, x: Known, repeats: Known) -> Any:
    """A constant several times side by side."""
    found, times = t.constant(x, "numbers"), t.ints(repeats, "repeats")
    if len(times) != found.tensor.ndim:
        raise t.refuse("repeats that do not fit")
    _checked(t, tuple(one * more for one, more in zip(found.tensor.shape, times, strict=True)))
    return t.folded(lambda one: one.repeat(times), found)


@rule("Upsample", inputs=(1, 2), attributes="mode scales")
def upsample(t: Trace, node: Node, x: Known, scales: Known | None) -> Any:
    """A larger map, as files before 2019 say it."""
    factors = _scales(t, node, scales) if scales is not None else node.attributes.get("scales", ())
    if text(node, "mode", "nearest") != "nearest":
        raise t.refuse("another mode than nearest")
    return _resized(t, node, x, factors, None, "nearest", NEAREST)


@rule(
    "Resize",
    inputs=(1, 4),
    attributes="antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode",
)
def resize(t: Trace, node: Node, x: Known, roi: Known | None, scales: Known | None, sizes: Known | None) -> Any:
    """A map of another size, in the ways that torch has exactly."""
    if t.graph.opset < 11:
        if text(node, "mode", "nearest") != "nearest":
            raise t.refuse("another mode than nearest")
        return _resized(t, node, x, _scales(t, node, roi), None, "nearest", NEAREST)
    odd = whole(node, "antialias", 0) or whole(node, "exclude_outside", 0) or wholes(node, "axes")
    if odd or text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise t.refuse("antialiasing or axes of its own")
    way = text(node, "coordinate_transformation_mode", "half_pixel")
    mode, nearest = text(node, "mode", "nearest"), text(node, "nearest_mode", "round_prefer_floor")
    if mode == "cubic" and abs(number(node, "cubic_coeff_a", -0.75) + 0.75) > 1e-6:
        raise t.refuse("another cubic curve than torch's")
    factors = _scales(t, node, scales) if scales is not None else ()
    wanted = t.constant(sizes, "sizes") if sizes is not None else None
    return _resized(t, node, x, factors, wanted, mode, (way, nearest))


def _resized(
    t: Trace, node: Node, x: Known, factors: Any, wanted: Constant | None, mode: str, way: tuple[str, str]
) -> Any:
    live = t.live(x)
    if len(live.shape) != 4 or len(factors) not in (0, 4) or (factors and tuple(factors[:2]) != (1.0, 1.0)):
        raise t.refuse("other dimensions than height and width")
    size, scale = None, tuple(float(one) for one in factors[2:]) or None
    if wanted is not None and not scale:
        size, scale = _extents(t, live, wanted)
    if size is None and scale is None:
        raise t.refuse("neither scales nor sizes")
    if scale and not all(0 < one <= 64 for one in scale):
        raise t.refuse("an impossible scale")
    if mode == "nearest" and _nearest(live, size, scale, way):
        return t.emit("aten.upsample_nearest2d.vec", x, size, scale)
    if mode in ("linear", "cubic") and way[0] in (*HALF, "align_corners"):
        op = "bilinear" if mode == "linear" else "bicubic"
        return t.emit(f"aten.upsample_{op}2d.vec", x, size, way[0] == "align_corners", scale)
    raise t.refuse(f"the mode {mode[:20]}, {way[0][:30]}, {way[1][:20]}")


def _nearest(x: Live, size: Any, scale: Any, way: tuple[str, str]) -> bool:
    """Whether torch takes the same neighbours: everywhere for floor, else only where a map grows by whole numbers."""
    if way == NEAREST:
        return True
    if size is not None:
        return False
    grown = all(one == int(one) and one >= 1 for one in scale)
    if way[0] in HALF:
        return grown and way[1] in ("round_prefer_floor", "round_prefer_ceil")
    return way == ("asymmetric", "round_prefer_floor") and set(scale) <= {1.0, 2.0}


def _extents(t: Trace, x: Live, wanted: Constant) -> tuple[Any, Any]:
    """Height and width, or the whole numbers that they are of those there are."""
    first = t.ints(Constant(wanted.tensor), "sizes")
    second = first if wanted.second is None else t.ints(Constant(wanted.second), "sizes")
    if len(first) != 4 or len(second) != 4 or first[1] != x.shape[1]:
        raise t.refuse("other dimensions than height and width")
    factors = [new / old for new, old in zip((*first[2:], *second[2:]), (*x.shape[2:], *x.other[2:]), strict=True)]
    whole_numbers = all(one >= 1 and one == int(one) for one in factors)
    if whole_numbers and (factors[:2] == factors[2:] or wanted.second is None):
        return None, tuple(factors[:2])
    if wanted.second is None and x.other != x.shape:
        t.fix()
    return tuple(t.extent(*pair) for pair in zip(first[2:], second[2:], strict=True)), None


def _scales(t: Trace, node: Node, value: Known | None) -> tuple[float, ...]:
    found = t.constant(value, "scales")
    if found.second is not None and not torch.equal(found.tensor, found.second):
        raise Fixed
    if found.tensor.numel() > 8:
        raise t.refuse("too many scales")
    return tuple(float(one) for one in found.tensor.flatten().tolist())


def _made(t: Trace, sizes: Known, run: Any) -> Constant:
    """A tensor that is made of whole numbers, for both batches."""
    found = t.constant(sizes, "sizes")
    second = None if found.second is None else run(t.ints(Constant(found.second), "sizes"))
    return Constant(run(t.ints(Constant(found.tensor), "sizes")), "", second)


def _checked(t: Trace, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if min(sizes, default=0) < 0 or len(sizes) > 8 or math.prod(sizes) > NUMBERS:
        raise t.refuse(f"more than {NUMBERS} numbers")
    return sizes
