"""Which pixels each number of a recorded run depends on, by formula: no weight and no activation is read.

For every number the first and last row and column of the input are carried along as tensors of the same shape, which
layout operators (view, permute, cat, slice) move as they move the numbers themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cnnviz.inference.operators import ELEMENTWISE, MOVES, NORMS, STALE, pair
from cnnviz.inference.recording import Operation, Value


@dataclass(frozen=True, eq=False)
class Reach:
    """The pixels that the numbers of one tensor depend on.

    `ends` has the first and the last row, the first and the last column, each broadcast to the tensor's shape; they may
    lie outside the image, in the padding. `jump` is the pixels from one number to the next, down and across. `whole`:
    every number depends on all pixels; `gated`: it is scaled by one that does (squeeze and excitation, group norm).
    """

    ends: tuple[Tensor, ...] = ()
    jump: tuple[float, float] = (1.0, 1.0)
    whole: bool = False
    gated: bool = False


def start(shape: Sequence[int]) -> Reach:
    """The reach of the pixels themselves, (1, C, H, W)."""
    rows = torch.arange(float(shape[2]))[:, None].expand(*shape)
    columns = torch.arange(float(shape[3])).expand(*shape)
    return Reach((rows, rows, columns, columns))


def after(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """The reach of an operator's output of that shape; an operator of an unknown kind may depend on everything."""
    inputs = [known[value] for value in by.inputs]
    gated = any(one.gated for one in inputs)
    if by.name in _PRODUCTS and len({one.whole for one in inputs}) == 2:
        return replace(_met([value for value in by.inputs if not known[value].whole], shape, known), gated=True)
    if by.name in _WINDOWS and not all(one.whole for one in inputs):
        kept = known[_first(by)]
        found = Reach(whole=True) if kept.whole else _window(by, kept, shape)
        return replace(found, gated=gated or len(inputs) > 1)  # weights computed from the input gate it
    if any(one.whole for one in inputs):
        return Reach(whole=True, gated=gated)
    rule = next((rule for names, rule in _RULES if by.name in names), None)
    found = Reach(whole=True) if rule is None else rule(by, which, shape, known)
    return replace(found, gated=gated or found.gated)


def _first(by: Operation) -> Value:
    value = by.given.get("input", by.given.get("self"))
    return value if isinstance(value, Value) else by.inputs[0]


