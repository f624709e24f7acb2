"""What a step reads, where it runs, and the same step with other arguments."""

from __future__ import annotations

from cnnviz.models.foreign.graph import Step, Value
from cnnviz.models.foreign.operators import bound
from cnnviz.models.foreign.steps import axes_of, paths, read, runs, with_given

STEP = Step("aten.flatten.using_ints", (Value("maps"), 1), ("vector",), scope=(("", "Net"), ("head", "Head")))


def test_axes_are_counted_from_the_front():
    assert axes_of((-1, 0), 4) == [3, 0]
    assert axes_of(-2, 3) == [1]


def test_a_step_knows_its_modules_and_its_values():
    assert paths(STEP) == ("", "head")
    assert runs(STEP, "Head")
    assert not runs(STEP, "Net")
    assert read(STEP) == [Value("maps")]


def test_other_arguments_go_by_their_names():
    other = with_given(STEP, bound(STEP) | {"start_dim": 2})
    assert bound(other)["start_dim"] == 2
    assert (other.op, other.out, other.scope) == (STEP.op, STEP.out, STEP.scope)
