"""Tensors as they were saved: strided, shared, of several types, never more than their bytes."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import nn

from cnnviz.models.foreign.archive import Archive
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.payload import REPEATED, tensors, whole
from tests.models.foreign import forged


class Odd(nn.Module):
    """Weights that are views, of several types, and the same twice."""

    def __init__(self) -> None:
        super().__init__()
        base = torch.randn(6, 10)
        self.turned = nn.Parameter(base.t())
        self.part = nn.Parameter(base[2:4, 3:7])
        self.same = self.part
        self.register_buffer("short", torch.arange(3, dtype=torch.int16))
        self.register_buffer("brain", torch.randn(3).bfloat16())
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("spread", torch.ones(1).expand(3))

    def forward(self, x):
        x = x.mean((2, 3)) * self.brain.float() * self.short.float() * self.mask * self.spread
        return x.sum() + self.turned.sum() + self.part.sum() + self.same.sum() + x


@pytest.mark.filterwarnings("ignore:No complete tensor")  # of torch, for views of one memory
def test_every_tensor_is_what_was_saved(tmp_path):
    net = Odd()
    path = tmp_path / "odd.pt2"
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 4, 4),)), path)
    with Archive(path) as archive:
        found, buffers = tensors(archive, "model")
    assert {"short", "brain", "mask", "spread"} <= buffers
    assert "part" not in buffers
    for name, tensor in net.state_dict().items():
        if name in found:
            wanted = tensor.float() if tensor.is_floating_point() else tensor
            torch.testing.assert_close(found[name], wanted, rtol=0, atol=0)
            assert found[name].is_contiguous()
    assert {"turned", "part", "short"} <= set(found)


def test_a_size_is_a_whole_number_that_can_be():
    assert whole({"as_int": 7}) == 7
    assert whole({"as_expr": {"expr_str": "s0", "hint": {"as_int": 2}}}) == 2
    for odd in (True, -1, 1.5, "3", 2**60, None):
        try:
            whole({"as_int": odd})
        except ValueError:
            continue
        raise AssertionError(odd)


def test_many_views_of_one_memory_take_no_more_than_the_file_lets_expect(tmp_path):
    def many(_: Any, weights: Any) -> None:
        entry = next(one for one in weights["config"].values() if len(one["tensor_meta"]["sizes"]) == 4)
        meta = entry["tensor_meta"]
        count = math.prod(size["as_int"] for size in meta["sizes"])
        for at in range(count - 1):
            view = copy.deepcopy(entry)
            view["tensor_meta"] |= {"sizes": [{"as_int": REPEATED // 4}], "strides": [{"as_int": 0}]}
            view["tensor_meta"]["storage_offset"] = {"as_int": at}
            weights["config"][f"more.{at}"] = view

    path = tmp_path / "many.pt2"
    path.write_bytes(forged.edited(many))
    with Archive(path) as archive, pytest.raises(ForeignError, match="shows its tensors as more than it holds"):
        tensors(archive, "model")
