"""The sides of a value as products of sides that go back to the input, or to layers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


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
