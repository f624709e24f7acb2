"""Sizes that the example fixed are read from the values again."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.budget import measure
from cnnviz.models.foreign.graph import Program, Step, Value
from cnnviz.models.foreign.sizes import free
from cnnviz.models.foreign.tidy import tidy
from tests.models.foreign import nets

X = Value("x")


def freed(*steps: Step, shape=(1, 6, 8, 4)) -> Program:
    program = Program("x", shape, steps, {}, Value(steps[-1].out[0]))
    return free(program, measure(program, shape).shapes)


@pytest.mark.parametrize("name", ["Padded", "Functional", "Attention", "Shared", "Chunks"])
def test_the_program_runs_on_other_sizes_and_batches(name, tmp_path):
    program = tidy(pt2.read(nets.put(tmp_path, name)))
    made = free(program, measure(program, program.shape).shapes)
    channels, height, width = nets.size_of(name)
    shape = (3, channels, height + 8, width + (5 if name == "Padded" else 4))
    with torch.no_grad():
        wanted = nets.made(name)(torch.zeros(shape))
    assert measure(made, shape).shapes[made.output.name] == tuple(wanted.shape)


def test_flattening_is_called_so():
    made = freed(Step("aten.view.default", (X, (1, 192)), ("y",)))
    assert [(step.op, step.args) for step in made.steps] == [("aten.flatten.using_ints", (X, 1))]


def test_a_view_of_what_never_changes_stays_as_it_is():
    step = Step("aten.view.default", (X, (-1, 6, 8, 4)), ("y",))
    assert measure(freed(step), (5, 6, 8, 4)).shapes["y"] == (5, 6, 8, 4)


def test_a_map_is_resized_to_the_one_it_meets():
    small = Step("aten.max_pool2d.default", (X, (2, 2)), ("small",))
    large = Step("aten.upsample_nearest2d.vec", (Value("small"), (8, 4), None), ("large",))
    made = freed(small, large, Step("aten.cat.default", ((X, Value("large")), 1), ("y",)))
    assert measure(made, (2, 6, 10, 14)).shapes["y"] == (2, 12, 10, 14)


def test_a_window_as_large_as_the_map_is_the_whole_map():
    pool = Step("aten.avg_pool2d.default", (X, (8, 4)), ("y",))
    assert measure(freed(pool), (1, 6, 20, 30)).shapes["y"] == (1, 6, 1, 1)
    fixed = Step("aten.avg_pool2d.default", (X, (8, 4)), ("y",), scope=(("pool", "AvgPool2d"),))
    assert measure(freed(fixed), (1, 6, 16, 8)).shapes["y"] == (1, 6, 2, 2)
