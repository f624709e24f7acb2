"""The way back from a number in a feature map to the products it is the sum of, and forward again in figures.

The way goes through the operators of a recorded run, so it is the same for modules, functions and methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.attribution.positions import Place, largest, origin, pool_window, taken
from cnnviz.inference.operators import ELEMENTWISE, MOVES, NORMS, SOURCES, STALE
from cnnviz.inference.recording import Operation, Value
from cnnviz.options import RequestError

Forward = Callable[[float, float], tuple[str, float, float]]  # value, size of what was summed -> words and both after


@dataclass
class Walk:
    """The way back from a number to its products; `trail` gathers how to go forward again, last step first."""

    parts: Mapping[str, nn.Module]
    trail: list[tuple[str, str, Forward]] = field(default_factory=list)

    def back(self, value: Value, at: Place) -> tuple[Operation, Place]:
        """The convolution or linear layer that a number of a tensor comes from, and the place in its output."""
        while value.by is not None:
            if value.by.name in SOURCES:
                return value.by, at
            value, at = self._through(value, value.by, at)
        raise RequestError("This value is a pixel of the photo; choose a layer after a convolution.")

    def _through(self, value: Value, by: Operation, at: Place) -> tuple[Value, Place]:
        """One operator back, adding to the trail how it is gone forward."""
        if by.name == STALE:
            raise RequestError("This value was changed in place through another tensor; choose an earlier layer.")
        if by.name in MOVES:
            return origin(by, value.which, at)
        if value.which:
            raise self._refused(by)
        if by.name in NORMS:
            before = _tensor(by, "input")
            self._add(by, _norm(*_STATISTICS[by.name](by, before.numbers, at)))
            return before, at
        if by.name in AVERAGES:
            return self._average(by, at, *AVERAGES[by.name](by, _tensor(by, "self", "input"), at))
        if by.name in MAXIMA:
            before = _tensor(by, "self")
            count, place = largest(before.numbers, MAXIMA[by.name](by, before, at))
            self._add(by, lambda number, size: (f"largest of {count}", number, size), "max pool")
            return before, place
        if by.name in COMBINING:
            return self._combined(by, at)
        if by.name in ELEMENTWISE:
            rest = {key: one for key, one in by.given.items() if key not in ("self", "generator")}
            if any(isinstance(one, Value) for one in rest.values()):
                raise self._refused(by)
            self._add(by, _activation(_plain(by), rest))
            return _tensor(by, "self"), at
        raise self._refused(by)

    def _refused(self, by: Operation) -> RequestError:
        return RequestError(f"The arithmetic of {self.kind(by)} cannot be spelled out; choose the layer before it.")

    def _combined(self, by: Operation, at: Place) -> tuple[Value, Place]:
        """Through a sum or product along the branch that leads to a convolution; what else is in it are numbers."""
        names = COMBINING[by.name]
        given = {name: by.given[name] for name in names}
        main = _main(by, [one for one in given.values() if isinstance(one, Value)])
        name = next(name for name in names if given[name] is main)
        fixed = {other: _at(one, at) for other, one in given.items() if other != name}
        call, rest = _plain(by), {key: one for key, one in by.given.items() if key not in names and one is not None}
        gates = any(isinstance(one, Value) for other, one in given.items() if other != name)
        skips = gates and by.name == "add" and all(one.shape == main.shape for one in by.inputs)

        def at_number(number: float) -> float:
            return float(call(**{name: torch.tensor(number, dtype=torch.float64)}, **fixed, **rest))

        def go(number: float, size: float) -> tuple[str, float, float]:
            out, added = at_number(number), at_number(0.0)
            added = added if math.isfinite(added) else 0.0
            slope = (out - added) / number if number else 1.0
            factor = next(iter(fixed.values()))
            words = {
                "addition": f"{'skip connection ' * skips}{added:+.6g}",
                "product": f"{_WORDS.get(by.name, 'times')} {'gate ' * gates}{float(factor):.6g}",
            }
            return (
                words.get(_SORTS.get(by.name, ""), f"{number:.6g} becomes {out:.6g}"),
                out,
                size * abs(slope) + abs(added),
            )

        kind = "gate" if _SORTS.get(by.name) == "product" and gates else _SORTS.get(by.name, "")
        self._add(by, go, "" if self._is_module(by) else kind)
        return main, _spread(main.shape, at)

    def _average(self, by: Operation, at: Place, places: Sequence[Any], divisor: float) -> tuple[Value, Place]:
        """Through the mean of some places: to the largest number in size, the others being one number."""
        before = _tensor(by, "self", "input")
        count, place = largest(before.numbers.abs(), places)
        window = taken(before.numbers, places).cpu().double()
        rest, reach = float(window.sum()) - float(before.numbers[place]), float(window.abs().sum())

        def go(value: float, size: float) -> tuple[str, float, float]:
            words = f"with the {count - 1} others of the window {rest:+.6g}, divided by {divisor:g}"
            return words, (value + rest) / divisor, (size + reach) / divisor

        self._add(by, go, "sum" if by.name == "sum" else "average pool")
        return before, place

    def _add(self, by: Operation, go: Forward, kind: str = "") -> None:
        self.trail.append((self.named(by), kind or self.kind(by), go))

    def named(self, by: Operation) -> str:
        """The module an operator belongs to; its function's name where it is called between modules."""
        if self._is_module(by):
            return by.module
        return f"{by.function} in {by.module}" if by.name in SOURCES and by.module else by.function

    def kind(self, by: Operation) -> str:
        """The module's type, or the function's name."""
        return type(self.parts[by.module]).__name__ if self._is_module(by) else by.function

    def _is_module(self, by: Operation) -> bool:
        """Whether an operator is what a module does: all of a module without parts, else what uses its weights."""
        part = self.parts.get(by.module)
        if part is None or not by.module:
            return False
        weights = any(True for _ in part.parameters(recurse=False))
        return not any(True for _ in part.children()) or (weights and by.name in (*NORMS, *SOURCES))


