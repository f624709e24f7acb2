"""An adaptive pool that was written out for one size is that pool again, or its file is for that size alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnviz.models.foreign import onnx as reader
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.rebuild import rebuild
from tests.models.foreign.onnx import exports
from tests.models.foreign.onnx.made import answers, flat, given, model, node, numbers, same, saved, whole

pytest.importorskip("onnxscript")


class Pooled(nn.Module):
    """A convolution, a pool that is a function, and a row of its numbers."""

    def __init__(self, pool) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3, padding=1), pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.pool(self.conv(x)), 1)


def again(net: nn.Module, size: tuple[int, int], today: bool = True) -> nn.Module:
    """The network as it comes back from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(exports.exported(net.eval(), (3, *size), today))
        return rebuild(reader.read(path))


@torch.no_grad()
@pytest.mark.parametrize(
    ("pool", "size"),
    [
        (nn.AdaptiveAvgPool2d(3), (22, 23)),  # a table of places, some of which are masked
        (nn.AdaptiveAvgPool2d(2), (21, 23)),  # a table without
        (nn.AdaptiveAvgPool2d(6), (4, 5)),  # cells more than places
        (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), (22, 20)),
        (nn.AdaptiveMaxPool2d(2), (20, 24)),
        (lambda x: F.adaptive_max_pool2d(x, 2), (20, 20)),
        (nn.MaxPool2d(10), (20, 20)),
        (lambda x: F.max_pool2d(x, 10), (20, 20)),
        (lambda x: F.max_pool2d(x, 10, 10), (20, 20)),
        (lambda x: F.avg_pool2d(x, 10), (20, 20)),
        (nn.AvgPool2d(10), (20, 20)),
    ],
)
def test_a_pool_gives_what_the_original_does_at_other_sizes(pool, size):
    net = Pooled(pool)
    found = again(net, size)
    for shape in ((1, *size), (2, size[0] + 5, size[1] + 2)):
        x = torch.randn(shape[0], 3, *shape[1:])
        torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(
    ("pool", "today"),
    [(lambda x: F.adaptive_avg_pool2d(x, 2), True), (nn.AdaptiveAvgPool2d(2), False), (nn.AdaptiveMaxPool2d(2), False)],
)
def test_what_may_have_been_another_pool_is_right_at_its_size_and_refused_at_others(pool, today):
    net = Pooled(pool)
    found = again(net, (20, 20), today)
    x = torch.randn(3, 3, 20, 20)
    torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(ForeignError, match=r"for images of 20 x 20 pixels and takes none of 25 x 22"):
        found(torch.randn(1, 3, 25, 22))


def test_pools_of_a_file_without_notes_are_doubted_only_where_a_row_is_made_of_their_map(tmp_path):
    pool = node("AveragePool", ["x"], ["a"], kernel_shape=[4, 4], strides=[4, 4])
    means = node("ReduceMean", ["a"], ["y"], axes=[2, 3], keepdims=0)
    same(tmp_path, model([pool, means], shape=(2, 3, "h", "w"), opset=17), (2, 3, 9, 11))
    net = rebuild(reader.read(saved(tmp_path, model([pool, means], opset=17))))
    x = torch.randn(1, 3, 9, 11)
    torch.testing.assert_close(net(x), F.avg_pool2d(x, 4).mean((2, 3)))
    found = same(tmp_path, model([pool, node("Relu", ["a"], ["m"]), node("Flatten", ["m"], ["y"])]))
    with pytest.raises(ForeignError, match="a pool in it"):
        found(torch.randn(1, 3, 9, 11))


def test_a_table_of_places_is_read_right_and_for_its_own_size_alone(tmp_path):
    turned = node("Transpose", ["x"], ["t"], perm=[2, 3, 0, 1])
    back = node("Transpose", ["g"], ["m"], perm=[1, 2, 0])
    made = model(
        flat(turned, node("GatherND", ["t", "places"], ["g"]), back),
        {"places": whole(0, 0, 7, 3, -1, -2).reshape(3, 2)},
    )
    found = same(tmp_path, made)
    with pytest.raises(ForeignError, match="written out for that size"):
        found(torch.randn(1, 3, 9, 9))


def test_an_index_of_several_dimensions_is_read(tmp_path):
    index = whole(2, 0, 1, 1).reshape(2, 2)
    path = saved(tmp_path, model(flat(node("Gather", ["x", "index"], ["m"], axis=1)), {"index": index}))
    x = numbers(2, 3, 8, 8, seed=1)
    assert (given(rebuild(reader.read(path)), x) == answers(path, x).reshape(2, -1)).all()


@pytest.mark.parametrize(
    ("places", "more"),
    [
        (whole(0, 8).reshape(1, 2), {}),
        (whole(-9, 0).reshape(1, 2), {}),
        (whole(0, 0, 0, 0, 0).reshape(1, 5), {}),
        (whole(0).reshape(1, 1), {"batch_dims": 1}),
        (numbers(2, 2), {}),
    ],
)
def test_a_table_of_impossible_places_is_refused(places, more, tmp_path):
    nodes = [node("Transpose", ["x"], ["t"], perm=[2, 3, 0, 1]), node("GatherND", ["t", "places"], ["m"], **more)]
    with pytest.raises(ForeignError, match="GatherND"):
        reader.read(saved(tmp_path, model(flat(*nodes), {"places": places})))


@pytest.mark.parametrize(("last", "adaptive"), [([4, 5, 6, 7], True), ([4, 5, 6, 6], False)])
def test_means_over_a_table_are_an_adaptive_pool_only_where_they_are_equal(last, adaptive, tmp_path):
    rows, columns = torch.arange(8).reshape(2, 4, 1, 1), torch.tensor([[0, 1, 2, 3], last])
    places = torch.stack(torch.broadcast_tensors(rows, columns), -1).numpy()  # (2, 4, 2, 4, 2)
    nodes = flat(
        node("Transpose", ["x"], ["t"], perm=[2, 3, 0, 1]),
        node("GatherND", ["t", "places"], ["g"]),
        node("Transpose", ["g"], ["b"], perm=[4, 5, 0, 1, 2, 3]),
        node("ReduceMean", ["b", "axes"], ["m"], keepdims=0),
    )
    found = same(tmp_path, model(nodes, {"places": places, "axes": whole(-3, -1)}))
    x = torch.randn(1, 3, 12, 10)
    if adaptive:
        torch.testing.assert_close(found(x), F.adaptive_avg_pool2d(x, 2).flatten(1))
        return
    with pytest.raises(ForeignError, match="written out"):
        found(x)
