"""Adaptive pools, which an exporter writes out for the size of its example: as windows that tile the map, or as a table
of places.

Either is read as the pool that it was, so that other sizes are right, too. What may have been one or another pool is a
doubt: such a file is right for the size of its example alone.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch.nn import functional as F

from cnnviz.models.foreign.onnx.names import CLASSES
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.rules import rule, whole, wholes
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Known, Live, Record, given, run

WRITTEN = "pkg.torch.onnx.fx_node"
POOL = re.compile(
    r"aten\.(?P<op>\w+)\.default\]\(args = \(%[\w.]+, (?P<size>\[[0-9, ]*\])(, (?P<stride>\[[0-9, ]*\]))?"
)
ADAPTIVE = ("torch.nn.modules.pooling.AdaptiveAvgPool2d'", "torch.nn.modules.pooling.AdaptiveMaxPool2d'")
PLAIN = ("torch.nn.modules.pooling.AvgPool2d'", "torch.nn.modules.pooling.MaxPool2d'")
FEW = 7  # cells of a side of an adaptive pool; VGG has the most of those that are known
TABLE, TURNED = "aten.index.Tensor", "aten.permute.default"
SUMMED = (TABLE, TURNED, "aten.where.self", "aten.select.int", "aten.add.Tensor")  # linear in the map, as they are used
NUMBERS = 1 << 24  # of the maps that a written out pool is tried on
FLAT, NORMAL = "aten.flatten.using_ints", "aten.reshape.default"


def sides(t: Trace, node: Node, x: Known, size: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...] | None:
    """The output size of an adaptive pool that is written as windows; None for every other pool."""
    cells = _cells(t, node, x, size, stride)
    if cells is None:
        return None
    if any(kind in node.notes.get(CLASSES, "") for kind in ADAPTIVE):
        return cells
    said = POOL.search(node.notes.get(WRITTEN, ""))  # a maximum of one's own has no indices, or says its stride
    return cells if said and said["op"] == "max_pool2d_with_indices" and said["stride"] is None else None


def noted(t: Trace, node: Node, x: Known, size: tuple[int, ...], stride: tuple[int, ...], made: Live) -> Live:
    """What a pool makes; where it may as well be an adaptive one, that is noted.

    A function that is given its stride is written as an adaptive pool is. A file without notes tells neither from a
    module either; there only a map that is then made a row of numbers is a reason to doubt.
    """
    cells = _cells(t, node, x, size, stride)
    if cells is None or max(cells) > FEW or max(cells) == 1 or None in t.graph.inputs[t.input.name][2:]:
        return made
    if CLASSES not in node.notes:
        t.doubts.append((made, True))
    elif not any(kind in node.notes[CLASSES] for kind in PLAIN):
        said = POOL.search(node.notes.get(WRITTEN, ""))
        if not said or (said["op"] == "avg_pool2d" and said["stride"] == said["size"]):
            t.doubts.append((made, False))
    return made


def doubted(t: Trace) -> bool:
    """Whether what the trace has read is right for the size of the example alone."""
    return any(not only_flat or _flattened(t, made) for made, only_flat in t.doubts)


@rule("GatherND", inputs=(2, 2), attributes="batch_dims")
def table(t: Trace, node: Node, x: Known, index: Known) -> Any:
    """What lies at a table's places; which are those of the example's size, until it is known what they are for."""
    places = t.constant(index, "index")
    if whole(node, "batch_dims", 0) or places.second is not None or places.tensor.is_floating_point():
        raise t.refuse("an index that follows the input")
    return taken(t, x, places.tensor.unbind(-1))


def taken(t: Trace, x: Known, places: tuple[torch.Tensor, ...], before: int = 0) -> Any:
    """What lies at places along some of a tensor's dimensions, the first of which is behind so many others."""
    shape = t.live(x).shape if isinstance(x, Live) else tuple(x.tensor.shape)
    if not 1 <= len(places) <= len(shape) - before or not places[0].numel():
        raise t.refuse("an index of other dimensions")
    for size, along in zip(shape[before:], places, strict=False):
        if not -size <= int(along.min()) <= int(along.max()) < size:
            raise t.refuse("an index beyond its tensor")
    found = t.emit(TABLE, x, (*(None,) * before, *(Constant(one.to(torch.int64).contiguous()) for one in places)))
    if isinstance(found, Live):
        t.doubts.append((found, False))
    return found


