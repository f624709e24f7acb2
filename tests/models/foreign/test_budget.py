"""A program is measured on the meta device before anything of it is computed."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.budget import measure
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value
from tests.models.foreign import nets

X = Value("x")


def program(*steps: Step, tensors=None) -> Program:
    return Program("x", (1, 3, 8, 8), steps, tensors or {}, Value(steps[-1].out[0]))


@pytest.mark.parametrize("name", ["Functional", "Shared", "Attention", "Chunks", "Twins"])
def test_the_shapes_are_those_of_a_real_run(name, tmp_path):
    made = pt2.read(nets.put(tmp_path, name))
    found = measure(made, (2, *nets.size_of(name))) if name == "Shared" else measure(made, made.shape)
    out = nets.made(name)(torch.zeros(2 if name == "Shared" else 1, *nets.size_of(name)))
    assert found.shapes[made.output.name] == tuple(out.shape)
    assert 0 < found.peak < 10_000_000


def test_one_value_and_all_at_once_are_bounded():
    big = Step("aten.repeat.default", (X, (1, 1, 4, 4)), ("a",))
    assert measure(program(big), (1, 3, 8, 8)).peak == 4 * 3 * 64 * 17
    with pytest.raises(ForeignError, match=r"aten\.repeat\.default would need"):
        measure(program(big), (1, 3, 8, 8), one=1000)
    held = [Step("aten.repeat.default", (X, (1, 1, 4, 4)), (f"a{n}",)) for n in range(9)]
    kept = Step("aten.cat.default", (tuple(Value(f"a{n}") for n in range(9)),), ("y",))
    with pytest.raises(ForeignError, match="over the limit"):
        measure(program(*held, kept), (1, 3, 8, 8), at_once=60_000)
    freed = [Step("aten.relu.default", (Value(f"a{n - 1}") if n else X,), (f"a{n}",)) for n in range(99)]
    assert measure(program(*freed), (1, 3, 8, 8), at_once=4 * 64 * 3 * 2).peak == 4 * 64 * 3 * 2


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step("aten.view.default", (X, (1, 7)), ("y",)), "does not run"),
        (Step("aten.matmul.default", (X, Value("w")), ("y",)), "does not run"),
        (Step("aten.conv2d.default", (X, Value("w")), ("y",)), "does not run"),
        (Step("aten.chunk.default", (X, 2, 1), ("a", "b", "y")), "wants 3 outputs"),
        (Step("aten.sym_size.int", (X, 9), ("y",)), "does not run"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(step, reason):
    with pytest.raises(ForeignError, match=reason):
        measure(program(step, tensors={"w": torch.zeros(5, 2)}), (1, 3, 8, 8))
