"""A network from a program: frozen, in evaluation mode, copied and differentiated as any other."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from cnnviz.models.foreign import files, pt2
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value
from cnnviz.models.foreign.rebuild import example, rebuild
from tests.models.foreign import batched, nets


def test_a_net_is_frozen_and_can_be_copied_and_differentiated(tmp_path):
    net = rebuild(pt2.read(nets.put(tmp_path, "Shared")))
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    x = torch.randn(2, 3, 20, 20)
    torch.testing.assert_close(copy.deepcopy(net)(x), net(x))
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    net(one).sum().backward()
    nets.made("Shared")(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_the_example_has_usual_sides_where_the_file_leaves_them_free():
    steps = (Step("aten.mean.dim", (Value("x"), (2, 3)), ("y",)),)
    assert example(Program("x", (None, 1, None, 32), steps, {}, Value("y"))) == (1, 1, 224, 32)
    assert rebuild(Program("x", (None, 3, None, None), steps, {}, Value("y"))).classes == 3


FEW = {"pt2": (1, 2), "onnx": (2,), "onnx, TorchScript": (3,), "onnx, TorchScript, any batch": (2,)}


def alike(name: str, way: str, batch: int, folder: Path) -> None:
    """Fails where a file with that example has other logits than the network, for any number of photos."""
    net = batched.made(name)
    again = rebuild(files.read(batched.written(net, way, batch, folder)))
    for photos in (1, 2, 3, 5):
        x = torch.randn(photos, *net.size)
        with torch.no_grad():
            torch.testing.assert_close(
                again(x), net(x), rtol=1e-5, atol=1e-5, msg=lambda text: f"{way} {batch}: {text}"
            )


@pytest.mark.parametrize("name", batched.NETS)
def test_the_batch_of_the_example_is_free_in_every_file(name, tmp_path):
    for way, batches in FEW.items():
        if way != "pt2":
            pytest.importorskip("onnxscript")
        for batch in batches:
            alike(name, way, batch, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
@pytest.mark.parametrize("way", FEW)
@pytest.mark.parametrize("name", batched.NETS)
def test_the_batch_of_any_example_is_free(name, way, batch, tmp_path):
    alike(name, way, batch, tmp_path)


@pytest.mark.parametrize(
    ("op", "args", "why"),
    [
        ("aten.mul.Tensor", (Value("m"), Value("rows")), "gives 2 rows of logits for one photo"),
        ("aten.cat.default", ((Value("m"), Value("rows")), 1), "is for 2 photos at once"),
    ],
)
def test_a_network_for_several_photos_at_once_is_refused_with_what_to_do(op, args, why):
    steps = (Step("aten.mean.dim", (Value("x"), (2, 3)), ("m",)), Step(op, args, ("y",)))
    tensors = {"rows": torch.arange(6.0).reshape(2, 3)}
    with pytest.raises(ForeignError, match=f"{why}.*example batch of one, or with dynamic_shapes"):
        rebuild(Program("x", (2, 3, 8, 8), steps, tensors, Value("y")))


def test_an_unknown_operation_is_refused():
    with pytest.raises(ForeignError, match=r"aten\.rand_like"):
        rebuild(Program("x", (1, 3, 8, 8), (Step("aten.rand_like.default", (Value("x"),), ("y",)),), {}, Value("y")))
