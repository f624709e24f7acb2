"""Only operations of the table run, with the arguments they have."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.graph import ForeignError, Step, Value
from cnnviz.models.foreign.operators import bound, in_place, known, plain

X, W = Value("x"), Value("w")


def test_arguments_are_found_by_place_and_by_name_with_their_defaults():
    found = bound(Step("aten.conv2d.default", (X, W), ("y",), {"stride": (2, 2)}))
    assert (found["stride"], found["padding"], found["groups"], found["bias"]) == ((2, 2), 0, 1, None)
    assert bound(Step("aten.dropout.default", (), ("y",), {"self": X, "p": 0.5, "train": True}))["input"] == X


def test_work_in_place_is_told_from_plain_work():
    assert plain("aten.relu_.default") == "aten.relu.default"
    assert in_place("aten.add_.Tensor")
    assert not in_place("aten.add.Tensor")
    assert plain("aten.copy_.default") == "aten.copy_.default"


@pytest.mark.parametrize(
    "op",
    ["aten.copy_.default", "aten.rand.default", "os.system", "aten.relu", "builtins.eval", "", "prims.foo.default"],
)
def test_nothing_outside_of_the_table_is_known(op):
    with pytest.raises(ForeignError, match="is not one of"):
        known(op)


@pytest.mark.parametrize(
    ("op", "args", "kwargs"),
    [
        ("aten.relu.default", (), {}),
        ("aten.relu.default", (X, X), {}),
        ("aten.relu.default", (X,), {"self": X}),
        ("aten.relu.default", (X,), {"other": 1}),
        ("aten.relu.default", (3,), {}),
        ("aten.conv2d.default", (X, W), {"stride": (1.5, 1)}),
        ("aten.conv2d.default", (X, W), {"groups": True}),
        ("aten.conv2d.default", (X, W), {"groups": 2**70}),
        ("aten.cat.default", ((),), {}),
        ("aten.gelu.default", (X, "x" * 100), {}),
        ("aten.leaky_relu.default", (X, float("nan")), {}),
    ],
)
def test_arguments_of_another_kind_are_refused(op, args, kwargs):
    with pytest.raises(ForeignError, match="The file gives"):
        bound(Step(op, args, ("y",), kwargs))
