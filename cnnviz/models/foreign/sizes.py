"""Sizes that an example fixed in a program, made free again.

An exporter writes `x.view(1, 2, 24, 8, 8)` where the source said `x.view(n, 2, c // 2, h, w)`. The sizes of the example
say which number was which: each side of a value is the product of sides that go back to the input's batch, height and
width, or to layers. A number that is such a side is read from its tensor when the network runs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cnnviz.models.foreign.graph import Program, Step, Value
from cnnviz.models.foreign.operators import bound
from cnnviz.models.foreign.sides import CHANNELS, KEEPS, Side, Sides, after, common, is_open, moved, regrouped
from cnnviz.models.foreign.steps import paths, read, runs, with_given
from cnnviz.models.foreign.windows import window_of

VIEWS = ("aten.view.default", "aten._unsafe_view.default", "aten.reshape.default")
PADS = ("aten.pad.default", "aten.constant_pad_nd.default")
FLATTENS = (*VIEWS, "aten.flatten.using_ints", "aten.unflatten.int")
SIZE = "aten.sym_size.int"


def free(program: Program, shapes: Mapping[str, Any]) -> Program:
    """The program with sizes read from its values, wherever the shapes of the example say which they were."""
    return dataclasses.replace(program, steps=tuple(_Freed(program, shapes).steps()))


class _Freed:
    def __init__(self, program: Program, shapes: Mapping[str, Any]) -> None:
        self.program = program
        self.shapes = shapes
        self.sides: dict[str, Sides] = {}
        self.scopes: dict[str, tuple[str, ...]] = {}
        self.count = 0
        for name, tensor in program.tensors.items():
            self.sides[name] = tuple((Side(size, False, name, axis),) for axis, size in enumerate(tensor.shape))
        image = shapes[program.input]
        self.sides[program.input] = tuple(
            (Side(size, axis != 1, program.input, axis),) for axis, size in enumerate(image)
        )
        self.scopes[program.input] = ()
        self.readers: dict[str, list[Step]] = {}
        for step in program.steps:
            for value in read(step):
                self.readers.setdefault(value.name, []).append(step)

    def steps(self) -> Iterator[Step]:
        for step in self.program.steps:
            made: list[Step] = []
            changed = self._changed(step, made)
            yield from made
            yield changed
            for name in filter(None, step.out):
                shape = self.shapes.get(name)
                self.scopes[name] = paths(step)
                if isinstance(shape, tuple):
                    self.sides[name] = self._sides(step, name, shape)

    def _sides(self, step: Step, name: str, shape: tuple[int, ...]) -> Sides:
        """The sides of what a step puts out."""
        before = [(value.name, self.sides[value.name]) for value in read(step) if value.name in self.sides]
        if not before or step.op not in FLATTENS:
            was = self.shapes[before[0][0]] if before else ()
            return after(step, [sides for _, sides in before], was, shape, name)
        source, first = before[0]
        groups = self._groups(step, source, shape)
        if groups is not None:
            return tuple(groups)
        fresh = tuple((Side(size, False, name, axis),) for axis, size in enumerate(shape))
        return (*(first[:1] if self._is_batch(first, shape) else fresh[:1]), *fresh[1:])  # the batch stays in front

    def _groups(self, step: Step, source: str, shape: tuple[int, ...]) -> list[tuple[Side, ...]] | None:
        """The sides of a value after a view; those that a layer reads next are its own, of whatever batch."""
        groups = regrouped([side for axis in self.sides[source] for side in axis], shape)
        words = [reader.op.split(".")[1] for reader in self.readers.get(step.out[0], ())]
        if not groups or len(groups) < 2 or not groups[-1] or not {*words} & {*CHANNELS}:
            return groups
        return moved(groups, self.sides[self.program.input][0][0])

    def _changed(self, step: Step, made: list[Step]) -> Step:
        given = bound(step)
        source = next((value.name for value in read(step)), "")
        if step.op in VIEWS:
            return self._viewed(step, source, given["size" if "size" in given else "shape"], made)
        if step.op == "aten.cat.default" and given["dim"] not in (0, -len(self.shapes[step.out[0]])):
            return with_given(step, given | {"tensors": self._repeated(step, given["tensors"], made)})
        if step.op == "aten.expand.default":
            return self._expanded(step, source, given["size"], made)
        if step.op.startswith("aten.upsample") and given["output_size"] and given["scale_factors"] is None:
            return self._resized(step, given, made)
        if step.op == "aten.avg_pool2d.default" and not runs(step, "AvgPool2d"):
            return self._pooled(step, source, given, made)
        if step.op in PADS and step.scope and step.scope[-1][1].endswith("Same"):
            return self._padded(step, source, given, made)
        if step.op == "aten.slice.Tensor" and isinstance(given["end"], int):
            size = self.shapes[source][given["dim"]]
            return with_given(step, given | {"end": None}) if given["end"] >= size else step
        return step

    def _viewed(self, step: Step, source: str, size: Any, made: list[Step]) -> Step:
        target = self.shapes[step.out[0]]
        if not isinstance(size, tuple) or source not in self.sides:
            return step
        groups = self._groups(step, source, target)
        if groups is None or not any(side.free for group in groups for side in group):
            return self._batched(step, source, size, made)
        ends = self._flat(source, groups)
        if ends is not None:
            return dataclasses.replace(step, op="aten.flatten.using_ints", args=(Value(source), ends), kwargs={})
        open_ends = [at for at, group in enumerate(groups) if any(side.free for side in group)]
        rest = max(open_ends, key=lambda at: (len([side for side in groups[at] if side.size > 1]), at))
        sizes: list[Any] = list(target)
        for at in open_ends:
            found = -1 if at == rest else self._product(step, source, groups[at], made)
            sizes[at] = target[at] if found is None else found
        if -1 not in sizes or len(size) != len(sizes):
            return step
        sizes = [given if isinstance(given, Value) else one for given, one in zip(size, sizes, strict=True)]
        return dataclasses.replace(step, args=(Value(source), tuple(sizes)), kwargs={})

    def _batched(self, step: Step, source: str, size: tuple[Any, ...], made: list[Step]) -> Step:
        """A view of which nothing is known but that the batch stays in front."""
        if not self._is_batch(self.sides[source], size):
            return step
        first = self._new(step, SIZE, (Value(source), 0), size[0], made)
        return dataclasses.replace(step, args=(Value(source), (first, *size[1:])), kwargs={})

    def _is_batch(self, sides: Sides, size: tuple[Any, ...]) -> bool:
        """Whether the first of a value's sides is the batch, and the first of some sizes is as large."""
        batch = self.sides[self.program.input][0]
        return sides[:1] == (batch,) and size[:1] == (batch[0].size,)

    def _flat(self, source: str, groups: list[tuple[Side, ...]]) -> int | None:
        """The axis from which on a view does nothing but flatten; None where it does something else."""
        own = self.sides[source]
        start = len(groups) - 1
        if start >= len(own) or len(own) <= len(groups) or list(own[:start]) != groups[:-1]:
            return None
        return start

    def _product(self, step: Step, source: str, group: tuple[Side, ...], made: list[Step]) -> Any:
        """A value that is the product of sides; None where one of them is not at hand."""
        factors: list[Any] = []
        fixed = math.prod(side.size for side in group if not side.free)
        for side in group:
            if side.free:
                where = self._found(step, source, side)
                if where is None:
                    return None
                factors.append(self._new(step, SIZE, (Value(where[0]), where[1]), side.size, made))
        if fixed != 1 or not factors:
            factors.append(fixed)
        found = factors[0]
        for factor in factors[1:]:
            found = self._new(step, "operator.mul", (found, factor), 0, made)
        return found

    def _found(self, step: Step, source: str, side: Side) -> tuple[str, int] | None:
        """A value at hand that has the side as one of its own: what is viewed, or one that was made around here."""
        for name in (source, *reversed(self.scopes)):
            if name != source and not self._visible(name, step):
                continue
            for axis, factors in enumerate(self.sides.get(name, ())):
                if [one for one in factors if one.free or one.size > 1] == [side]:
                    return name, axis
        return None

    def _new(self, step: Step, op: str, args: tuple[Any, ...], size: int, made: list[Step]) -> Value:
        self.count += 1
        name = f"size {self.count}"
        made.append(Step(op, args, (name,), scope=step.scope))
        return Value(name)

    def _expanded(self, step: Step, source: str, size: Any, made: list[Step]) -> Step:
        target, own = self.shapes[step.out[0]], self.shapes[source]
        if not isinstance(size, tuple) or any(isinstance(one, Value) for one in size):
            return step
        more = len(target) - len(own)
        sizes: list[Any] = list(target)
        twin = self._twin(step, target)
        for axis in range(len(target)):
            if axis >= more and own[axis - more] == target[axis]:
                sizes[axis] = -1
            elif twin is not None and any(side.free for side in self.sides[twin][axis]):
                sizes[axis] = self._new(step, SIZE, (Value(twin), axis), target[axis], made)
        batch = self.sides[self.program.input][0]
        if sizes[0] == batch[0].size and twin is None and not any(map(is_open, self.sides[source])):
            sizes[0] = self._product(step, source, batch, made) or sizes[0]
        return dataclasses.replace(step, args=(Value(source), tuple(sizes)), kwargs={})

    def _repeated(self, step: Step, parts: tuple[Any, ...], made: list[Step]) -> tuple[Any, ...]:
        """What is put together, with a row of the network's own, such as a class token, for each photo of a batch."""
        batch = self.sides[self.program.input][0]
        firsts = [self.sides.get(part.name, ())[:1] for part in parts]
        if (batch,) not in firsts:
            return parts
        size = self._product(step, parts[firsts.index((batch,))].name, batch, made)
        found = []
        for part, first in zip(parts, firsts, strict=True):
            if first and not is_open(first[0]) and self._alike(part.name):
                more = (-1,) * (len(self.shapes[part.name]) - 1)
                row = self._new(step, "aten.slice.Tensor", (part, 0, 0, 1), 0, made) if batch[0].size > 1 else part
                part = self._new(step, "aten.expand.default", (row, (size, *more)), 0, made)
            found.append(part)
        return tuple(found)

    def _alike(self, name: str) -> bool:
        """Whether a value is of one row, or a tensor of the file whose rows are equal."""
        tensor = self.program.tensors.get(name)
        return self.shapes[name][0] == 1 or (tensor is not None and bool((tensor == tensor[:1]).all()))

    def _resized(self, step: Step, given: Mapping[str, Any], made: list[Step]) -> Step:
        """Resized to the sides of another value: the one it meets afterwards, else the last that has them."""
        target = self.shapes[step.out[0]]
        if any(isinstance(one, Value) for one in given["output_size"]):
            return step
        if not any(side.free for axis in self.sides[read(step)[0].name][KEEPS:] for side in axis):
            return step
        met = [value.name for later in self.readers.get(step.out[0], ()) for value in read(later)]
        visible = [name for name in reversed(self.scopes) if self._visible(name, step)]
        for name in (*(name for name in met if name in self.scopes), *visible):
            sides = self.sides.get(name, ())
            alike = len(sides) == len(target) and tuple(self.shapes[name][KEEPS:]) == tuple(target[KEEPS:])
            if alike and any(map(is_open, sides[KEEPS:])):
                sizes = tuple(
                    self._new(step, SIZE, (Value(name), axis), target[axis], made) for axis in range(KEEPS, len(target))
                )
                return with_given(step, dict(given) | {"output_size": sizes})
        return step

    def _pooled(self, step: Step, source: str, given: Mapping[str, Any], made: list[Step]) -> Step:
        """A mean over the whole map, whose window is as large as the map."""
        shape = self.shapes[source]
        window = given["kernel_size"] if isinstance(given["kernel_size"], tuple) else (given["kernel_size"],) * 2
        spread = all(any(side.free for side in axis) for axis in self.sides.get(source, ())[KEEPS:])
        if tuple(window) != tuple(shape[KEEPS:]) or not spread or given["padding"] not in (0, (0, 0)):
            return step
        axes = range(KEEPS, KEEPS + 2)
        sizes = tuple(self._new(step, SIZE, (Value(source), axis), shape[axis], made) for axis in axes)
        return with_given(step, dict(given) | {"kernel_size": sizes, "stride": sizes})

    def _padded(self, step: Step, source: str, given: Mapping[str, Any], made: list[Step]) -> Step:
        """Padding as TensorFlow has it, by the size: the windows, a stride apart, cover the whole map."""
        window = next(
            (found for one in self.readers.get(step.out[0], ()) if (found := window_of(one, self.shapes))), None
        )
        if window is None or len(given["pad"]) != 2 * KEEPS or not all(isinstance(n, int) for n in given["pad"]):
            return step
        pads: list[Any] = []
        for axis in (KEEPS + 1, KEEPS):
            side, (stride, reach) = self.shapes[source][axis], window[axis - KEEPS]
            full = max((-(-side // stride) - 1) * stride + reach - side, 0)
            at = 2 * (KEEPS + 1 - axis)
            if given["pad"][at : at + 2] != (full // 2, full - full // 2):
                return step

            pads += self._halves(step, self._new(step, SIZE, (Value(source), axis), side, made), stride, reach, made)
        return with_given(step, dict(given) | {"pad": tuple(pads)})

    def _halves(self, step: Step, side: Value, stride: int, reach: int, made: list[Step]) -> list[Value]:
        """The padding before and behind: halves of max((ceil(side / stride) - 1) * stride + reach - side, 0)."""

        def new(op: str, *args: Any) -> Value:
            return self._new(step, f"operator.{op}", args, 0, made)

        last = new("sub", new("neg", new("floordiv", new("neg", side), stride)), 1)
        total = new("max", new("sub", new("add", new("mul", last, stride), reach), side), 0)
        first = new("floordiv", total, 2)
        return [first, new("sub", total, first)]

    def _twin(self, step: Step, target: tuple[int, ...]) -> str | None:
        """The last value at hand of that very shape."""
        alike = (name for name in reversed(self.scopes) if self.shapes.get(name) == target)
        return next((name for name in alike if self._visible(name, step)), None)

    def _visible(self, name: str, step: Step) -> bool:
        """Whether a value can be read here without another module putting out more than it does."""
        made, here = self.scopes[name], paths(step)
        near = common(made, here)
        return near == len(made) or any(common(made, paths(reader)) <= near for reader in self.readers.get(name, ()))
