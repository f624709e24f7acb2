"""What moves numbers and leaves them as they are answers as in onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign.onnx.made import flat, model, net, node, numbers, onnx, same, saved, whole

FREE = ("n", 3, "h", "w")
OTHERS = ((2, 3, 8, 8), (3, 3, 9, 14))
TENSORS = {
    "one": whole(1), "pads": whole(0, 0, 1, 2, 0, 0, 3, 0), "crop": whole(0, 0, -1, 0, 0, 0, 0, -2),
    "hw": whole(2, 3), "some": whole(1, 2, 1, 2), "fill": np.array(1.5, np.float32), "pick": whole(2, 0),
    "last": np.array(-1, np.int64), "s0": whole(1, 0), "e0": whole(3, 2**63 - 1), "ax": whole(1, 3), "st": whole(1, 2),
    "parts": whole(1, 2), "grow": whole(1, 3, 1, 1), "row": numbers(1, 3, 1, 1), "perm": whole(1),
}  # fmt: skip
CONV = node("Conv", ["x", "w"], ["c"])


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Pad", ["x", "pads"], ["m"])],
        [node("Pad", ["x", "pads", "fill"], ["m"], mode="constant")],
        [node("Pad", ["x", "crop"], ["m"])],
        [node("Pad", ["x", "some", "", "hw"], ["m"], mode="reflect")],
        [node("Pad", ["x", "some", "", "hw"], ["m"], mode="edge")],
        [node("Pad", ["x", "some", "", "hw"], ["m"], mode="wrap")],
        [node("Slice", ["x", "s0", "e0", "ax", "st"], ["m"])],
        [node("Gather", ["x", "pick"], ["m"], axis=1)],
        [node("Gather", ["x", "last"], ["g"], axis=1), node("Unsqueeze", ["g", "one"], ["m"])],
        [node("Split", ["x", "parts"], ["a", "b"], axis=1), node("Concat", ["b", "a"], ["m"], axis=1)],
        [node("Split", ["x"], ["a", "b", "c"], axis=1, num_outputs=3), node("Concat", ["c", "b", "a"], ["m"], axis=1)],
        [node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]), node("Transpose", ["t"], ["m"], perm=[0, 3, 2, 1])],
        [node("Expand", ["row", "grow"], ["r"]), node("Mul", ["x", "r"], ["m"])],
        [node("Identity", ["x"], ["i"]), node("Dropout", ["i"], ["m"])],
        [node("Cast", ["x"], ["m"], to=1)],
        [
            node("Slice", ["x", "one", "last1", "one"], ["s"]),
            node("Squeeze", ["s", "one"], ["q"]),
            node("Flatten", ["q"], ["m"]),
        ],
    ],
)
def test_numbers_that_move(tmp_path, nodes):
    tensors = TENSORS | {"last1": whole(2)}
    used = {name for each in nodes for name in each.input}
    same(tmp_path, model(flat(*nodes), {k: v for k, v in tensors.items() if k in used}, FREE), *OTHERS)


def test_constants_in_nodes_and_a_row_turned_around(tmp_path):
    nodes = [
        node("Constant", [], ["a"], value=onnx.numpy_helper.from_array(numbers(3))),
        node("Constant", [], ["to"], value_ints=[1, 3, 1, 1]),
        node("Constant", [], ["f"], value_float=2.0),
        node("Constant", [], ["starts"], value_ints=[-1]),
        node("Constant", [], ["ends"], value_ints=[-(2**63) + 1]),
        node("Constant", [], ["axes"], value_ints=[0]),
        node("Slice", ["a", "starts", "ends", "axes", "starts"], ["turned"]),
        node("Reshape", ["turned", "to"], ["r"]),
        node("Mul", ["r", "f"], ["s"]),
        *flat(node("Add", ["x", "s"], ["m"])),
    ]
    same(tmp_path, model(nodes, shape=FREE), *OTHERS)


def test_pixels_as_tensorflow_has_them_and_pixel_shuffle(tmp_path):
    nodes = [CONV, *flat(node("DepthToSpace", ["c"], ["m"], blocksize=2, mode="CRD"))]
    same(tmp_path, model(nodes, {"w": numbers(8, 3, 1, 1)}, FREE), *OTHERS)


def test_what_was_flattened_and_is_taken_apart_again(tmp_path):
    index = np.arange(6).reshape(2, 3, 1, 1)
    nodes = [
        node("GlobalAveragePool", ["x"], ["p"]),
        node("Reshape", ["p", "all"], ["r"]),
        *flat(node("Gather", ["r", "index"], ["m"])),
    ]
    found = same(tmp_path, model(nodes, {"all": whole(-1), "index": index}), (2, 3, 8, 8))
    assert found(__import__("torch").zeros(5, 3, 8, 8)).shape == (5, 3)


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("Gather", ["x", "far"], ["m"], axis=1)], "beyond its tensor"),
        ([node("Cast", ["x"], ["m"], to=7)], "conversion to int64"),
        ([node("Cast", ["x"], ["m"], to=8)], "number 8 of ONNX"),
        ([node("Pad", ["x", "pads"], ["m"], mode="odd")], "mode odd"),
        ([node("Split", ["x", "far"], ["m"], axis=1)], "sizes that do not fit"),
        ([node("DepthToSpace", ["x"], ["m"], blocksize=2)], "order DCR"),
        ([node("Transpose", ["x"], ["m"], perm=[0, 0, 1, 2])], "impossible order"),
        ([node("Squeeze", ["x", "one"], ["m"])], "longer than 1"),
        ([node("Concat", ["x", "x"], ["m"], axis=9)], "does not run"),
        ([node("Split", ["x"], ["a", "m"], axis=77)], "does not fit"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path, nodes, why):
    tensors = {"far": whole(7), "pads": TENSORS["pads"], "one": whole(1)}
    with pytest.raises(ForeignError, match=why):
        net(saved(tmp_path, model(flat(*nodes), tensors)))
