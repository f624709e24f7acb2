"""An operation of a module of its own is that module of torch.nn, if class, tensors and arguments agree."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models.foreign.graph import ForeignError, Step, Value
from cnnviz.models.foreign.leaves import leaf_of, make

X = Value("x")
TENSORS = {"c.weight": torch.randn(4, 3, 3, 3), "c.bias": torch.randn(4), "n.running_mean": torch.zeros(4),
           "n.running_var": torch.ones(4), "n.weight": torch.ones(4), "n.bias": torch.zeros(5)}  # fmt: skip
CONV = Step("aten.conv2d.default", (X, Value("c.weight"), Value("c.bias"), (2, 2)), ("y",))


def test_a_convolution_is_one_with_the_tensors_of_the_file():
    module = make(leaf_of(CONV, "c", "Conv2d", TENSORS), TENSORS)
    assert type(module) is nn.Conv2d
    assert module.stride == (2, 2)
    assert module.weight.data_ptr() == TENSORS["c.weight"].data_ptr()
    x = torch.randn(1, 3, 9, 9)
    torch.testing.assert_close(module(x), nn.functional.conv2d(x, TENSORS["c.weight"], TENSORS["c.bias"], 2))
    assert type(make(leaf_of(CONV, "c", "", TENSORS), TENSORS)) is nn.Conv2d


@pytest.mark.parametrize(
    ("step", "path", "kind"),
    [
        (CONV, "c", "StdConv2d"),
        (CONV, "d", "Conv2d"),
        (Step("aten.conv2d.default", (Value("c.weight"), Value("c.weight")), ("y",)), "c", "Conv2d"),
        (Step("aten.relu.default", (X,), ("y",)), "c", "Sigmoid"),
        (Step("aten.add.Tensor", (X, X), ("y",)), "c", "Add"),
        (Step("aten.softmax.int", (X, Value("n")), ("y",)), "c", "Softmax"),
    ],
)
def test_what_is_not_that_module_stays_an_operation(step, path, kind):
    assert leaf_of(step, path, kind, TENSORS) is None


def test_relu6_and_batch_norm_of_vectors_are_told_apart():
    clip = Step("aten.hardtanh.default", (X, 0.0, 6.0), ("y",))
    assert type(make(leaf_of(clip, "a", "ReLU6", {}), {})) is nn.ReLU6
    assert type(make(leaf_of(Step("aten.hardtanh.default", (X,), ("y",)), "a", "", {}), {})) is nn.Hardtanh
    stats = [Value(f"n.running_{name}") for name in ("mean", "var")]
    norm = Step("aten.batch_norm.default", (X, None, None, *stats), ("y",))
    assert type(make(leaf_of(norm, "n", "", TENSORS, rank=2), TENSORS)) is nn.BatchNorm1d


def test_tensors_that_do_not_fit_are_refused():
    parts = [Value(f"n.{name}") for name in ("weight", "bias", "running_mean", "running_var")]
    leaf = leaf_of(Step("aten.batch_norm.default", (X, *parts), ("y",)), "n", "BatchNorm2d", TENSORS)
    with pytest.raises(ForeignError, match=r"n\.bias does not fit"):
        make(leaf, TENSORS)
