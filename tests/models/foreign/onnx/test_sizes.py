"""Resizing as torch has it exactly, and shapes that are worked out while the file is read, within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.models.foreign.graph import ForeignError
from tests.models.foreign.onnx.made import flat, model, net, node, numbers, same, saved, whole

FREE = ("n", 3, "h", "w")
OTHERS = ((2, 3, 8, 8), (3, 3, 9, 14))


def scales(*factors):
    return {"s": np.array((1, 1, *factors), np.float32)}


@pytest.mark.parametrize(
    ("mode", "way", "nearest", "factors"),
    [
        ("nearest", "asymmetric", "floor", (2, 3)),
        ("nearest", "asymmetric", "floor", (0.5, 1.5)),
        ("nearest", "half_pixel", "round_prefer_floor", (3, 2)),
        ("nearest", "asymmetric", "round_prefer_floor", (2, 1)),
        ("linear", "half_pixel", "round_prefer_floor", (2, 2)),
        ("linear", "pytorch_half_pixel", "round_prefer_floor", (1.5, 0.5)),
        ("linear", "align_corners", "round_prefer_floor", (2, 3)),
        ("cubic", "half_pixel", "round_prefer_floor", (2, 2)),
    ],
)
def test_resize_by_scales(tmp_path, mode, way, nearest, factors):
    resize = node("Resize", ["x", "", "s"], ["m"], mode=mode, coordinate_transformation_mode=way, nearest_mode=nearest)
    same(tmp_path, model(flat(resize), scales(*factors), FREE), *OTHERS, atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "way", "nearest", "factors"),
    [
        ("nearest", "half_pixel", "round_prefer_floor", (1.5, 1.5)),
        ("nearest", "asymmetric", "ceil", (2, 2)),
        ("nearest", "asymmetric", "round_prefer_floor", (4, 4)),
        ("linear", "asymmetric", "floor", (2, 2)),
        ("linear", "tf_crop_and_resize", "floor", (2, 2)),
        ("nearest", "asymmetric", "floor", (1e9, 1e9)),
    ],
)
def test_resize_that_torch_has_not_is_refused(tmp_path, mode, way, nearest, factors):
    resize = node("Resize", ["x", "", "s"], ["m"], mode=mode, coordinate_transformation_mode=way, nearest_mode=nearest)
    with pytest.raises(ForeignError, match="Resize"):
        net(saved(tmp_path, model(flat(resize), scales(*factors), FREE)))


def test_a_map_as_large_as_an_earlier_one(tmp_path):
    nodes = [
        node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], strides=[2, 2]),
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "two", "four"], ["hw"]),
        node("Shape", ["p"], ["q"], start=0, end=2),
        node("Concat", ["q", "hw"], ["to"], axis=0),
        node("Resize", ["p", "", "", "to"], ["r"], mode="linear", coordinate_transformation_mode="half_pixel"),
        *flat(node("Add", ["r", "x"], ["m"])),
    ]
    same(tmp_path, model(nodes, {"two": whole(2), "four": whole(4)}, FREE), *OTHERS)


def test_old_files_resize_by_upsample(tmp_path):
    nodes = flat(node("Upsample", ["x", "s"], ["m"], mode="nearest"))
    same(tmp_path, model(nodes, scales(2, 2), FREE, opset=9), *OTHERS)


def test_shapes_are_worked_out(tmp_path):
    nodes = [
        node("Size", ["row"], ["count"]),
        node("Range", ["zero", "count", "step"], ["places"]),
        node("Cast", ["places"], ["f"], to=1),
        node("Reshape", ["f", "to"], ["r"]),
        node("ConstantOfShape", ["to"], ["zeros"]),
        node("Add", ["r", "zeros"], ["a"]),
        node("Tile", ["a", "once"], ["t"]),
        *flat(node("Mul", ["x", "t"], ["m"])),
    ]
    tensors = {
        "row": numbers(3),
        "zero": np.array(0),
        "step": np.array(1),
        "to": whole(1, 3, 1, 1),
        "once": whole(1, 1, 1, 1),
    }
    same(tmp_path, model(nodes, tensors, FREE), *OTHERS)


@pytest.mark.parametrize(
    "bomb",
    [
        [node("ConstantOfShape", ["much"], ["b"])],
        [node("Range", ["zero", "far", "one"], ["b"])],
        [node("Tile", ["row", "far1"], ["b"])],
        [node("Expand", ["row", "much"], ["b"])],
        [node("Expand", ["x", "much4"], ["b"])],
        [node("Pad", ["x", "wide"], ["b"])],
        [node("Resize", ["x", "", "", "much4"], ["b"], mode="linear")],
        [node("Concat", ["huge"] * 400, ["b"], axis=0)],
        [node("MatMul", ["tall", "flat"], ["b"])],
    ],
)
def test_little_that_becomes_much_is_refused_before_it_does(tmp_path, bomb):
    far = 2**40
    tensors = {
        "much": whole(40_000, 40_000), "zero": np.array(0), "one": np.array(1), "far": np.array(far),
        "far1": whole(far),
        "much4": whole(2, 3, 60_000, 60_000), "wide": whole(0, 0, far, far, 0, 0, far, far), "row": numbers(1),
        "huge": numbers(500, 500), "tall": numbers(30_000, 1), "flat": numbers(1, 30_000),
    }  # fmt: skip
    used = {name for each in bomb for name in each.input}
    nodes = [*bomb, node("Add", ["x", "b"], ["m"]), node("Flatten", ["m"], ["y"])]
    with pytest.raises(ForeignError):
        net(saved(tmp_path, model(nodes, {k: v for k, v in tensors.items() if k in used})))
