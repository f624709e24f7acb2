"""The windows that convolutions and poolings move over a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnviz.models.foreign.graph import Step, Value
from cnnviz.models.foreign.operators import bound


def window_of(step: Step, shapes: Mapping[str, Any]) -> tuple[tuple[int, int], ...] | None:
    """Stride and reach of a convolution's or a pooling's window along height and width; None for other steps."""
    given = bound(step)
    if not {"stride", "dilation"} <= set(given) and step.op != "aten.avg_pool2d.default":
        return None
    weight = given.get("weight")
    size = shapes[weight.name][2:] if isinstance(weight, Value) else _both(given.get("kernel_size"))
    stride, dilation = _both(given["stride"] or size), _both(given.get("dilation", 1))
    sides = (*(size or ()), *(stride or ()), *(dilation or ()))
    if len(sides) != 6 or not all(isinstance(one, int) for one in sides):
        return None
    high, wide, down, across, tall, broad = sides
    return (down, (high - 1) * tall + 1), (across, (wide - 1) * broad + 1)


def _both(value: Any) -> tuple[Any, ...] | None:
    """3 and (3,) as (3, 3), which they mean."""
    if isinstance(value, tuple):
        return value * 2 if len(value) == 1 else value
    return (value, value) if isinstance(value, int) else None