def _main(by: Operation, values: Sequence[Value]) -> Value:
    """The branch to follow: the first one, or what is computed from it where that is its shortcut or its gate."""
    if _SORTS.get(by.name) != "addition" and len(values) == 2 and values[0].shape != values[1].shape:
        return max(values, key=lambda value: math.prod(value.shape))
    rooted = [value for value in values if _ancestors(value, lambda one: one.by is not None and one.by.name in SOURCES)]
    if len(rooted) == 2 and _SORTS.get(by.name) == "addition" and _ancestors(rooted[1], lambda one: one is rooted[0]):
        return rooted[1]
    return (rooted or values)[0]


def _ancestors(value: Value, is_it: Callable[[Value], bool]) -> bool:
    """Whether a value, or one it is computed from, is what is sought."""
    todo, seen = [value], {value.index}
    while todo:
        one = todo.pop()
        if is_it(one):
            return True
        for before in one.by.inputs if one.by is not None else ():
            if before.index not in seen:
                seen.add(before.index)
                todo.append(before)
    return False


def _tensor(by: Operation, *names: str) -> Value:
    value = next((by.given[name] for name in names if name in by.given), None)
    if not isinstance(value, Value):
        raise RequestError("This value comes from no convolution; choose another layer.")
    return value


def _at(other: object, at: Place) -> Tensor:
    """The number of another branch at a place, or the constant; 1 x 1 gates have one for all places."""
    if isinstance(other, Value):
        other = other.numbers
    if isinstance(other, Tensor):
        return other[_spread(tuple(other.shape), at)].detach().cpu().double()
    return torch.tensor(float(other), dtype=torch.float64)  # type: ignore[arg-type]  # a number


def _spread(shape: tuple[int, ...], at: Place) -> Place:
    """The place in a tensor that is broadcast to where `at` is."""
    own = at[len(at) - len(shape) :]
    return tuple(0 if side == 1 else i for side, i in zip(shape, own, strict=True))


def _plain(by: Operation) -> torch._ops.OpOverload:
    """The operator that writes nowhere."""
    call: torch._ops.OpOverload = getattr(getattr(torch.ops.aten, by.name), by.call._overloadname)
    return call


def _activation(call: torch._ops.OpOverload, rest: Mapping[str, Any]) -> Forward:
    """An activation, applied to the one number by torch itself."""

    def go(value: float, size: float) -> tuple[str, float, float]:
        out = float(call(torch.tensor(value, dtype=torch.float64), **rest))
        return f"{value:.6g} becomes {out:.6g}", out, size

    return go


def _norm(mean: float, deviation: float, gain: float, shift: float) -> Forward:
    def go(value: float, size: float) -> tuple[str, float, float]:
        words = f"minus mean {mean:.6g}, divided by {deviation:.6g}, times {gain:.6g}, {shift:+.6g}"
        scale = gain / deviation
        return words, (value - mean) * scale + shift, (size + abs(mean)) * abs(scale) + abs(shift)

    return go


Statistics = tuple[float, float, float, float]  # mean, deviation, gain, shift


