"""Work in place becomes plain work, where that is the same, and what nothing needs goes."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value
from cnnviz.models.foreign.tidy import tidy

X = Value("x")


def program(*steps: Step, output: str = "y") -> Program:
    return Program("x", (1, 3, 8, 8), steps, {}, Value(output))


def step(op: str, *args, out: str) -> Step:
    return Step(f"aten.{op}", args, (out,) if out else ())


def test_later_reads_of_the_old_name_read_what_was_written():
    made = tidy(program(
        step("neg.default", X, out="a"), step("relu_.default", Value("a"), out="b"),
        step("add_.Tensor", Value("b"), X, out="c"), step("mul.Tensor", Value("a"), Value("c"), out="y"),
    ))  # fmt: skip
    assert [one.op for one in made.steps] == [
        f"aten.{n}" for n in ("neg.default", "relu.default", "add.Tensor", "mul.Tensor")
    ]
    assert made.steps[-1].args == (Value("c"), Value("c"))


def test_an_output_that_was_overwritten_is_what_was_written():
    made = tidy(program(step("neg.default", X, out="y"), step("relu_.default", Value("y"), out=""), output="y"))
    assert len(made.steps) == 2
    assert made.output == Value(made.steps[-1].out[0])


def test_what_nothing_needs_goes():
    made = tidy(program(step("neg.default", X, out="dead"), step("relu.default", X, out="y")))
    assert [one.out for one in made.steps] == [("y",)]


def test_writing_over_a_part_of_a_tensor_is_refused():
    with pytest.raises(ForeignError, match="writes over a part"):
        tidy(program(
            step("neg.default", X, out="a"), step("select.int", Value("a"), 1, 0, out="part"),
            step("add_.Tensor", Value("part"), 1, out=""), step("relu.default", Value("a"), out="y"),
        ))  # fmt: skip
