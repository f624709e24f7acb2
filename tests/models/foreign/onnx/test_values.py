"""Values that depend on the input have a shape for two batches, all others are tensors."""

from __future__ import annotations

import torch

from cnnviz.models.foreign.onnx.values import Constant, Live, flat, given, meta, metas, run


def test_arguments_as_tensors_and_as_shapes():
    live = Live("v1", meta((1, 2)), meta((3, 2)))
    number = Constant(torch.ones(2), "w", torch.zeros(2))
    assert (live.shape, live.other, Live("v2", meta((1,)), None).other) == ((1, 2), (3, 2), (1,))
    assert list(flat((live, (number, 3), None))) == [live, number, 3, None]
    assert given((number, (1, None)), True)[0].tolist() == [0, 0]
    shapes = metas((live, (number,), 5), True)
    assert (shapes[0].shape, shapes[1][0].device.type, shapes[2]) == ((3, 2), "meta", 5)


def test_an_operation_has_its_defaults():
    assert run("aten.add.Tensor", (torch.ones(2), 2)).tolist() == [3, 3]
