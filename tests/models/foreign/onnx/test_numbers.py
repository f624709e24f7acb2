"""Activations, sums and means answer as in onnxruntime, and constants are worked out while the file is read."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign.onnx.made import flat, leaf, model, net, node, numbers, same, saved, whole

FREE = ("n", 3, "h", "w")
OTHERS = ((2, 3, 8, 8), (3, 3, 9, 14))
HALF, THREE = np.array(0.5, np.float32), np.array([3.0], np.float32)


@pytest.mark.parametrize(
    ("op", "attributes", "kind"),
    [
        ("Relu", {}, nn.ReLU),
        ("LeakyRelu", {"alpha": 0.2}, nn.LeakyReLU),
        ("Elu", {"alpha": 0.7}, nn.ELU),
        ("Celu", {"alpha": 0.7}, nn.CELU),
        ("Selu", {}, nn.SELU),
        ("Sigmoid", {}, nn.Sigmoid),
        ("Tanh", {}, nn.Tanh),
        ("HardSwish", {}, nn.Hardswish),
        ("HardSigmoid", {"alpha": 1 / 6}, nn.Hardsigmoid),
        ("HardSigmoid", {}, None),
        ("Mish", {}, nn.Mish),
        ("Softplus", {}, nn.Softplus),
        ("Gelu", {"approximate": "tanh"}, nn.GELU),
        ("Softmax", {"axis": 1}, nn.Softmax),
        ("LogSoftmax", {"axis": -1}, None),
        ("Erf", {}, None),
        ("Exp", {}, None),
        ("Neg", {}, None),
        ("Abs", {}, None),
        ("ReduceMean", {"keepdims": 0}, None),
        ("ReduceSum", {"keepdims": 1}, None),
    ],
)
def test_an_activation_is_the_module_of_its_kind(tmp_path, op, attributes, kind):
    found = same(tmp_path, model([node(op, ["x"], ["m"], **attributes), *end("m")], shape=FREE), *OTHERS)
    if kind:
        assert type(leaf(found)) is kind


def end(name):
    """A sum over height and width, so that numbers of any rank become logits."""
    return [
        node("Add", [name, "z"], ["grown"]),
        node("ReduceMax", ["x", "hw"], ["top"], keepdims=1),
        node("Add", ["top", "grown"], ["all"]),
        node("Flatten", ["all"], ["y"]),
    ]


@pytest.fixture(autouse=True)
def _ends(monkeypatch):
    """Every model here has the two tensors of `end`."""
    plain = model

    def made(nodes, tensors=None, **more):
        return plain(nodes, {"z": np.zeros((1, 1, 1, 1), np.float32), "hw": whole(2, 3)} | (tensors or {}), **more)

    monkeypatch.setitem(globals(), "model", made)


@pytest.mark.parametrize("ends", [(0.0, 6.0), (0.0, None), (None, 1.0), (-1.0, 0.5), (None, None)])
def test_clip(tmp_path, ends):
    tensors = {
        name: np.array(end, np.float32) for name, end in zip(("low", "high"), ends, strict=True) if end is not None
    }
    names = [name if name in tensors else "" for name in ("low", "high")]
    found = same(tmp_path, model(flat(node("Clip", ["x", *names], ["m"])), tensors, shape=FREE), *OTHERS)
    kinds = {(0.0, 6.0): nn.ReLU6, (0.0, None): nn.ReLU}
    assert ends not in kinds or type(leaf(found)) is kinds[ends]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Sub", ["three", "x"], ["m"])],
        [node("Sub", ["x", "row"], ["m"])],
        [node("Mul", ["row", "x"], ["m"])],
        [node("Exp", ["x"], ["e"]), node("Div", ["three", "e"], ["m"])],
        [node("Div", ["x", "three"], ["m"])],
        [node("Pow", ["x", "two"], ["m"])],
        [node("Sum", ["x", "x", "row"], ["m"])],
        [node("Mean", ["x", "row"], ["m"])],
        [node("Max", ["x", "half"], ["m"])],
        [node("Min", ["half", "x"], ["m"])],
        [
            node("Abs", ["x"], ["a"]),
            node("PRelu", ["x", "row"], ["p"]),
            node("Sqrt", ["a"], ["s"]),
            node("Add", ["p", "s"], ["m"]),
        ],
        [node("ReduceL2", ["x", "axis"], ["n"], keepdims=1), node("Div", ["x", "n"], ["m"])],
        [node("ReduceMean", ["x", "axis"], ["n"], keepdims=1), node("Sub", ["x", "n"], ["m"])],
    ],
)
def test_arithmetic(tmp_path, nodes):
    tensors = {"three": THREE, "half": HALF, "two": np.array(2.0, np.float32), "axis": whole(1)}
    tensors["row"] = numbers(3, 1, 1)
    used = {name for each in nodes for name in each.input}
    same(tmp_path, model(flat(*nodes), {k: v for k, v in tensors.items() if k in used}, shape=FREE), *OTHERS)


def test_constants_are_worked_out(tmp_path):
    nodes = [
        node("Mul", ["a", "b"], ["ab"]),
        node("Div", ["ab", "b"], ["same"]),
        node("Mod", ["ab", "b"], ["none"]),
        node("Equal", ["same", "a"], ["equal"]),
        node("Greater", ["a", "none"], ["more"]),
        node("And", ["equal", "more"], ["both"]),
        node("Not", ["both"], ["never"]),
        node("Where", ["never", "b", "a"], ["chosen"]),
        node("ReduceProd", ["chosen"], ["product"], keepdims=0),
        node("Cast", ["product"], ["f"], to=1),
        *flat(node("Mul", ["x", "f"], ["m"])),
    ]
    found = same(tmp_path, model(nodes, {"a": whole(2, 3), "b": whole(5, 7)}))
    assert sum(1 for _ in found.parameters()) == 0


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("Pow", ["x", "x"], ["m"])], "from the input"),
        ([node("Clip", ["x", "row"], ["m"])], "several numbers"),
        ([node("Pow", ["x", "row"], ["m"])], "several exponents"),
        ([node("Selu", ["x"], ["m"], alpha=1.0)], "constants of its own"),
        ([node("HardSwish", ["x"], ["m"], alpha=1.0)], "'alpha'"),
        ([node("LRN", ["x"], ["m"], size=5)], "operator 'LRN'"),
        ([node("Relu", ["x", "x"], ["m"])], "2 inputs"),
        ([node("LeakyRelu", ["x"], ["m"], alpha=1)], "impossible alpha"),
        ([node("Relu", ["never"], ["m"])], "before it is computed"),
        ([node("Relu", ["x"], ["x"]), node("Relu", ["x"], ["m"])], "twice"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path, nodes, why):
    with pytest.raises(ForeignError, match=why):
        net(saved(tmp_path, model(flat(*nodes), {"row": numbers(3, 1, 1)})))


def test_softmax_before_operator_set_13_is_over_all_that_follows(tmp_path):
    with pytest.raises(ForeignError, match="several dimensions"):
        net(saved(tmp_path, model(flat(node("Softmax", ["x"], ["m"])), opset=12)))
    pooled = [node("GlobalAveragePool", ["x"], ["p"]), *flat(node("Softmax", ["p"], ["m"], axis=1))]
    same(tmp_path, model(pooled, opset=11))
