"""A program leads from its input to its output, or it is refused."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value, printable, values

X = Value("x")


def program(*steps: Step, output: str = "y", tensors=None) -> Program:
    return Program("x", (1, 3, 8, 8), steps, tensors or {}, Value(output))


def relu(of: str, out: str, **more) -> Step:
    return Step("aten.relu.default", (Value(of),), (out,), **more)


def test_a_program_that_leads_to_its_output_is_taken():
    made = program(relu("x", "a"), relu("a", "y", scope=(("layer1.0", "Block"), ("layer1.0.relu@1", "ReLU"))))
    assert len(made.steps) == 2
    assert [value.name for value in values((X, (1, (Value("w"),)), {"k": Value("v")}))] == ["x", "w", "v"]
    assert printable("a\n" * 200).count("\n") == 0


@pytest.mark.parametrize(
    ("steps", "more", "sentence"),
    [
        ((relu("later", "y"), relu("x", "later")), {}, "before it is computed"),
        ((relu("y", "y"),), {}, "before it is computed"),
        ((relu("x", "y"), relu("x", "y")), {}, "twice"),
        ((relu("x", "x"),), {}, "twice"),
        ((relu("x", "a"),), {}, "never computes"),
        ((relu("x", "y", scope=(("a'b", "C"),)),), {}, "impossible name"),
        ((relu("x", "y", scope=(("a", "C();"),)),), {}, "impossible name"),
        ((relu("x", "y"),), {"tensors": {"we ight": torch.zeros(1)}}, "impossible name"),
        ((relu("x", "y"),), {"tensors": {"x": torch.zeros(1)}}, "two values"),
        ((Step("aten.add.Tensor", (X, object()), ("y",)),), {}, "argument that no reader makes"),
    ],
)
def test_circles_doubles_and_odd_names_are_refused(steps, more, sentence):
    with pytest.raises(ForeignError, match=sentence):
        program(*steps, **more)