def _batch_norm(by: Operation, maps: Tensor, at: Place) -> Statistics:
    if by.given.get("training") or by.given.get("running_mean") is None:
        window = maps.movedim(1, 0)[at[1]]  # (N, C, ...) -> (N, ...)
        return *_moments(window, by), *_affine(by, at[1])
    mean, variance = float(by.given["running_mean"][at[1]]), float(by.given["running_var"][at[1]])
    return mean, math.sqrt(variance + _eps(by)), *_affine(by, at[1])


def _layer_norm(by: Operation, maps: Tensor, at: Place) -> Statistics:
    own = at[len(at) - len(by.given["normalized_shape"]) :]
    return *_moments(maps[at[: len(at) - len(own)]], by), *_affine(by, own)


def _group_norm(by: Operation, maps: Tensor, at: Place) -> Statistics:
    size = maps.shape[1] // by.given["group"]
    first = at[1] // size * size
    return *_moments(maps[at[0], first : first + size], by), *_affine(by, at[1])


def _moments(window: Tensor, by: Operation) -> tuple[float, float]:
    window = window.cpu().double()
    return float(window.mean()), math.sqrt(float(window.var(unbiased=False)) + _eps(by))


def _eps(by: Operation) -> float:
    """What a norm adds to the variance; the operators of cuDNN and MIOpen write the name in full."""
    return float(by.given["eps"] if "eps" in by.given else by.given["epsilon"])


def _affine(by: Operation, at: int | Place) -> tuple[float, float]:
    gain, shift = (by.given.get(name) for name in ("weight", "bias"))
    gain, shift = (one.numbers if isinstance(one, Value) else one for one in (gain, shift))
    return 1.0 if gain is None else float(gain[at]), 0.0 if shift is None else float(shift[at])


def _reduced(by: Operation, before: Value, at: Place) -> list[Any]:
    """The places that a mean, sum or maximum over some dimensions takes together."""
    dims = by.given.get("dim")
    dims = range(len(before.shape)) if dims is None or dims == () else dims if isinstance(dims, tuple) else (dims,)
    over = {dim % len(before.shape) for dim in dims}
    rest = iter(at)
    places: list[Any] = []
    for dim, side in enumerate(before.shape):
        if dim not in over or by.given.get("keepdim"):
            place = next(rest)
        places.append(list(range(side)) if dim in over else place)
    return places


def _mean(by: Operation, before: Value, at: Place) -> tuple[list[Any], float]:
    places = _reduced(by, before, at)
    return places, math.prod(len(place) for place in places if isinstance(place, list))


def _average_pool(by: Operation, before: Value, at: Place) -> tuple[list[Any], float]:
    places, padded = pool_window(by, before, at)
    inside = len(places[-2]) * len(places[-1])
    return places, by.given["divisor_override"] or (padded if by.given["count_include_pad"] else inside)


def _adaptive(by: Operation, before: Value, at: Place) -> tuple[list[Any], float]:
    outs = by.given["output_size"]
    sides = zip(at[-2:], before.shape[-2:], outs, strict=True)
    ys, xs = (list(range(i * n // out, -(-(i + 1) * n // out))) for i, n, out in sides)
    return [*at[:-2], ys, xs], len(ys) * len(xs)


_STATISTICS: dict[str, Callable[[Operation, Tensor, Place], Statistics]] = {
    **dict.fromkeys(NORMS, _batch_norm), "native_layer_norm": _layer_norm, "native_group_norm": _group_norm,
}  # fmt: skip
AVERAGES: dict[str, Callable[[Operation, Value, Place], tuple[list[Any], float]]] = {
    "mean": _mean, "sum": lambda by, before, at: (_reduced(by, before, at), 1.0),
    "avg_pool2d": _average_pool, "_adaptive_avg_pool2d": _adaptive,
}  # fmt: skip
MAXIMA: dict[str, Callable[[Operation, Value, Place], list[Any]]] = {
    "max_pool2d_with_indices": lambda by, before, at: pool_window(by, before, at)[0],
    "adaptive_max_pool2d": lambda by, before, at: _adaptive(by, before, at)[0],
    "amax": _reduced, "max": _reduced,
}  # fmt: skip
COMBINING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("add", "sub", "rsub", "mul", "div", "maximum", "minimum"), ("self", "other")),
    "pow": ("self", "exponent"), "_prelu_kernel": ("self", "weight"), "addcmul": ("self", "tensor1", "tensor2"),
    "addcdiv": ("self", "tensor1", "tensor2"), "lerp": ("self", "end", "weight"),
}  # fmt: skip
_SORTS = {**dict.fromkeys(("add", "sub", "rsub"), "addition"), **dict.fromkeys(("mul", "div"), "product")}
_WORDS = {"div": "divided by"}
