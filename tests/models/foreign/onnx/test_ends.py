"""The scaling before a network in a file is taken off and said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cnnviz.models.foreign import onnx as reader
from cnnviz.models.foreign.onnx.ends import card, unwrapped
from tests.models.foreign.onnx.made import model, node, numbers, saved

TAIL = [node("GlobalAveragePool", ["c"], ["p"]), node("Flatten", ["p"], ["f"])]
CONV = {"w": numbers(4, 3, 3, 3)}


def read(tmp_path, nodes, **tensors):
    return reader.read(saved(tmp_path, model(nodes, CONV | tensors)))


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ([node("Div", ["x", "n"], ["s"])], {"mean": [0] * 3, "std": [1] * 3, "white": 255}),
        (
            [node("Mul", ["x", "r"], ["a"]), node("Sub", ["a", "one"], ["s"])],
            {"mean": [0.5] * 3, "std": [0.5] * 3, "white": 255},
        ),
        (
            [node("Sub", ["x", "h"], ["a"]), node("Div", ["a", "h"], ["s"])],
            {"mean": [0.5] * 3, "std": [0.5] * 3, "white": 1},
        ),
        ([node("Relu", ["x"], ["s"])], None),
        ([node("Mul", ["x", "minus"], ["s"])], None),
    ],
)
def test_pixels_that_a_file_scales(tmp_path, nodes, wanted):
    values = {"n": 255, "r": 1 / 127.5, "one": 1, "h": 0.5, "minus": -1}
    used = {name for each in nodes for name in each.input} & set(values)
    tensors = {name: np.array(values[name], np.float32) for name in used}
    program = read(
        tmp_path, [*nodes, node("Conv", ["s", "w"], ["c"]), *TAIL[:1], node("Flatten", ["p"], ["y"])], **tensors
    )
    said = program.said.get("normalisation")
    assert (said is None) == (wanted is None)
    if wanted:
        found = json.loads(said)
        assert found["white"] == wanted["white"]
        assert found["mean"] == pytest.approx(wanted["mean"])
        assert found["std"] == pytest.approx(wanted["std"], rel=1e-5)
        assert program.steps[0].op == "aten.conv2d.default"


def test_maps_of_one_position_become_a_row(tmp_path):
    program = read(tmp_path, [node("Conv", ["x", "w"], ["c"]), node("GlobalAveragePool", ["c"], ["y"])])
    assert program.steps[-1].op == "aten.flatten.using_ints"


def test_notes_of_the_own_export():
    assert card({"cnnviz": '{"labels": ["a"]}'}) == {"labels": ["a"]}
    assert card({}) == card({"cnnviz": "["}) == card({"cnnviz": "[1]"}) == {}
    assert (unwrapped("net.conv1", "net"), unwrapped("net.conv1", "")) == ("conv1", "net.conv1")
