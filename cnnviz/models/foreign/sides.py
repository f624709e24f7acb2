"""The sides of a value as products of sides that go back to the input, or to layers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from cnnviz.models.foreign.graph import Step
from cnnviz.models.foreign.operators import bound
from cnnviz.models.foreign.steps import axes_of

KEEPS = 2  # batch and channels: the sides before height and width
CHANNELS = ("linear", "addmm", "mm", "layer_norm")  # whose last side is the layer's own
SPATIAL = ("conv", "pool", "upsample", "pixel", "pad", "im2col")  # whose sides from the third on follow the input's


@dataclass(frozen=True)
class Side:
    """A factor of a side: its size in the example, whether another input changes it, and a value with that side."""

    size: int
    free: bool
    value: str
    axis: int


Sides = tuple[tuple[Side, ...], ...]  # of each axis the factors, outermost first


def regrouped(sides: list[Side], target: tuple[int, ...]) -> list[tuple[Side, ...]] | None:
    """The factors of each side after a view, in order; None where they do not come apart so.

    A free side is never divided: which part of it another input changes is not to be told from one example.
    """
    rest = list(sides)
    groups: list[tuple[Side, ...]] = []
    for size in target:
        group: list[Side] = []
        while math.prod(side.size for side in group) < size:
            if not rest:
                return None
            side = rest.pop(0)
            so_far = math.prod(one.size for one in group)
            if side.size and size % so_far == 0 and 0 < size // so_far < side.size:
                part = size // so_far
                if side.size % part or side.free:
                    return None
                rest.insert(0, dataclasses.replace(side, size=side.size // part))
                side = dataclasses.replace(side, size=part)
            group.append(side)
        if not group and rest and rest[0].size == size:
            group.append(rest.pop(0))
        if math.prod(side.size for side in group) != size:
            return None
        groups.append(tuple(group))
    if any(side.size != 1 for side in rest):
        return None
    if groups:
        groups[-1] = (*groups[-1], *(side for side in rest if side.free))
    return groups


def moved(groups: list[tuple[Side, ...]], batch: Side) -> list[tuple[Side, ...]]:
    """The groups of a view with a batch of one, which could be of either of two sides, in the last but one."""
    *rest, before, last = groups
    return [*rest, (*before, batch), last[1:]] if batch.size == 1 and last[0] == batch and last[1:] else groups


def aligned(sides: Sides, shape: tuple[int, ...], fresh: Sides) -> Sides:
    """The sides that are still there, in order, after some were taken away or put in."""
    found, rest = [], list(sides)
    for axis, size in enumerate(shape):
        while rest and math.prod(one.size for one in rest[0]) != size and len(rest) > len(shape) - axis - 1:
            rest.pop(0)
        if rest and math.prod(one.size for one in rest[0]) == size:
            found.append(rest.pop(0))
        else:
            found.append(fresh[axis])
    return tuple(found)


def is_open(sides: tuple[Side, ...]) -> bool:
    """Whether another input changes a side."""
    return any(side.free for side in sides)


def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many modules two places have in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def after(step: Step, before: list[Sides], was: tuple[int, ...], shape: tuple[int, ...], name: str) -> Sides:
    """The sides of what a step puts out that is no view, by those of what it reads; `was` is the first one's shape."""
    fresh = tuple((Side(size, False, name, axis),) for axis, size in enumerate(shape))
    if not before:
        return fresh
    first, word, given = before[0], step.op.split(".")[1].strip("_"), bound(step)
    if word == "permute":
        return tuple(first[axis] for axis in axes_of(given["dims"], len(first)))
    if word == "transpose":
        order = list(range(len(first)))
        one, other = given["dim0"] % len(order), given["dim1"] % len(order)
        order[one], order[other] = order[other], order[one]
        return tuple(first[axis] for axis in order)
    if word.startswith(SPATIAL) or "pool" in word:
        moved = len(first) == len(shape)
        return tuple(
            (first[0] if axis == 0 else (Side(size, moved and axis >= KEEPS and is_open(first[axis]) and not
             (word.startswith("adaptive")), name, axis),))
            for axis, size in enumerate(shape)
        )  # fmt: skip
    if word in CHANNELS:
        return (*first[: len(shape) - 1], *fresh[len(shape) - 1 :])
    if word == "stack":
        at = given["dim"] % len(shape)
        return (*first[:at], fresh[at], *first[at:])
    if word in ("unsqueeze", "squeeze", "select", "mean", "sum", "amax", "amin"):
        return aligned(first, shape, fresh)
    if word == "slice":
        return tuple(
            first[axis] if was[axis] == size else (Side(size, is_open(first[axis]), name, axis),)
            for axis, size in enumerate(shape)
        )
    return broadcast(before, shape, name)


def broadcast(before: list[Sides], shape: tuple[int, ...], name: str) -> Sides:
    """Axis by axis the sides of the first operand that has that size there; new ones where none has."""
    found = []
    for axis, size in enumerate(shape):
        fitting = []
        for sides in before:
            at = axis - len(shape) + len(sides)
            if 0 <= at < len(sides):
                fitting.append(sides[at])
        same = [side for side in fitting if math.prod(one.size for one in side) == size]
        same.sort(key=lambda side: not is_open(side))
        found.append(same[0] if same else (Side(size, any(map(is_open, fitting)), name, axis),))
    return tuple(found)
