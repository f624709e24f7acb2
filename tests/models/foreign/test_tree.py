"""Modules in the original's places: blocks that run, modules that are shared, names where the file knows none."""

from __future__ import annotations

import torch
from torch import nn

from cnnviz.inference import layers
from cnnviz.inference.cut import cut
from cnnviz.inference.tap import tap
from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.graph import Program, Step, Value
from cnnviz.models.foreign.rebuild import rebuild
from tests.models.foreign import nets


def test_layers_maps_and_hooks_are_those_of_the_original(tmp_path):
    for name in ("resnet18", "Shared", "Functional"):
        net, size = nets.made(name), nets.size_of(name)
        again = rebuild(pt2.read(nets.put(tmp_path, name)))
        assert layers.table(again, size) == layers.table(net, size)
        assert layers.maps(again, size) == layers.maps(net, size)
        assert layers.default_layer(again, size) == layers.default_layer(net, size)
        x, wanted = torch.randn(2, *size), layers.maps(net, size)
        for out, other in zip(tap(again, x, wanted)[1].values(), tap(net, x, wanted)[1].values(), strict=True):
            torch.testing.assert_close(out, other, rtol=1e-5, atol=1e-5)


def test_a_net_is_traced_and_cut_as_the_original_is(tmp_path):
    for name, layer in (
        ("resnet18", "layer4"),
        ("Padded", "two"),
        ("Shared", "block"),
        ("Attention", "patch"),
        ("Functional", "second"),
    ):
        net, again = nets.made(name), rebuild(pt2.read(nets.put(tmp_path, name)))
        x = torch.randn(1, *nets.size_of(name))
        made = cut(again, layer)
        torch.testing.assert_close(made.head(*made.trunk(x)), net(x), rtol=1e-4, atol=1e-5)
    assert cut(rebuild(pt2.read(nets.put(tmp_path, "resnet18"))), "layer4").carry is not None


def test_a_shared_module_is_one_with_one_set_of_weights(tmp_path):
    again = rebuild(pt2.read(nets.put(tmp_path, "Shared")))
    assert sum(isinstance(part, nn.Conv2d) for part in again.modules()) == 3
    twins = rebuild(pt2.read(nets.put(tmp_path, "Twins")))
    assert sum(p.numel() for p in twins.parameters()) == sum(p.numel() for p in nets.made("Twins").parameters())


def test_without_scopes_layers_are_called_after_their_tensors_and_operations():
    tensors = {"stem.weight": torch.randn(4, 3, 3, 3), "head.weight": torch.randn(2, 4)}
    program = Program("x", (1, 3, 8, 8), (
        Step("aten.conv2d.default", (Value("x"), Value("stem.weight")), ("a",)),
        Step("aten.relu.default", (Value("a"),), ("b",)),
        Step("aten.mean.dim", (Value("b"), (2, 3)), ("c",)),
        Step("aten.linear.default", (Value("c"), Value("head.weight")), ("y",)),
    ), tensors, Value("y"))  # fmt: skip
    net = rebuild(program)
    assert [(name, type(part).__name__) for name, part in net.named_children()] == [
        ("stem", "Conv2d"), ("relu_0", "ReLU"), ("head", "Linear")
    ]  # fmt: skip
    assert net.classes == 2
