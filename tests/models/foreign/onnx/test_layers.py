"""Layers with weights, pools and norms answer as in onnxruntime, at the file's size and at others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign.onnx.made import SHAPE, flat, leaf, model, net, node, numbers, same, saved, whole

FREE = ("n", 3, "h", "w")
OTHERS = (SHAPE, (3, 3, 11, 14))
WEIGHT = {"w": numbers(4, 3, 3, 3), "b": numbers(4)}


def conv(**attributes):
    return flat(node("Conv", ["x", "w", "b"], ["m"], **attributes))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pads": [1, 1, 1, 1], "strides": [2, 2]},
        {"pads": [1, 2, 1, 2], "dilations": [2, 1], "kernel_shape": [3, 3]},
        {"pads": [0, 1, 2, 0]},
        {"auto_pad": "VALID", "strides": [3, 2]},
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    ],
)
def test_a_convolution_and_its_pads(tmp_path, attributes):
    found = same(tmp_path, model(conv(**attributes), WEIGHT, FREE), *OTHERS)
    assert isinstance(found.conv1, nn.Conv2d)


def test_groups_one_dimension_and_the_way_back(tmp_path):
    grouped = flat(node("Conv", ["x", "w"], ["m"], group=3))
    assert leaf(same(tmp_path, model(grouped, {"w": numbers(6, 1, 3, 3)}), SHAPE)).groups == 3
    turned = flat(
        node("ConvTranspose", ["x", "w", "b"], ["m"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    )
    same(tmp_path, model(turned, {"w": numbers(3, 5, 3, 3), "b": numbers(5)}, FREE), *OTHERS)
    rows = [
        node("GlobalAveragePool", ["x"], ["p"]),
        node("Reshape", ["p", "to"], ["r"]),
        node("Conv", ["r", "w"], ["m"], pads=[1, 1]),
        node("Flatten", ["m"], ["y"]),
    ]
    same(tmp_path, model(rows, {"to": whole(-1, 1, 3), "w": numbers(1, 1, 3)}, FREE), *OTHERS)


@pytest.mark.parametrize(
    "pool",
    [
        node("MaxPool", ["x"], ["m"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("MaxPool", ["x"], ["m"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        node("MaxPool", ["x"], ["m"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("MaxPool", ["x"], ["m"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("AveragePool", ["x"], ["m"], kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
        node("AveragePool", ["x"], ["m"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        node("AveragePool", ["x"], ["m"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1),
        node("AveragePool", ["x"], ["m"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("GlobalAveragePool", ["x"], ["m"]),
        node("GlobalMaxPool", ["x"], ["m"]),
    ],
)
def test_pools(tmp_path, pool):
    same(tmp_path, model(flat(pool), shape=FREE), *OTHERS)


NORM = {"s": numbers(4), "t": numbers(4, seed=1), "m0": numbers(4, seed=2), "v": abs(numbers(4, seed=3)) + 0.1}


@pytest.mark.parametrize(
    ("norm", "opset", "kind"),
    [
        (node("BatchNormalization", ["c", "s", "t", "m0", "v"], ["m"], epsilon=0.001), 15, nn.BatchNorm2d),
        (node("InstanceNormalization", ["c", "s", "t"], ["m"], epsilon=1e-3), 15, None),
        (node("GroupNormalization", ["c", "s", "t"], ["m"], num_groups=2), 21, nn.GroupNorm),
        (node("GroupNormalization", ["c", "g", "g"], ["m"], num_groups=2), 18, nn.GroupNorm),
    ],
)
def test_norms(tmp_path, norm, opset, kind):
    nodes = flat(node("Conv", ["x", "w", "b"], ["c"]), norm)
    found = same(tmp_path, model(nodes, WEIGHT | NORM | {"g": numbers(2)}, FREE, opset), *OTHERS)
    assert kind is None or any(isinstance(part, kind) for part in found.modules())


def test_layer_norm_is_over_the_last_dimensions(tmp_path):
    nodes = [
        node("Transpose", ["x"], ["p"], perm=[0, 2, 3, 1]),
        node("LayerNormalization", ["p", "s", "t"], ["m"], epsilon=1e-6),
        node("Flatten", ["m"], ["y"]),
    ]
    found = same(tmp_path, model(nodes, {"s": numbers(3), "t": numbers(3, seed=1)}, FREE), *OTHERS)
    assert found.norm1.eps == 1e-6


@pytest.mark.parametrize(
    ("linear", "tensors"),
    [
        ([node("Gemm", ["f", "w", "b"], ["y"], transB=1)], {"w": numbers(5, 3), "b": numbers(5)}),
        ([node("Gemm", ["f", "w", "b"], ["y"], alpha=0.5, beta=2.0)], {"w": numbers(3, 5), "b": numbers(1)}),
        ([node("MatMul", ["f", "w"], ["l"]), node("Add", ["b", "l"], ["y"])], {"w": numbers(3, 5), "b": numbers(5)}),
        ([node("MatMul", ["f", "w"], ["y"])], {"w": numbers(3, 5)}),
    ],
)
def test_linear_layers(tmp_path, linear, tensors):
    nodes = [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["f"]), *linear]
    found = same(tmp_path, model(nodes, tensors, FREE), *OTHERS)
    assert isinstance(found.fc1, nn.Linear)
    assert (found.fc1.bias is None) == ("b" not in tensors)


def test_what_torch_has_not_is_refused_by_name(tmp_path):
    for odd, why in (
        (node("Conv", ["x", "w3"], ["m"]), "kernel of 3 dimensions"),
        (node("MaxPool", ["x"], ["m"], kernel_shape=[3, 3], pads=[0, 0, 1, 1], ceil_mode=1), "differ at its two ends"),
        (node("AveragePool", ["x"], ["m"], kernel_shape=[3, 3], pads=[0, 0, 1, 1]), "differ at its two ends"),
        (node("BatchNormalization", ["x", "s", "s", "s", "s"], ["m"], training_mode=1), "statistics of its batch"),
        (node("Gemm", ["x", "w3"], ["m"], transA=1), "turned input"),
    ):
        path = saved(tmp_path, model(flat(odd), {"w3": numbers(4, 3, 3, 3, 3), "s": numbers(3)}))
        with pytest.raises(ForeignError, match=why):
            net(path)


def test_weights_that_are_standardised_when_read(tmp_path):
    nodes = [
        node("Reshape", ["w", "row"], ["r"]),
        node("BatchNormalization", ["r", "g", "z", "z", "g"], ["n", "n1", "n2"], training_mode=1, epsilon=1e-6),
        node("Reshape", ["n", "back"], ["k"]),
        *flat(node("Conv", ["x", "k"], ["m"])),
    ]
    ones, zeros = torch.ones(4).numpy(), torch.zeros(4).numpy()
    tensors = {"w": WEIGHT["w"], "row": whole(1, 4, -1), "back": whole(4, 3, 3, 3), "g": ones, "z": zeros}
    found = same(tmp_path, model(nodes, tensors), SHAPE)
    assert float(found.conv1.weight.mean()) == pytest.approx(0, abs=1e-6)