def _window(by: Operation, before: Reach, shape: Sequence[int]) -> Reach:
    """Behind a convolution or pooling; the numbers of all channels are one interval."""
    weight = by.given.get("weight")
    kernel = pair(by.given["kernel_size"]) if weight is None else tuple(weight.shape[2:])
    if len(shape) != 4 or len(kernel) != 2:
        return Reach(whole=True)
    given = by.given.get("stride")
    stride, padding = pair(given or kernel), pair(by.given["padding"])
    dilation = pair(by.given.get("dilation") or 1)
    ends: list[Tensor] = []
    for i, axis in enumerate((2, 3)):
        if (lines := _lines(before, i)) is None:
            return Reach(whole=True)
        at, span = torch.arange(shape[axis]), (kernel[i] - 1) * dilation[i]
        if by.given.get("transposed"):
            first, last = -((span - padding[i] - at) // stride[i]), (at + padding[i]) // stride[i]
        else:
            first, last = at * stride[i] - padding[i], at * stride[i] - padding[i] + span
        for line, reached in zip(lines, (first, last), strict=True):
            ends.append(_broadcast(_beyond(line, reached, before.jump[i]), axis, shape))
    steps = [1 / step if by.given.get("transposed") else step for step in stride]
    return Reach(tuple(ends), (before.jump[0] * steps[0], before.jump[1] * steps[1]))


def _lines(reach: Reach, side: int) -> tuple[Tensor, Tensor] | None:
    """The first and last row (or column, side 1) at each place of maps (1, C, H, W), whatever the channel."""
    first = _line(reach.ends[2 * side], 2 + side, torch.amin)
    last = _line(reach.ends[2 * side + 1], 2 + side, torch.amax)
    return None if first is None or last is None else (first, last)


def _line(ends: Tensor, axis: int, over: Callable[..., Tensor]) -> Tensor | None:
    """The ends along an axis, whatever the channel; None where they change along the other side, too."""
    short = narrow(ends)
    other = 5 - axis
    found = over(short, dim=[0, 1], keepdim=True)  # (N, C, H, W) -> (1, 1, H, W)
    if found.shape[other] > 1 and not torch.equal(found.amin(other), found.amax(other)):
        return None
    return found.select(other, 0).reshape(-1).expand(ends.shape[axis])


def _beyond(line: Tensor, at: Tensor, jump: float) -> Tensor:
    """The ends at some places, also outside of the map, where they go on as they do inside."""
    inside = at.clamp(0, len(line) - 1)
    return line[inside] + (at - inside) * jump


def _broadcast(line: Tensor, axis: int, shape: Sequence[int]) -> Tensor:
    return line.view(*(len(line) if dim == axis else 1 for dim in range(len(shape)))).expand(*shape)


def narrow(ends: Tensor) -> Tensor:
    """Without what is only repeated: sides of stride 0 have length 1."""
    for dim, step in enumerate(ends.stride()):
        if step == 0 and ends.shape[dim] > 1:
            ends = ends.narrow(dim, 0, 1)
    return ends


def _repeated(ends: Tensor) -> Tensor:
    """The same, with sides along which nothing changes stored once."""
    whole = ends.shape
    for dim, side in enumerate(whole):
        if side > 1 and ends.stride(dim) and torch.equal(ends.narrow(dim, 1, side - 1), ends.narrow(dim, 0, side - 1)):
            ends = ends.narrow(dim, 0, 1)
    return ends.expand(whole)


def _moved(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """Behind an operator that only moves numbers: it moves their ends, too."""
    inputs = [known[value] for value in by.inputs]
    ends = []
    for end in range(4):
        given = {name: _ends(value, known, end) for name, value in by.given.items()}
        given.update({key: None for key in ("dtype", "layout", "device", "memory_format") if key in given})
        out = _ran(by, given)
        ends.append(_repeated((out[which] if isinstance(out, (tuple, list)) else out).reshape(shape)))
    before = max(one.jump for one in inputs)
    return Reach(tuple(ends), (_jump(ends[0], before[0]), _jump(ends[2], before[1])))


def _jump(ends: Tensor, before: float) -> float:
    """The pixels from one number to the next along the side of a tensor where they lie; repeated ones share a step."""
    axis, line = along(narrow(ends))
    if len(line) < 2:
        return before
    steps = line.diff()
    return float(line[-1] - line[0] + steps[steps.abs().argmax()]) / ends.shape[axis]


def along(ends: Tensor) -> tuple[int, Tensor]:
    """The dimension in which ends differ most, and those along it."""
    spans = [float((ends.amax(dim) - ends.amin(dim)).max()) for dim in range(ends.ndim)]
    axis = spans.index(max(spans))
    return axis, ends.amin([dim for dim in range(ends.ndim) if dim != axis])


def _ran(by: Operation, given: dict[str, Any]) -> Any:
    if by.name in ("view", "_unsafe_view", "_reshape_alias", "as_strided"):
        return given["self"].reshape(by.given["size"])
    return by.call(**given)


def _ends(value: Any, known: dict[Value, Reach], end: int) -> Any:
    """An argument with the ends of its numbers in place of these; constants depend on nothing."""
    if isinstance(value, tuple):
        return [_ends(one, known, end) for one in value]
    if isinstance(value, Value):
        return known[value].ends[end]
    if isinstance(value, Tensor) and value.is_floating_point():
        return torch.full(value.shape, -math.inf if end % 2 else math.inf)
    return value.cpu() if isinstance(value, Tensor) else value


def _padded(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """Behind padding or cropping: the ends go on outside as they do inside."""
    before = known[_first(by)]
    sides = list[int](by.given["pad" if "pad" in by.given else "padding"])
    if len(shape) != 4 or any(sides[4:]):
        return Reach(whole=True)
    ends: list[Tensor] = []
    for i, axis, first in ((0, 2, sides[2] if len(sides) > 2 else 0), (1, 3, sides[0])):
        if (lines := _lines(before, i)) is None:
            return Reach(whole=True)
        at = torch.arange(shape[axis]) - first
        ends += [_broadcast(_beyond(line, at, before.jump[i]), axis, shape) for line in lines]
    return Reach(tuple(ends), before.jump)


def _joined(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    return _met(by.inputs, shape, known)


def _met(values: Sequence[Value], shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """Where numbers meet at the same place: all that any of them depends on."""
    if any(_cannot_meet(value.shape, shape) for value in values):
        return Reach(whole=True)
    first, *others = (known[value] for value in values)
    ends = [narrow(end) for end in first.ends]
    for other in others:
        both = zip(ends, other.ends, (torch.minimum, torch.maximum) * 2, strict=True)
        ends = [join(one, narrow(end)) for one, end, join in both]
    return Reach(tuple(end.expand(*shape) for end in ends), max([first.jump, *(one.jump for one in others)]))


def _cannot_meet(shape: Sequence[int], out: Sequence[int]) -> bool:
    own = tuple(out)[len(out) - len(shape) :]
    return len(shape) > len(out) or any(side not in (1, wide) for side, wide in zip(shape, own, strict=True))


def _over(by: Operation, dims: list[int], known: dict[Value, Reach], keep: bool) -> Reach:
    """Where numbers along some dimensions become one: it depends on all that they depend on."""
    before = known[_first(by)]
    ends = []
    for end, over in zip(before.ends, (torch.amin, torch.amax) * 2, strict=True):
        shape = [1 if dim in dims else side for dim, side in enumerate(end.shape)]
        one = over(narrow(end), dims, keepdim=True).expand(*shape)
        for dim in () if keep else sorted(dims, reverse=True):
            one = one.select(dim, 0)
        ends.append(one)
    return _local(Reach(tuple(ends), before.jump), before)


def _local(found: Reach, *before: Reach) -> Reach:
    """The same; whole where rows or columns differed before and now are one interval everywhere."""
    for end in range(4):
        if _flat(found.ends[end]) and not all(_flat(one.ends[end]) for one in before):
            return Reach(whole=True)
    return found


def _flat(ends: Tensor) -> bool:
    short = narrow(ends)
    return bool(short.min() == short.max())


def _dims(by: Operation, value: Value) -> list[int]:
    dims = by.given.get("dim")
    listed = range(len(value.shape)) if dims is None or dims == () else dims if isinstance(dims, tuple) else (dims,)
    return sorted({dim % len(value.shape) for dim in listed})


def _reduced(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    value = _first(by)
    found = _over(by, _dims(by, value), known, keep=bool(by.given.get("keepdim")))
    return found if found.whole or tuple(found.ends[0].shape) == tuple(shape) else Reach(whole=True)


def _softmax(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    found = _over(by, _dims(by, _first(by)), known, keep=True)
    return replace(found, ends=tuple(end.expand(*shape) for end in found.ends))


def _normed(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """Behind a norm: by statistics of the training images the same; by those of the photo itself gated by them."""
    before = known[_first(by)]
    if by.name == "native_layer_norm":
        dims = list(range(len(shape) - len(by.given["normalized_shape"]), len(shape)))
        over = _over(by, dims, known, keep=True)
        return before if not over.whole else replace(before, gated=True)
    own = by.name == "native_group_norm" or by.given.get("running_mean") is None or by.given.get("training")
    return replace(before, gated=bool(before.gated or own))


def _product(by: Operation, which: int, shape: Sequence[int], known: dict[Value, Reach]) -> Reach:
    """Behind a matrix product: a number depends on a row of the left and a column of the right."""
    names = ("mat1", "mat2") if by.name == "addmm" else ("self", "mat2")
    factors = [(by.given[name], dim) for name, dim in zip(names, (-1, -2), strict=True)]
    parts = [(known[value], dim) for value, dim in factors if isinstance(value, Value)]
    ends: list[Tensor] = []
    for end, over, join in zip(range(4), (torch.amin, torch.amax) * 2, (torch.minimum, torch.maximum) * 2, strict=True):
        met = [over(narrow(part.ends[end]), dim, keepdim=True) for part, dim in parts]
        ends.append((met[0] if len(met) == 1 else join(*met)).expand(*shape))
    reaches = [part for part, _ in parts]
    return _local(Reach(tuple(ends), max(part.jump for part in reaches)), *reaches)


Rule = Callable[[Operation, int, Sequence[int], dict[Value, Reach]], Reach]
_PRODUCTS = ("mul", "div")
_WINDOWS = ("convolution", "max_pool2d_with_indices", "avg_pool2d")
_PADS = ("constant_pad_nd", "reflection_pad2d", "replication_pad2d")
_RULES: tuple[tuple[Sequence[str], Rule], ...] = (
    (_PADS, _padded),
    ((*MOVES, STALE), _moved),
    (("mean", "sum", "amax", "max", "amin", "var", "prod", "norm", "linalg_vector_norm"), _reduced),
    (("_softmax", "_log_softmax"), _softmax),
    (NORMS, _normed),
    (("addmm", "mm", "bmm"), _product),
    ((*ELEMENTWISE, "add", "sub", "rsub", "mul", "div", "pow", "_prelu_kernel", "maximum", "minimum", "where", "gt",
      "lt", "ge", "le", "eq", "ne", "addcmul", "addcdiv", "lerp", "lift", "logical_not", "native_dropout"), _joined),
)  # fmt: skip
