"""Tracing a net disturbs nobody, whoever else traces or runs it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from cnnviz.inference.cut import cut
from cnnviz.inference.receptive_field import of_net
from cnnviz.inference.tracing import Tracer


def test_threads_that_trace_at_once_do_not_disturb_each_other():
    torchvision = pytest.importorskip("torchvision")
    nets = [torchvision.models.squeezenet1_1(weights=None).eval() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        fields = [pool.submit(of_net, net) for net in nets[:3]]
        cuts = [pool.submit(cut, net, "features.6.squeeze") for net in nets[3:]]
        assert len({tuple(field.result()) for field in fields}) == 1
        for net, made in zip(nets[3:], cuts, strict=True):
            x = torch.rand(1, 3, 48, 48)
            assert torch.allclose(made.result().head(*made.result().trunk(x)), net(x), atol=1e-4)


class _Waiting(nn.Module):
    """A net whose trace stops in the middle until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.inside, self.go_on = threading.Event(), threading.Event()

    def forward(self, x):
        x = self.conv(x)
        self.inside.set()
        assert self.go_on.wait(30)
        return x * self.conv.weight.sum()


def test_a_net_runs_undisturbed_while_another_thread_traces_it():
    net = _Waiting().eval()
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    x = torch.rand(1, 3, 8, 8)
    right, weight = other(x), net.conv.weight
    with ThreadPoolExecutor(1) as pool:
        traced = pool.submit(Tracer().trace, net)
        try:
            assert net.inside.wait(30)
            assert torch.equal(other(x), right)
            assert net.conv.weight is weight
            assert torch.equal(net.conv(x), nn.functional.conv2d(x, weight, net.conv.bias))
        finally:
            net.go_on.set()
        graph = traced.result()
    assert [node.op for node in graph.nodes] == [
        "placeholder",
        "call_module",
        "get_attr",
        "call_method",
        "call_function",
        "output",
    ]


class Keeping(nn.Module):
    """Keeps what it computes: a cache of an attention bias, running statistics, a table that is no weight."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
        self.bias, self.table, self.cache = nn.Parameter(torch.rand(2, 4)), torch.rand(4), {}
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        x = self.conv(x).relu()
        if "bias" not in self.cache:
            self.cache["bias"] = self.bias[0]
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 2, 3))
        self.seen = x
        return self.fc(x.mean((2, 3)) + self.cache["bias"] * self.table * torch.ones(4))


def test_a_trace_leaves_no_placeholder_in_what_a_forward_keeps():
    net, x = Keeping().eval().requires_grad_(False), torch.rand(1, 3, 8, 8)
    for _ in range(2):  # a second trace after the first one
        graph = torch.fx.GraphModule(net, Tracer().trace(net))
        assert not net.cache
        assert not hasattr(net, "seen")
        assert isinstance(net.mean, torch.Tensor)
        assert torch.allclose(graph(x), net.fc(net.conv(x).relu().mean((2, 3)) + net.bias[0] * net.table))
    halves = cut(net, "conv")
    assert torch.allclose(halves.head(*halves.trunk(x)), net(x), atol=1e-6)
