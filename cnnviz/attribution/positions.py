"""Places of numbers in tensors: where an operator took one from, and which it took together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cnnviz.inference.operators import pair
from cnnviz.inference.recording import Operation, Value
from cnnviz.options import RequestError

Place = tuple[int, ...]  # the index of one number in a tensor


def origin(by: Operation, which: int, at: Place) -> tuple[Value, Place]:
    """The tensor and place that an operator which only moves numbers took one from.

    The operator is run once more, on the numbers of the places instead of what stands there.
    """
    starts: dict[int, Value] = {}
    count = 1  # 0 is what padding puts there

    def numbered(one: Any) -> Any:
        nonlocal count
        if isinstance(one, tuple):
            return [numbered(each) for each in one]
        if isinstance(one, Value) and not one.numbers.is_floating_point():
            return one.numbers.cpu()  # it says which places are meant
        if isinstance(one, Tensor):
            return torch.zeros(one.shape, dtype=torch.float64) if one.is_floating_point() else one.cpu()
        if not isinstance(one, Value):
            return one
        starts[count] = one
        numbers = torch.arange(count, count + math.prod(one.shape), dtype=torch.float64).view(one.shape)
        count += math.prod(one.shape)
        return torch.empty_strided(one.shape, one.numbers.stride(), dtype=torch.float64).copy_(numbers)

    given = {name: numbered(value) for name, value in by.given.items()}
    given.update({key: None for key in ("dtype", "layout", "device", "memory_format") if key in given})
    given.update({"value": 0} if "value" in given else {})
    out = by.call(**{key: value for key, value in given.items() if key != "out"})
    number = int((out[which] if isinstance(out, (tuple, list)) else out)[at])
    if number == 0:
        raise RequestError("This value is padding or a constant; choose another place.")
    start = max(one for one in starts if one <= number)
    value = starts[start]
    return value, tuple(int(i) for i in torch.unravel_index(torch.tensor(number - start), value.shape))


def largest(numbers: Tensor, places: Sequence[Any]) -> tuple[int, Place]:
    """How many numbers lie at some places, one index or a list of them for each dimension, and where the largest is."""
    window = taken(numbers, places)
    best = torch.unravel_index(window.argmax(), window.shape)
    return window.numel(), tuple(_listed(one)[int(i)] for one, i in zip(places, best, strict=True))


def taken(numbers: Tensor, places: Sequence[Any]) -> Tensor:
    """The numbers at some places, one index or a list of them for each dimension; every dimension stays."""
    for dim, place in enumerate(places):
        numbers = numbers.index_select(dim, torch.tensor(_listed(place), device=numbers.device))
    return numbers


def _listed(place: int | Sequence[int]) -> list[int]:
    return [place] if isinstance(place, int) else list(place)


def pool_window(by: Operation, before: Value, at: Place) -> tuple[list[Any], int]:
    """The places that a pooling takes together, and how many there are with the padding."""
    kernel = pair(by.given["kernel_size"])
    stride = pair(by.given["stride"]) if by.given["stride"] else kernel
    padding, dilation = pair(by.given["padding"]), pair(by.given.get("dilation") or 1)
    places, padded = list[Any](at[:-2]), 1
    for i, side in enumerate(before.shape[-2:]):
        first = at[len(at) - 2 + i] * stride[i] - padding[i]
        reached = [first + k * dilation[i] for k in range(kernel[i]) if first + k * dilation[i] < side + padding[i]]
        places.append([p for p in reached if 0 <= p < side])
        padded *= len(reached)
    return places, padded
