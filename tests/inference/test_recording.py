"""Every operator that a forward ends in is written down, whatever it is called by, and nothing stays behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from cnnviz.inference.recording import record
from cnnviz.inference.tap import LayerError
from tests.inference.written import Steered, Written, made


def test_a_recorded_run_has_every_module_s_output_as_it_was_before_anything_wrote_over_it():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)).eval()
    x = torch.randn(1, 1, 8, 8)
    before = x.clone()
    found = record(net, x)
    assert torch.equal(x, before)
    assert torch.equal(found.last(net, "0").numbers, net[0](x))
    assert (found.last(net, "0").numbers < 0).any()
    assert torch.equal(found.last(net, "1").numbers, net[0](x).relu())
    assert [value.by.name for value in found.values if value.by and value.which == 0] == [
        "convolution", "relu", "max_pool2d_with_indices",
    ]  # fmt: skip


def test_modules_and_functions_are_the_same_operators():
    net = made(Written)
    found = record(net, torch.randn(1, 3, 21, 24))
    names = {value.by.name: value.by.module for value in found.values if value.by}
    assert {"convolution", "native_batch_norm", "native_layer_norm", "hardswish", "cat", "addmm"} <= set(names)
    assert names["hardswish"] == ""
    assert found.last(net, "stem").by.module == "stem"
    assert found.last(net, "norm").by.module == "norm.act"
    assert not found.steered


def test_a_forward_may_branch_on_its_input_and_is_known_to():
    net = made(Steered)
    for x, runs, other in ((torch.ones(1, 3, 9, 9), "bright", "dark"), (-torch.ones(1, 3, 9, 9), "dark", "bright")):
        found = record(net, x)
        assert found.steered
        assert torch.equal(found.last(net, runs).numbers, net.get_submodule(runs)(x))
        with pytest.raises(LayerError, match=other):
            found.last(net, other)


def test_a_tensor_that_another_one_wrote_over_is_known_to_have_changed():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.whole, self.other = nn.Identity(), nn.Identity()

        def forward(self, x):
            x = x * 2
            one, two = x.chunk(2, 1)
            one.neg_()
            return self.whole(x) + self.other(two).mean()

    net = Views()
    found = record(net, torch.rand(1, 4, 3, 3) + 1)
    assert found.last(net, "whole").by.name == "in-place change"
    assert found.last(net, "other").by.name != "in-place change"  # its own numbers are as they were


def test_nothing_stays_behind_and_other_threads_are_not_written_down():
    net, x = made(Written), torch.randn(1, 3, 16, 16)

    class Breaks(nn.Module):
        def forward(self, x):
            raise ArithmeticError

    count = len(record(net, x).values)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(record, net, x) for _ in range(4)]
        right = net(x)
        assert all(len(run.result().values) == count for run in runs)
    assert torch.equal(net(x), right)
    with pytest.raises(ArithmeticError):
        record(nn.Sequential(net.stem, Breaks()), x)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_a_recording_ends_behind_the_last_run_of_the_layer_that_is_wanted():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(3, 3, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.last(self.conv(self.conv(x)).mean((2, 3)))

    net, x = Twice(), torch.randn(1, 3, 9, 9)
    whole = record(net, x, until="conv")
    short = record(net, x, until="conv")
    assert len(whole.outputs[net.conv]) == len(short.outputs[net.conv]) == 2
    assert net.last in whole.outputs
    assert net.last not in short.outputs
    assert torch.equal(short.last(net, "conv").numbers, net.conv(net.conv(x)))


def test_without_numbers_only_shapes_are_kept():
    value = record(made(Written), torch.randn(1, 3, 16, 16), numbers=False).values[-1]
    assert value.shape == (1, 3)
    assert value.tensor is None
