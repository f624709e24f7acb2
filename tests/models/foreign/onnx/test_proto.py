"""A file is a network's graph and nothing else, or it is refused with a sentence that says which part."""

from __future__ import annotations

import sys

import pytest

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.proto import parse
from tests.models.foreign.onnx.made import flat, model, node, numbers, onnx, saved

RELU = flat(node("Relu", ["x"], ["m"]))


def test_a_graph_as_plain_data(tmp_path):
    made = model(
        flat(node("Conv", ["x", "w"], ["m"], pads=[1, 1, 1, 1], auto_pad="NOTSET")), {"w": numbers(4, 3, 3, 3)}
    )
    onnx.helper.set_model_props(made, {"labels": '["cat", "dog"]'})
    graph = parse(saved(tmp_path, made))
    assert graph.inputs == {"x": (2, 3, 8, 8)}
    assert graph.outputs == ("y",)
    assert graph.nodes[0].attributes == {"pads": (1, 1, 1, 1), "auto_pad": "NOTSET"}
    assert (graph.opset, graph.notes) == (20, {"labels": '["cat", "dog"]'})
    assert graph.tensors["w"].shape == (4, 3, 3, 3)


def test_free_dimensions_and_tensors_among_the_inputs(tmp_path):
    made = model(flat(node("Conv", ["x", "w"], ["m"])), {"w": numbers(4, 3, 3, 3)}, ("n", 3, "h", 0))
    made.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, (4, 3, 3, 3)))
    assert parse(saved(tmp_path, made)).inputs == {"x": (None, 3, None, None)}


def changed(change):
    made = model(RELU, {"w": numbers(1)})
    change(made)
    return made


def attribute(made, **fields):
    made.graph.node[0].attribute.append(onnx.AttributeProto(name="a", **fields))


IF = node("If", ["x"], ["m"], then_branch=model(RELU).graph, else_branch=model(RELU).graph)
FUNCTION = onnx.helper.make_function("own", "Own", ["x"], ["y"], [node("Relu", ["x"], ["y"])], [])


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (model(flat(IF)), "decides while it runs"),
        (model(flat(node("Own", ["x"], ["m"], domain="own")), functions=[FUNCTION]), "functions of its own"),
        (model(flat(node("Gelu", ["x"], ["m"], domain="com.microsoft"))), "of 'com.microsoft'"),
        (model(flat(node("QLinearConv", ["x"] * 8, ["m"]))), "quantised"),
        (model(flat(node("DequantizeLinear", ["x", "x"], ["m"]))), "quantised"),
        (model(flat(node("ConvInteger", ["x", "x"], ["m"]))), "quantised"),
        (changed(lambda made: setattr(made, "ir_version", 99)), "version 99"),
        (changed(lambda made: made.ClearField("ir_version")), "version 0"),
        (changed(lambda made: setattr(made.opset_import[0], "version", 6)), "operator sets 7 to 28"),
        (changed(lambda made: made.ClearField("opset_import")), "operator sets"),
        (changed(lambda made: made.graph.ClearField("node")), "no operators"),
        (changed(lambda made: made.graph.initializer.add(name="w", data_type=1)), "twice"),
        (changed(lambda made: made.training_info.add()), "training graph"),
        (changed(lambda made: made.graph.sparse_initializer.add()), "sparse tensors"),
        (changed(lambda made: attribute(made, type=5, g=made.graph)), "attribute of kind 5"),
        (changed(lambda made: attribute(made, type=1, f=float("nan"))), "number that is none"),
        (changed(lambda made: [attribute(made, type=2, i=1), attribute(made, type=2, i=2)]), "attribute twice"),
        (model(RELU, kind=7), "whole numbers"),
    ],
)
def test_what_is_no_plain_network_is_refused(tmp_path, made, why):
    with pytest.raises(ForeignError, match=why):
        parse(saved(tmp_path, made))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + bytes(50), b"\x80\x02}q\x00.", bytes(100), b"\x3a\x02\x0a"])
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(ForeignError):
        parse(path)


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    path = saved(tmp_path, model(RELU))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ForeignError, match=r'pip install "cnnviz\[onnx\]"'):
        parse(path)
