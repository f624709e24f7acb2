"""Steps and tensors have the names of the original, and only what the logits need is kept."""

from __future__ import annotations

from cnnviz.models.foreign import onnx as reader
from tests.models.foreign.onnx.made import flat, model, node, numbers, saved


def read(tmp_path, nodes, **tensors):
    return reader.read(saved(tmp_path, model(nodes, tensors)))


def test_tensors_are_called_after_their_layers(tmp_path):
    nodes = [
        node("Conv", ["x", "onnx::Conv_7", "onnx::Conv_8"], ["a"], name="/features/features.0/Conv"),
        node("Relu", ["a"], ["b"], name="/features/features.1/Relu"),
        *flat(node("Mul", ["b", "scale"], ["m"], name="/Mul")),
    ]
    weights = {"onnx::Conv_7": numbers(4, 3, 3, 3), "onnx::Conv_8": numbers(4)}
    program = read(tmp_path, nodes, **weights, scale=numbers(4, 1, 1))
    assert sorted(program.tensors) == ["features.0.bias", "features.0.weight", "scale"]
    assert [step.scope[-1:] for step in program.steps] == [
        (("features.0", "Conv2d"),),
        (("features.1", "ReLU"),),
        (),
        (),
    ]


def test_one_tensor_of_two_layers_has_a_name_in_each_and_of_one_layer_that_runs_twice_one(tmp_path):
    nodes = [
        node("Identity", ["one.weight"], ["two.weight"]),
        node("Conv", ["x", "one.weight"], ["a"], name="/one/Conv"),
        node("Conv", ["a", "two.weight"], ["b"], name="/two/Conv"),
        node("Conv", ["b", "one.weight"], ["m"], name="/one_1/Conv"),
        node("Flatten", ["m"], ["y"], name="/Flatten"),
    ]
    program = read(tmp_path, nodes, **{"one.weight": numbers(3, 3, 1, 1)})
    assert sorted(program.tensors) == ["one.weight", "two.weight"]
    assert [step.scope[-1][0] for step in program.steps[:3]] == ["one", "two", "one@1"]


def test_what_the_logits_do_not_need_is_left_out(tmp_path):
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Sigmoid", ["a"], ["gone"]), *flat(node("Relu", ["x"], ["m"]))]
    program = read(tmp_path, nodes, w=numbers(4, 3, 3, 3))
    assert [step.op for step in program.steps] == ["aten.relu.default", "aten.flatten.using_ints"]
    assert not program.tensors
