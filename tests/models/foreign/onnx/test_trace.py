"""Sizes that follow the input are told from those of the network; what is worked out early stays within bounds."""

from __future__ import annotations

import pytest
import torch

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.proto import Graph, Node
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Fixed, Live

NODE = Node("Relu", "", ("x",), ("y",), {})


def trace(first=(1, 3, 8, 8), second=(3, 3, 33, 65)):
    return Trace(Graph((NODE,), {}, {"x": first}, ("y",), 20, "", {}), first, second)


def test_a_size_is_a_number_or_read_from_its_tensor():
    t = trace()
    pooled = t.emit("aten.max_pool2d.default", t.input, (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert t.emit("aten.sym_size.int", pooled, 1) == 3
    size = t.emit("aten.sym_size.int", pooled, 2)
    assert isinstance(size, Live)
    assert (size.first, size.second) == (4, 16)
    assert t.extent(7, 7) == 7
    assert t.extent(4, 32).first == 4  # twice what pooling left of the width
    with pytest.raises(Fixed):
        t.extent(5, 77)


def test_constants_are_computed_and_nothing_is_written_down():
    t = trace()
    found = t.emit("aten.add.Tensor", Constant(torch.ones(2)), 1.0)
    assert isinstance(found, Constant)
    assert found.tensor.tolist() == [2.0, 2.0]
    assert t.records == []
    follows = t.emit("aten.mul.Tensor", Constant(torch.tensor([8]), "", torch.tensor([33])), 2)
    assert (follows.tensor.tolist(), follows.second.tolist()) == ([16], [66])
    with pytest.raises(ForeignError, match="GiB of memory"):
        t.emit("aten.expand.default", Constant(torch.ones(1)), (2**31,))


def test_what_does_not_run_at_the_second_size_is_fixed_and_at_the_first_refused():
    t = trace()
    with pytest.raises(Fixed):
        t.emit("aten.reshape.default", t.input, (1, 192))
    with pytest.raises(ForeignError, match="does not run"):
        t.emit("aten.reshape.default", t.input, (1, 191))
    assert trace(second=None).emit("aten.reshape.default", t.input, (1, 192)).shape == (1, 192)


def test_steps_are_taken_back():
    t = trace()
    mark = t.mark()
    made = t.emit("aten.relu.default", t.input)
    assert t.maker(made, "aten.relu.default") is t.records[0]
    t.back(mark)
    assert (t.records, t.maker(made, "aten.relu.default")) == ([], None)
