"""Layers that exporters write out in several nodes are one module again, with the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from tests.models.foreign.onnx.made import flat, model, node, numbers, same, whole

FREE = ("n", 4, "h", "w")
OTHERS = ((2, 3, 8, 8), (3, 3, 9, 14))


def one(value):
    return np.array(value, np.float32)


CONSTANTS = {"three": one(3), "six": one(6), "zero": one(0), "root": one(2**0.5), "one": one(1), "half": one(0.5)}
ERF = [node("Div", ["x", "root"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["a"])]


@pytest.mark.parametrize(
    ("nodes", "kind"),
    [
        ([node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["m"])], nn.SiLU),
        ([node("Sigmoid", ["x"], ["s"]), node("Mul", ["s", "x"], ["m"])], nn.SiLU),
        ([node("HardSigmoid", ["x"], ["s"], alpha=1 / 6), node("Mul", ["x", "s"], ["m"])], nn.Hardswish),
        (
            [
                node("Add", ["x", "three"], ["p"]),
                node("Clip", ["p", "zero", "six"], ["c"]),
                node("Mul", ["x", "c"], ["q"]),
                node("Div", ["q", "six"], ["m"]),
            ],
            nn.Hardswish,
        ),
        ([node("Softplus", ["x"], ["s"]), node("Tanh", ["s"], ["t"]), node("Mul", ["x", "t"], ["m"])], nn.Mish),
        ([*ERF, node("Mul", ["x", "a"], ["p"]), node("Mul", ["p", "half"], ["m"])], nn.GELU),
        ([*ERF, node("Mul", ["x", "half"], ["p"]), node("Mul", ["p", "a"], ["m"])], nn.GELU),
        ([*ERF, node("Mul", ["a", "half"], ["p"]), node("Mul", ["x", "p"], ["m"])], nn.GELU),
    ],
)
def test_an_activation_that_is_written_out(tmp_path, nodes, kind):
    used = {name for each in nodes for name in each.input} & set(CONSTANTS)
    made = model(flat(*nodes), {name: CONSTANTS[name] for name in sorted(used)}, ("n", 3, "h", "w"))
    found = same(tmp_path, made, *OTHERS)
    assert [type(part) for part in found.modules() if not list(part.children())] == [kind, nn.Flatten]


def test_a_gate_that_something_else_reads_stays_one(tmp_path):
    nodes = [node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["p"]), *flat(node("Add", ["p", "s"], ["m"]))]
    found = same(tmp_path, model(nodes, shape=("n", 3, "h", "w")), *OTHERS)
    assert not any(isinstance(part, nn.SiLU) for part in found.modules())


@pytest.mark.parametrize("back", ["shape", "constant"])
def test_group_norm_that_is_written_out(tmp_path, back):
    tensors = {
        "w0": numbers(4, 3, 1, 1), "groups": whole(0, 2, -1), "ones": np.ones(2, np.float32),
        "zeros": np.zeros(2, np.float32), "w": numbers(4, 1, 1), "b": numbers(4, 1, 1, seed=1),
    }  # fmt: skip
    nodes = [
        node("Conv", ["x", "w0"], ["c"]),
        node("Reshape", ["c", "groups"], ["g"]),
        node("InstanceNormalization", ["g", "ones", "zeros"], ["i"]),
        node("Shape", ["c"], ["to"]),
        node("Reshape", ["i", "to"], ["r"]),
        node("Mul", ["r", "w"], ["s"]),
        *flat(node("Add", ["s", "b"], ["m"])),
    ]
    if back == "constant":
        nodes.pop(3)
        tensors["to"] = whole(2, 4, 8, 8)
    shape, sizes = (("n", 3, "h", "w"), OTHERS) if back == "shape" else ((2, 3, 8, 8), OTHERS[:1])
    found = same(tmp_path, model(nodes, tensors, shape), *sizes)
    assert isinstance(found.norm1, nn.GroupNorm)
    assert found.norm1.num_groups == 2
    assert found.norm1.weight.tolist() == pytest.approx(tensors["w"].flatten().tolist())
