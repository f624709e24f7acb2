"""A program is measured on the meta device before anything of it is computed."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from cnnviz.models.foreign import budget, pt2
from cnnviz.models.foreign.budget import Sizes, measure
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value
from cnnviz.models.foreign.rebuild import rebuild
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


def test_a_size_is_measured_before_anything_is_computed_for_it_and_only_once(monkeypatch):
    steps = (
        Step("aten.upsample_nearest2d.vec", (X, None, (32.0, 32.0)), ("a",)),
        Step("aten.mean.dim", (Value("a"), (2, 3)), ("y",)),
    )
    net = rebuild(program(*steps))
    assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 3)
    with pytest.raises(ForeignError, match=r"of 8 x 8 pixels and takes none of 4096 x 4096: .* 192.0 GiB") as refusal:
        net(torch.zeros(1, 3, 1, 1).expand(1, 3, 4096, 4096))
    assert "\n" not in str(refusal.value)
    monkeypatch.setattr(budget, "measure", None)
    assert copy.deepcopy(net)(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_a_program_for_one_size_alone_takes_no_other():
    sizes = Sizes(dataclasses.replace(program(Step("aten.relu.default", (X,), ("y",))), alone=True), (3, 8, 8))
    assert sizes.refusal((3, 8, 8)) is None
    assert "takes none of 9 x 8: a pool in it is written out for that size" in str(sizes.refusal((3, 9, 8)))


def test_an_input_of_other_dimensions_or_channels_is_refused_in_a_sentence(tmp_path):
    net = rebuild(pt2.read(nets.put(tmp_path, "Shared")))
    for shape in ((1, 1, 20, 20), (20, 20)):
        with pytest.raises(ForeignError, match="takes none of"):
            net(torch.zeros(shape))


def test_an_early_layer_runs_on_sizes_that_the_head_does_not_take():
    tensors = {"fc.weight": torch.ones(2, 3 * 64)}
    steps = (
        Step("aten.relu.default", (X,), ("a",), scope=(("act", "ReLU"),)),
        Step("aten.flatten.using_ints", (Value("a"), 1), ("b",)),
        Step("aten.linear.default", (Value("b"), Value("fc.weight")), ("y",)),
    )
    net = rebuild(program(*steps, tensors=tensors))
    seen = []
    net.get_submodule("act").register_forward_hook(lambda *given: seen.append(given[2].shape))
    with pytest.raises(ForeignError, match=r"takes none of 9 x 9: its operation aten\.linear\.default does not run"):
        net(torch.zeros(1, 3, 9, 9))
    assert seen == [(1, 3, 9, 9)]
