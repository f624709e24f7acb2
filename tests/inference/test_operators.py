"""The names of operators are PyTorch's own, each in one class."""

import torch

from cnnviz.inference import operators


def test_every_operator_named_is_one_of_torch_and_of_one_kind_only():
    kinds = (operators.MOVES, operators.ELEMENTWISE, operators.NORMS, operators.SOURCES)
    names = [name for kind in kinds for name in kind]
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(torch.ops.aten, name)] == []
    assert [name for name in operators.FUNCTIONS if not hasattr(torch.ops.aten, name)] == []


def test_a_size_is_along_both_sides():
    assert operators.pair(3) == operators.pair([3]) == operators.pair((3, 3)) == (3, 3)
    assert operators.pair((1, 2)) == (1, 2)
