"""Stride and reach of a window, along height and width."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.graph import Step, Value
from cnnviz.models.foreign.windows import window_of

X, W = Value("x"), Value("w")


@pytest.mark.parametrize(
    ("op", "args", "found"),
    [
        ("conv2d.default", (X, W, None, (2, 1), 0, (1, 2)), ((2, 3), (1, 9))),
        ("max_pool2d.default", (X, (3, 3), (2, 2)), ((2, 3), (2, 3))),
        ("avg_pool2d.default", (X, (2,)), ((2, 2), (2, 2))),
        ("conv2d.default", (X, W, None, (Value("n"), 1)), None),
        ("relu.default", (X,), None),
    ],
)
def test_a_window_is_read_from_its_operation(op, args, found):
    assert window_of(Step(f"aten.{op}", args, ("y",)), {"w": (4, 3, 3, 5)}) == found