def averaged(t: Trace, x: Known, by: Constant | tuple[int, ...]) -> Live | None:
    """The adaptive average pool that sums over a table's places with a divisor, or means over dimensions, are.

    None where they are none. They are tried on random whole numbers: what is linear in a map and equal there is equal.
    """
    if not t.doubts or not isinstance(x, Live) or len(x.shape) not in (4, 6):
        return None
    if (steps := _summed(t, x)) is None:
        return None
    turned, read = steps[:2]
    source = turned.args[0]
    if len(source.shape) != 4 or math.prod(source.shape) * math.prod(x.shape[4:]) > NUMBERS:
        return None
    probe = torch.randint(-99, 100, source.shape, generator=torch.Generator().manual_seed(0)).double()
    found = _tried(steps, source, probe)
    means = found.mean(by) if isinstance(by, tuple) else found / by.tensor.double()
    if means.ndim != 4 or means.shape[:2] != source.shape[:2]:
        return None
    cells = (means.shape[2], means.shape[3])
    if not torch.allclose(means, F.adaptive_avg_pool2d(probe, cells), rtol=1e-9, atol=1e-9):
        return None
    inside = {id(step) for step in steps}
    if all(id(record) in inside for record in t.records if _reads(record.args, read.out[0])):
        t.doubts = [one for one in t.doubts if one[0] is not read.out[0]]
    made: Live = t.emit("aten.adaptive_avg_pool2d.default", source, cells)
    return made


def _cells(t: Trace, node: Node, x: Known, size: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...] | None:
    """How many windows a map has along its height and width where they tile it; None where they do not."""
    pairs = list(zip(t.live(x).shape[2:], size, strict=True))
    if any(wholes(node, "pads")) or size != stride or any(side % window for side, window in pairs):
        return None
    return tuple(side // window for side, window in pairs)


def _summed(t: Trace, x: Live) -> list[Record] | None:
    """The steps from a turned map and one table on that lead to a value, in order; None where there are others."""
    found: dict[int, Record] = {}
    ahead = [x]
    while ahead:
        record = t.makers.get(ahead.pop().name)
        if record is None or not _linear(record):
            return None
        if id(record) in found:
            continue
        found[id(record)] = record
        if record.op != TURNED or record.args[1] != (2, 3, 0, 1):
            ahead += [one for one in record.args if isinstance(one, Live)]
    steps = [record for record in t.records if id(record) in found]
    tables = [record for record in steps if record.op == TABLE]
    first = [record for record in steps if record.op == TURNED and record.args[1] == (2, 3, 0, 1)]
    return steps if len(first) == len(tables) == 1 and steps[:2] == [*first, *tables] else None


def _linear(record: Record) -> bool:
    if record.op == "aten.add.Tensor":
        return len(record.args) == 2 and all(isinstance(one, Live) for one in record.args)
    if record.op == "aten.where.self":
        zero = record.args[1]
        return isinstance(record.args[0], Constant) and isinstance(zero, Constant) and not bool(zero.tensor.any())
    return record.op in SUMMED and record.args[0].__class__ is Live


def _tried(steps: list[Record], source: Live, probe: torch.Tensor) -> torch.Tensor:
    """What the steps make of a map."""
    env: dict[str, Any] = {source.name: probe}

    def numbers(args: Any) -> Any:
        if isinstance(args, Live):
            return env[args.name]
        return tuple(map(numbers, args)) if isinstance(args, tuple) else given(args, False)

    for step in steps:
        env[step.out[0].name] = run(step.op, numbers(step.args))
    last: torch.Tensor = env[steps[-1].out[0].name]
    return last


def _flattened(t: Trace, made: Live) -> bool:
    """Whether a map is made a row of numbers, also behind operations that keep its shape."""
    ahead, seen = [made], {made.name}
    while ahead:
        value = ahead.pop()
        for record in t.records:
            if not _reads(record.args, value):
                continue
            out = record.out[0]
            if len(out.shape) == 2 and record.op in (FLAT, NORMAL):
                return True
            if out.shape == value.shape and out.name not in seen:
                seen.add(out.name)
                ahead.append(out)
    return False


def _reads(args: Any, value: Live) -> bool:
    return args is value or (isinstance(args, tuple) and any(_reads(one, value) for one in args))
