"""ONNX's reshape, said so that it fits other sizes of the input.

A file says (1, 512), and means that all dimensions behind the batch become one. Dimensions of the old and the new shape
that correspond are found from the start, and each group is joined or divided on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx import fuse
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import rule, whole
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Fixed, Known, Live, Record

Group = tuple[tuple[int, ...], tuple[int, ...]]


@rule("Reshape", inputs=(2, 2), attributes="allowzero")
def reshape(t: Trace, node: Node, x: Known, shape: Known) -> Any:
    """Another shape, said so that it fits other sizes of the input."""
    wanted = t.constant(shape, "shape")
    if isinstance(x, Constant):
        return _folded_reshape(t, node, x, wanted)
    target = _target(t, node, x.shape, wanted.tensor)
    other = None if x.second is None or wanted.second is None else _other(t, node, x.other, wanted.second)
    if (norm := fuse.group_norm(t, x, target)) is not None:
        return norm
    before = t.mark()
    try:
        found = _grouped(t, x, target)
        if other is None and t.still and len(t.records) > before[0] and not _plain(t, t.records[-1]):
            t.back(before)  # as numbers, which `foreign.sizes` reads for other sides than these
            return t.emit("aten.reshape.default", x, tuple(map(t.extent, found.shape, found.other)))
        if other is None or found.other == other:
            return found
    except Fixed:
        pass
    t.back(before)
    if other is None:
        t.fix()
        return t.emit("aten.reshape.default", x, target)
    return t.emit("aten.reshape.default", x, tuple(t.extent(*pair) for pair in zip(target, other, strict=True)))


def _grouped(t: Trace, x: Live, target: tuple[int, ...]) -> Live:
    """A shape that is had by joining some dimensions and dividing others."""
    found, at = x, len(x.shape)
    for old, new in reversed(list(groups(x.shape, target))):
        at -= len(old)
        found = _regrouped(t, found, at, old, new)
    return found


def groups(old: tuple[int, ...], new: tuple[int, ...]) -> Iterator[Group]:
    """Two shapes of as many numbers cut into the fewest dimensions that correspond: (2, 6, 4) and (2, 24) are two."""
    i = j = 0
    while i < len(old) or j < len(new):
        first, second = i, j
        one = other = 1
        while True:
            if one <= other and i < len(old) and (one < other or i == first):
                one *= old[i]
                i += 1
            elif j < len(new) and (other < one or j == second):
                other *= new[j]
                j += 1
            else:
                break
        if (i == len(old)) != (j == len(new)) and {*old[i:], *new[j:]} == {1}:
            i, j = len(old), len(new)  # ones at the end belong to what comes before them
        yield old[first:i], new[second:j]


def _folded_reshape(t: Trace, node: Node, x: Constant, wanted: Constant) -> Any:
    first = _target(t, node, tuple(x.tensor.shape), wanted.tensor)
    if x.second is None and wanted.second is None:
        return Constant(x.tensor.reshape(first), x.name)
    second = x.tensor if x.second is None else x.second
    target = wanted.tensor if wanted.second is None else wanted.second
    return Constant(x.tensor.reshape(first), x.name, second.reshape(_target(t, node, tuple(second.shape), target)))


def _target(t: Trace, node: Node, old: tuple[int, ...], wanted: torch.Tensor) -> tuple[int, ...]:
    """The shape that is meant: 0 is the dimension as it was, -1 whatever is left."""
    said = t.ints(Constant(wanted), "shape")
    if 0 in said and not whole(node, "allowzero", 0):
        said = tuple(old[at] if one == 0 and at < len(old) else one for at, one in enumerate(said))
    try:
        return tuple(torch.empty(old, device="meta").reshape(said).shape)
    except RuntimeError:
        raise t.refuse("a shape of another number of elements") from None


def _plain(t: Trace, record: Record) -> bool:
    """Whether a step flattens what is behind the batch, and so has no batch among what becomes one."""
    return record.op == "aten.flatten.using_ints" and record.args[0].shape[0] == t.input.shape[0]


def _other(t: Trace, node: Node, old: tuple[int, ...], wanted: torch.Tensor) -> tuple[int, ...]:
    """The shape that is meant for the second batch."""
    try:
        return _target(t, node, old, wanted)
    except ForeignError:
        raise Fixed from None


def _regrouped(t: Trace, x: Any, at: int, old: tuple[int, ...], new: tuple[int, ...]) -> Any:
    """Some of a tensor's dimensions in another shape."""
    if old == new:
        return x
    follows = [x.other[at + k] != size for k, size in enumerate(old)]
    if len(new) == 1 and old:
        return t.emit("aten.flatten.using_ints", x, at, at + len(old) - 1)
    if len(old) == 1:
        return t.emit("aten.unflatten.int", x, at, (-1, *new[1:]) if follows[0] else new)
    if not old:
        return t.emit("aten.unsqueeze.default", x, at)
    if not new:
        return t.emit("aten.squeeze.dims", x, tuple(range(at, at + len(old))))
    if len(new) == 2 and not follows[0] and old[0] % new[0] == 0:  # as group norm is written out
        divided = t.emit("aten.unflatten.int", x, at, (new[0], old[0] // new[0]))
        return t.emit("aten.flatten.using_ints", divided, at + 1, at + len(old))
    if any(follows):
        t.fix()
    before = [t.emit("aten.sym_size.int", x, k) for k in range(at)]
    after = [t.emit("aten.sym_size.int", x, k) for k in range(at + len(old), len(x.shape))]
    return t.emit("aten.reshape.default", x, (*before, *new, *after))
