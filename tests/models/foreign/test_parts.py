"""A module runs its routine step by step."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from cnnviz.models.foreign.budget import resolver
from cnnviz.models.foreign.graph import Value
from cnnviz.models.foreign.parts import Do, Net, Part, Routine, named


def take(*names: str):
    return tuple(resolver(Value(name)) for name in names)


def test_a_routine_runs_functions_and_modules_and_lets_go():
    net = Net()
    net.conv = nn.Conv2d(3, 4, 3)
    chunks = Do(torch.chunk, (), (*take("b"), lambda _: 2, lambda _: 1), ("c", "d"), True, done=("b",))
    body = (Do(F.relu, (), take("x"), ("a",), False), Do(None, ("conv",), take("a"), ("b",), False), chunks)
    net.routines = (Routine(("x",), (("w", ("conv", "bias")),), body, ("d",)),)
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(net(x), net.conv(F.relu(x))[:, 2:])


def test_a_part_prints_as_the_original_and_takes_no_odd_name():
    assert type(named("Bottleneck", Part)()).__name__ == "Bottleneck"
    for odd in ("a.b", "class", "", "x'y", "1a"):
        assert named(odd, Part) is Part
