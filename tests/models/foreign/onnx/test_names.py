"""The module tree comes from the exporters' notes and from the names of nodes."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.onnx.names import CLASSES, SCOPES, root, scopes
from cnnviz.models.foreign.onnx.proto import Node


def walked(name, op="Relu"):
    return Node(op, name, ("x",), ("y",), {})


def noted(paths, classes):
    return Node("Relu", "n", ("x",), ("y",), {}, {SCOPES: str(paths), CLASSES: str(classes)})


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("/Relu", ()),
        ("/conv1/Relu", ("conv1",)),
        ("/layer1/layer1.0/conv1/Relu", ("layer1", "layer1.0", "layer1.0.conv1")),
        ("/f/f.3/block/block.0/block.0.0/Relu", ("f", "f.3", "f.3.block", "f.3.block.0", "f.3.block.0.0")),
        ("/t/t.b1/b1-0/f/f.a/Relu_1", ("t", "t.b1", "t.b1.b1-0", "t.b1.b1-0.f", "t.b1.b1-0.f.a")),
        ("/features/features.3/Conv", ()),
        ("Relu_12", ()),
        ("/../etc/Relu", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_names_of_the_exporter_of_torchscript(name, paths):
    other, found = scopes([walked("/a/Relu"), walked(name)])
    assert [path for path, _ in other] == ["a"]
    assert tuple(path for path, _ in found) == paths


def test_the_second_run_of_a_module_is_told_from_a_module_of_that_name():
    convs = walked("/b/conv/Conv", "Conv"), walked("/b/conv_1/Conv", "Conv")
    nodes = [convs[0], walked("/b/relu/Relu"), convs[1], walked("/b/relu_1/Relu")]
    assert [found[-1][0] for found in scopes(nodes)] == ["b.conv", "b.relu", "b.conv_1", "b.relu@1"]


def test_notes_of_todays_exporter():
    paths = ["", "layer1", "layer1.0", "layer1.0.relu@1", "relu_2"]
    classes = ["m.ResNet", "m.Sequential", "m.BasicBlock", "m.ReLU", "aten.relu.default"]
    nodes = [noted(paths, classes), noted(["", "view"], ["m.ResNet", "aten.view.default"])]
    assert scopes(nodes) == [(("layer1", "Sequential"), ("layer1.0", "BasicBlock"), ("layer1.0.relu@1", "ReLU")), ()]
    assert root(nodes) == "ResNet"


@pytest.mark.parametrize(
    "paths",
    ["__import__('os')", "['a', 'b'] + c", "['', 'a.b/../c', 'x']", "[" * 500, "['', '" + "a" * 9000 + "', 'b']"],
)
def test_notes_that_are_no_list_of_names_say_nothing(paths):
    node = Node("Relu", "n", ("x",), ("y",), {}, {SCOPES: paths, CLASSES: "['m.Net', 'm.Part', 'aten.relu']"})
    assert scopes([node]) == [()]


def test_a_file_without_names_has_no_modules():
    assert scopes([walked("Relu_0"), walked("")]) == [(), ()]
    assert root([walked("")]) == ""
