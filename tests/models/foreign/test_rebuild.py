"""A network from a program: frozen, in evaluation mode, copied and differentiated as any other."""

from __future__ import annotations

import copy

import pytest
import torch

from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value
from cnnviz.models.foreign.rebuild import example, rebuild
from tests.models.foreign import nets


def test_a_net_is_frozen_and_can_be_copied_and_differentiated(tmp_path):
    net = rebuild(pt2.read(nets.put(tmp_path, "Shared")))
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    x = torch.randn(2, 3, 20, 20)
    torch.testing.assert_close(copy.deepcopy(net)(x), net(x))
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    net(one).sum().backward()
    nets.made("Shared")(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_the_example_has_usual_sides_where_the_file_leaves_them_free():
    steps = (Step("aten.mean.dim", (Value("x"), (2, 3)), ("y",)),)
    assert example(Program("x", (None, 1, None, 32), steps, {}, Value("y"))) == (1, 1, 224, 32)
    assert rebuild(Program("x", (None, 3, None, None), steps, {}, Value("y"))).classes == 3


def test_an_unknown_operation_is_refused():
    with pytest.raises(ForeignError, match=r"aten\.rand_like"):
        rebuild(Program("x", (1, 3, 8, 8), (Step("aten.rand_like.default", (Value("x"),), ("y",)),), {}, Value("y")))
