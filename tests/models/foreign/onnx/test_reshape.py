"""A reshape is read for every size of the input: groups of dimensions are joined and divided."""

from __future__ import annotations

import math

import pytest
from hypothesis import given as sampled
from hypothesis import strategies as st

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.reshape import groups
from tests.models.foreign.onnx.made import flat, model, net, node, numbers, same, saved, whole

OTHERS = ((1, 4, 8, 8), (3, 4, 9, 14))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ((1, 512, 1, 1), (1, 512), [((1,), (1,)), ((512, 1, 1), (512,))]),
        ((2, 6, 4), (2, 24), [((2,), (2,)), ((6, 4), (24,))]),
        ((1, 116, 28, 28), (1, 2, 58, 28, 28), [((1,), (1,)), ((116,), (2, 58)), ((28,), (28,)), ((28,), (28,))]),
        ((2, 64), (2, 64, 1, 1), [((2,), (2,)), ((64,), (64, 1, 1))]),
        ((1, 1, 28, 28), (1, 784), [((1,), (1,)), ((1, 28, 28), (784,))]),
    ],
)
def test_dimensions_that_correspond(old, new, wanted):
    assert list(groups(old, new)) == wanted


@sampled(st.lists(st.integers(1, 6), max_size=5), st.lists(st.integers(1, 6), max_size=5), st.randoms())
def test_each_group_holds_as_many_numbers_before_and_after(first, second, random):
    old, new = [*first, math.prod(second)], [math.prod(first), *second]
    random.shuffle(old)
    found = list(groups(tuple(old), tuple(new)))
    assert all(math.prod(one) == math.prod(other) for one, other in found)
    assert [size for one, _ in found for size in one] == old
    assert [size for _, other in found for size in other] == new


def shuffled(first, second):
    """A channel shuffle, its two shapes as a file has them."""
    return (
        [
            node("Reshape", ["x", "a"], ["r"]),
            node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3, 4]),
            *flat(node("Reshape", ["t", "b"], ["m"])),
        ],
        {"a": whole(*first), "b": whole(*second)},
    )


def test_a_shape_for_one_size_holds_for_others(tmp_path):
    nodes, tensors = shuffled((1, 2, 2, 8, 8), (1, 4, 8, 8))
    made = model(nodes, tensors, (1, 3, 8, 8))
    with pytest.raises(ForeignError, match="number of elements"):
        net(saved(tmp_path, made))
    made = model(prepared(nodes), tensors | {"w": numbers(4, 3, 1, 1)}, (1, 3, 8, 8))
    found = net(saved(tmp_path, made))
    nodes, tensors = shuffled((0, 2, 2, 8, 14), (0, 4, 8, 14))
    wanted = model(prepared(nodes), tensors | {"w": numbers(4, 3, 1, 1)}, ("n", 3, 8, 14))
    same(tmp_path, wanted, (3, 3, 8, 14))
    other = net(saved(tmp_path, wanted))
    x = numbers(3, 3, 8, 14)
    from tests.models.foreign.onnx.made import given

    assert (given(found, x) == given(other, x)).all()


def prepared(nodes):
    """The nodes after a convolution that gives four channels."""
    first = node("Conv", ["x", "w"], ["c"])
    return [first, node("Reshape", ["c", "a"], ["r"]), *nodes[1:]]


def test_a_shape_that_follows_the_input(tmp_path):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "i0"], ["n"], axis=0),
        node("Gather", ["s", "i2"], ["h"], axis=0),
        node("Gather", ["s", "i3"], ["w"], axis=0),
        node("Mul", ["h", "w"], ["hw"]),
        node("Concat", ["n", "c", "hw"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["r"]),
        node("Concat", ["n", "w", "h", "c"], ["odd"], axis=0),
        node("Reshape", ["x", "odd"], ["o"]),
        node("Flatten", ["o"], ["f"]),
        node("Flatten", ["r"], ["g"]),
        node("Add", ["f", "g"], ["y"]),
    ]
    tensors = {"i0": whole(0), "i2": whole(2), "i3": whole(3), "c": whole(3)}
    same(tmp_path, model(nodes, tensors, ("n", 3, "h", "w")), (1, 3, 8, 8), (3, 3, 9, 14))


def test_a_shape_of_other_numbers_is_refused(tmp_path):
    with pytest.raises(ForeignError, match="another number of elements"):
        net(saved(tmp_path, model(flat(node("Reshape", ["x", "to"], ["m"])), {"to": whole(2, 5, -1)}, (2, 3, 8, 8))))
