"""The bytes of a message are walked before they are parsed: damage and bombs are refused early."""

from __future__ import annotations

import pytest

from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.wire import weigh
from tests.models.foreign.onnx.made import flat, model, node, numbers, onnx

KIND = onnx.ModelProto.DESCRIPTOR
# the tags of a model's graph, of a graph's node and tensor, and of a tensor's whole numbers
GRAPH, NODE, TENSOR, INTS = b"\x3a", b"\x0a", b"\x2a", b"\x3a"


def length(count):
    found = b""
    while count > 127:
        found, count = found + bytes([count & 127 | 128]), count >> 7
    return found + bytes([count])


def field(tag, content):
    return tag + length(len(content)) + content


def test_a_sound_model_weighs_little():
    data = model(flat(node("Conv", ["x", "w"], ["m"])), {"w": numbers(8, 3, 3, 3)}).SerializeToString()
    assert 0 < weigh(data, KIND, "net.onnx") < 20_000


@pytest.mark.parametrize("cut", [1, 5, 40, 200, 400])
def test_a_model_that_breaks_off_is_damaged(cut):
    data = model(flat(node("Conv", ["x", "w"], ["m"])), {"w": numbers(8, 3, 3, 3)}).SerializeToString()
    with pytest.raises(ForeignError, match=r"damaged|unknown"):
        weigh(data[:-cut], KIND, "net.onnx")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GRAPH + length(2_000_000) + NODE + b"\x00" * 1_999_999, "unknown here"),
        (GRAPH + length(2_000_000) + (NODE + b"\x00") * 1_000_000, "more than|too much memory"),
        (field(GRAPH, field(TENSOR, field(INTS, bytes(40_000_000)))), "too much memory"),
        (b"\x88" * 20, "no end|damaged"),
        (b"\x98\x06\x01", "unknown here"),
        (GRAPH + b"\x7f" + b"ab", "damaged"),
    ],
)
def test_bombs_and_nonsense(data, why):
    with pytest.raises(ForeignError, match=why):
        weigh(data, KIND, "net.onnx")


def test_messages_nested_without_end_are_refused():
    inner = b""
    for _ in range(300):
        inner = field(NODE, field(b"\x2a", field(b"\x32", inner)))  # a node, its attribute, and the graph in that
    with pytest.raises(ForeignError, match=r"nested deeper|unknown"):
        weigh(field(GRAPH, inner), KIND, "net.onnx")
