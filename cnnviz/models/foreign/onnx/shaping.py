"""ONNX's operators that move numbers and leave them as they are, as torch has them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from cnnviz.models.foreign.graph import PATH
from cnnviz.models.foreign.onnx import adaptive
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import MANY, rule, text, whole, wholes
from cnnviz.models.foreign.onnx.tensors import dtype
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Known, Live

ALL = 2**62  # an end beyond every dimension


@rule("Identity")
def identity(t: Trace, node: Node, x: Known) -> Any:
    """The same; a tensor of the file is then called as the copy, which has a layer of its own."""
    if isinstance(x, Constant) and PATH.fullmatch(node.outputs[0]):
        return Constant(x.tensor, node.outputs[0], x.second)
    return x


@rule("Dropout", inputs=(1, 3), attributes="ratio seed is_test")
def dropout(t: Trace, node: Node, x: Known, ratio: Known | None, training: Known | None) -> Any:
    """The same, as after training."""
    if training is not None and bool(t.constant(training, "mode").tensor.any()):
        raise t.refuse("its training mode on")
    return x


@rule("Constant", inputs=(0, 0), attributes="value value_int value_ints value_float value_floats")
def constant(t: Trace, node: Node) -> Any:
    """A tensor that stands in the node itself."""
    if len(node.attributes) != 1:
        raise t.refuse("several values")
    ((kind, value),) = node.attributes.items()
    if kind != "value":
        value = torch.tensor(value, dtype=torch.int64 if "int" in kind else torch.float32)
    return Constant(value, node.outputs[0] if node.outputs else "")


@rule("Cast", attributes="to saturate round_mode")
def cast(t: Trace, node: Node, x: Known) -> Any:
    """Another type of number; every floating one is float32 here."""
    kind = dtype(whole(node, "to", 1), node.name)
    kind = torch.float32 if kind.is_floating_point else kind
    if isinstance(x, Live):
        if x.first.dtype == kind:
            return x
        raise t.refuse(f"a conversion to {str(kind).removeprefix('torch.')}")
    return t.folded(lambda one: one.to(kind), x)


@rule("Flatten", attributes="axis")
def flatten(t: Trace, node: Node, x: Known) -> Any:
    """All dimensions from one on as one; those before it are the batch alone."""
    axis, rank = whole(node, "axis", 1), len(t.live(x).shape)
    if axis not in (1, 1 - rank):
        raise t.refuse(f"axis {axis}")
    return x if rank == 2 else t.emit("aten.flatten.using_ints", x, 1)


@rule("Transpose", attributes="perm")
def transpose(t: Trace, node: Node, x: Known) -> Any:
    """The dimensions in another order."""
    rank = len(_dims(x))
    order = wholes(node, "perm", tuple(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise t.refuse("an impossible order")
    if order == tuple(range(rank)):
        return x
    if isinstance(x, Constant):
        return Constant(t.folded(lambda one: one.permute(order).contiguous(), x).tensor, x.name)
    return t.emit("aten.permute.default", x, order)


@rule("Concat", inputs=(1, MANY), attributes="axis")
def concat(t: Trace, node: Node, *parts: Known) -> Any:
    """Several tensors behind one another."""
    axis = whole(node, "axis", 1)
    if len(parts) > 1 and axis > 0:
        parts = tuple(_repeated(t, one, parts) for one in parts)
    return parts[0] if len(parts) == 1 else t.emit("aten.cat.default", tuple(parts), axis)


def _repeated(t: Trace, one: Known, beside: tuple[Known, ...]) -> Any:
    """A row of the file, such as a class token, for each photo of the batch that it is put beside."""
    photos = next((live for live in beside if isinstance(live, Live)), None)
    if photos is None or photos.shape[0] == photos.other[0]:
        return one  # which `foreign.sizes` repeats where it is for a batch
    row = t.narrowed(one, beside)
    if not isinstance(row, Constant) or row.tensor.shape[:1] != (1,):
        return one
    size = t.emit("aten.sym_size.int", photos, 0)
    return t.emit("aten.expand.default", row, (size, *(-1,) * (row.tensor.ndim - 1)))


@rule("Split", inputs=(1, 2), attributes="axis split num_outputs")
def split(t: Trace, node: Node, x: Known, sizes: Known | None) -> Any:
    """A tensor in parts along one dimension."""
    axis = whole(node, "axis", 0)
    length = _dims(x)[axis]
    parts = t.ints(sizes, "sizes") if sizes is not None else wholes(node, "split")
    if not parts:
        count = len(node.outputs)
        each = -(-length // count)
        parts = tuple(min(each, length - at * each) for at in range(count))
        if isinstance(x, Live) and x.other[axis] != length:
            t.fix()
    if sum(parts) != length or min(parts) < 0:
        raise t.refuse("sizes that do not fit")
    return t.emit("aten.split_with_sizes.default", x, parts, axis)


@rule("Squeeze", inputs=(1, 2), attributes="axes")
def squeeze(t: Trace, node: Node, x: Known, axes: Known | None) -> Any:
    """Without dimensions of length 1."""
    dims = t.ints(axes, "axes") if axes is not None else wholes(node, "axes")
    if not dims:
        dims = tuple(at for at, size in enumerate(_dims(x)) if size == 1)
    if any(_dims(x)[dim] != 1 for dim in dims):
        raise t.refuse("a dimension longer than 1")
    if isinstance(x, Live):
        return t.emit("aten.squeeze.dims", x, dims)
    gone = {dim % len(_dims(x)) for dim in dims}
    return t.folded(lambda one: one.reshape([size for at, size in enumerate(one.shape) if at not in gone]), x)


@rule("Unsqueeze", inputs=(1, 2), attributes="axes")
def unsqueeze(t: Trace, node: Node, x: Known, axes: Known | None) -> Any:
    """With new dimensions of length 1."""
    dims = t.ints(axes, "axes") if axes is not None else wholes(node, "axes")
    rank = len(_dims(x)) + len(dims)
    found: Any = x
    for dim in sorted(dim + rank if dim < 0 else dim for dim in dims):
        found = t.emit("aten.unsqueeze.default", found, dim)
    return found


@rule("Slice", inputs=(1, 5), attributes="starts ends axes")
def sliced(
    t: Trace, node: Node, x: Known, starts: Known | None, ends: Known | None, axes: Known | None, steps: Known | None
) -> Any:
    """A part of a tensor."""
    first = t.extents(starts, "start") if starts is not None else wholes(node, "starts")
    last = t.extents(ends, "end") if ends is not None else wholes(node, "ends")
    dims = t.ints(axes, "axes") if axes is not None else wholes(node, "axes", tuple(range(len(first))))
    step = t.ints(steps, "steps") if steps is not None else (1,) * len(first)
    found: Any = x
    for dim, start, end, by in zip(dims, first, last, step, strict=False):
        found = _cut(t, found, dim, start, end, by)
    return found


def _cut(t: Trace, x: Any, dim: int, start: Any, end: Any, by: int) -> Any:
    if by == -1 and isinstance(start, int) and isinstance(end, int) and start in (-1, ALL * 2 - 1) and end < -ALL:
        return t.emit("aten.flip.default", x, (dim,))
    if by < 1:
        raise t.refuse("steps backwards")
    if isinstance(end, int) and end >= _dims(x)[dim] and (not isinstance(x, Live) or end >= x.other[dim]):
        end = None
    if start == 0 and end is None and by == 1:
        return x
    return t.emit("aten.slice.Tensor", x, dim, start, end, by)


@rule("Gather", inputs=(2, 2), attributes="axis")
def gather(t: Trace, node: Node, x: Known, index: Known) -> Any:
    """Some entries along one dimension."""
    axis, chosen = whole(node, "axis", 0), t.constant(index, "index")
    if chosen.tensor.ndim > 1 and (source := _restored(t, x, chosen)) is not None:
        return source
    if chosen.second is not None or chosen.tensor.is_floating_point():
        raise t.refuse("an index that follows the input")
    length = _dims(x)[axis]
    if chosen.tensor.numel() and not -length <= int(chosen.tensor.min()) <= int(chosen.tensor.max()) < length:
        raise t.refuse("an index beyond its tensor")
    if chosen.tensor.ndim == 0:
        return t.emit("aten.select.int", x, axis, int(chosen.tensor))
    if chosen.tensor.ndim > 1:
        return adaptive.taken(t, x, (chosen.tensor,), axis % len(_dims(x)))
    places = chosen.tensor.to(torch.int64)
    return t.emit("aten.index_select.default", x, axis, Constant(torch.where(places < 0, places + length, places)))


def _restored(t: Trace, x: Known, index: Constant) -> Live | None:
    """What was flattened and is taken apart again, number after number; None where that is not what is done."""
    joined = t.maker(x, "aten.flatten.using_ints")
    if joined and joined.args[1] == 0 and len(joined.out[0].shape) == 1:
        source: Live = joined.args[0]
        if _counts(index.tensor, source.shape) and (index.second is None or _counts(index.second, source.other)):
            t.drop(joined)
            return source
    return None


def _counts(index: torch.Tensor, shape: tuple[int, ...]) -> bool:
    """Whether it numbers all places of a tensor of that shape in order."""
    return tuple(index.shape) == shape and torch.equal(index.flatten().long(), torch.arange(index.numel()))


@rule("Pad", inputs=(1, 4), attributes="mode pads value")
def pad(t: Trace, node: Node, x: Known, pads: Known | None, value: Known | None, axes: Known | None) -> Any:
    """A border around a tensor, or a negative one: a crop."""
    mode = text(node, "mode", "constant")
    sizes = t.ints(pads, "pads") if pads is not None else wholes(node, "pads")
    fill = float(t.constant(value, "value").tensor) if value is not None else float(node.attributes.get("value", 0.0))
    rank = len(_dims(x))
    dims = t.ints(axes, "axes") if axes is not None else tuple(range(rank))
    if len(sizes) != 2 * len(dims) or mode not in ("constant", "reflect", "edge", "wrap"):
        raise t.refuse(f"the mode {mode[:20]} or pads that do not fit")
    ends = dict.fromkeys(range(rank), (0, 0)) | {
        dim % rank: pair
        for dim, pair in zip(dims, zip(sizes[: len(dims)], sizes[len(dims) :], strict=True), strict=True)
    }
    trimmed = list(itertools.dropwhile(lambda pair: pair == (0, 0), (ends[dim] for dim in range(rank))))
    if not trimmed:
        return x
    if mode == "constant":
        return t.emit("aten.constant_pad_nd.default", x, tuple(one for pair in reversed(trimmed) for one in pair), fill)
    if rank != 4 or len(trimmed) > 2:
        raise t.refuse(f"the mode {mode} beyond the two last dimensions")
    both = tuple(one for pair in (ends[3], ends[2]) for one in pair)
    return t.emit("aten.pad.default", x, both, {"edge": "replicate", "wrap": "circular"}.get(mode, mode), None)


@rule("Expand", inputs=(2, 2))
def expand(t: Trace, node: Node, x: Known, shape: Known) -> Any:
    """A tensor repeated along dimensions of length 1."""
    said = t.constant(shape, "shape")
    follows = said.second is not None and not torch.equal(said.tensor, said.second)
    if isinstance(x, Constant) and not follows:
        wanted = np.broadcast_shapes(tuple(x.tensor.shape), t.ints(shape, "shape"))
        return t.folded(lambda one: one.expand(wanted), x)
    sizes = t.extents(shape, "shape")
    old = _dims(x)
    if len(sizes) < len(old):
        sizes = (*(1,) * (len(old) - len(sizes)), *sizes)
    old = (*(0,) * (len(sizes) - len(old)), *old)
    kept = tuple(-1 if have and size in (1, have) else size for size, have in zip(sizes, old, strict=True))
    return x if set(kept) == {-1} else t.emit("aten.expand.default", x, kept)


@rule("DepthToSpace", attributes="blocksize mode")
def depth_to_space(t: Trace, node: Node, x: Known) -> Any:
    """Channels into positions, as torch's pixel shuffle."""
    if text(node, "mode", "DCR") != "CRD":
        raise t.refuse("the order DCR")
    return t.emit("aten.pixel_shuffle.default", x, whole(node, "blocksize", 0))


def _dims(value: Known) -> tuple[int, ...]:
    return value.shape if isinstance(value, Live) else tuple(value.tensor.shape)
