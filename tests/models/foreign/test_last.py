"""A softmax or sigmoid behind a file's network is taken off, whichever program wrote the file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import cnnviz
from cnnviz.models.foreign import files, last
from cnnviz.models.foreign.graph import Program, Step, Value
from cnnviz.models.foreign.rebuild import rebuild
from tests.models import ended
from tests.models.foreign.onnx.exports import exported

PHOTO = cnnviz.Photo.sample("cat")
BRANCH = {"branching"}  # no exporter takes it
KINDS = [name for name in ended.MADE if name not in BRANCH]
TODAY = ("softmax module", "sigmoid module", "log-softmax module", "flattened", "average", "average of sigmoids")


def put(folder, net, way) -> str:
    """The key of a network saved in that way."""
    if way == "pt2":
        torch.export.save(torch.export.export(net, (torch.randn(2, 3, 64, 64),)), folder / "net.pt2")
    else:
        (folder / "net.onnx").write_bytes(exported(net, (3, 64, 64), way == "onnx"))
    return "file/net"


@pytest.mark.parametrize(
    ("name", "way"), [(name, "pt2") for name in KINDS] + [(name, way) for name in TODAY for way in ("onnx", "old onnx")]
)
def test_probabilities_are_the_networks_own_and_maps_start_at_the_logit(tmp_path, name, way):
    net, taken = ended.made(name), ended.MADE[name][2]
    engine = cnnviz.Engine(weights=tmp_path, cache_dir=tmp_path / "cache")
    key = put(tmp_path, net, way)
    model = engine.model(key)
    x = engine.tensor(model, PHOTO)
    with torch.no_grad():
        chance = ended.chances(name, net(x))[0]
    found = {one.index: one.probability for one in engine.predict(key, PHOTO, top=len(chance))}
    np.testing.assert_allclose([found[at] for at in range(len(chance))], chance.numpy(), atol=1e-6)
    assert ("taken off" in model.source, "gives probabilities" in model.source) == (taken, not taken)
    layer = next(path for path, _ in net.named_modules() if path.endswith("features"))
    truth = ended.grad_cam(name, net, x, layer, len(chance) - 1).numpy()
    raw = engine.heatmap(key, PHOTO, len(chance) - 1, layer=f"{layer}.3").raw
    np.testing.assert_allclose(raw, truth, atol=1e-4 * abs(truth).max())


def test_probabilities_in_a_dictionary(tmp_path):
    net = ended.Ended(3, ended.Function(lambda z: {"other": z.relu(), "logits": z.softmax(1)})).eval()
    engine = cnnviz.Engine(weights=tmp_path, cache_dir=tmp_path / "cache")
    model = engine.model(put(tmp_path, net, "pt2"))
    x = engine.tensor(model, PHOTO)
    with torch.no_grad():
        torch.testing.assert_close(model.net(x), net.body(x), rtol=1e-5, atol=1e-5)


def program(*steps) -> Program:
    """A program of (operation, arguments) on maps of three channels, each on the last one's output a, b, c, ..."""
    made = [
        Step(op, tuple(Value(one) if isinstance(one, str) else one for one in args), (name,))
        for name, (op, *args) in zip("abcdef", (("aten.mean.dim", "x", (2, 3), False), *steps), strict=False)
    ]
    return Program("x", (None, 3, 8, 8), tuple(made), {}, Value(made[-1].out[0]))


SOFTMAX = "aten.softmax.int"


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (((SOFTMAX, "a", 1, None),), "softmax"),
        ((("aten._softmax.default", "a", -1, False),), "softmax"),
        ((("aten.log_softmax.int", "a", -1),), "log_softmax"),
        ((("aten.sigmoid_.default", "a"),), "sigmoid"),
        ((("aten.special_expit.default", "a"), ("aten.dropout.default", "b", 0.5, False)), "sigmoid"),
        ((("aten.unsqueeze.default", "a", 2), (SOFTMAX, "b", 1), ("aten.squeeze.dim", "c", 2)), "softmax"),
        (((SOFTMAX, "a", 1), ("aten.to.dtype", "b", torch.float64), ("aten.view.default", "c", (-1, 3))), "softmax"),
        ((("aten.relu.default", "a"),), None),
        (((SOFTMAX, "a", 0),), None),
        ((("aten.sigmoid.default", "a"), ("aten.mul.Tensor", "a", "b")), None),
    ],
)
def test_last_steps(steps, kind):
    before = program(*steps)
    after = last.taken_off(before)
    assert after.said.get("output") == kind
    x = torch.randn(2, 3, 8, 8)
    truth = x.mean((2, 3))
    if kind:
        torch.testing.assert_close(rebuild(after)(x), truth)
    else:
        assert after is before


def test_what_is_mixed_of_probabilities_alone():
    one = ((SOFTMAX, "a", 1), ("aten.sigmoid.default", "a"))
    assert last.mixed(program(*one, ("aten.add.Tensor", "b", "c"), ("aten.div.Tensor", "d", 2)))
    assert not last.mixed(program(*one, ("aten.add.Tensor", "b", "a")))


def test_the_two_classes_of_the_own_export_are_one_logit():
    row = ("aten.slice.Tensor", "a", 1, 0, 1)
    steps = (row, ("aten.neg.default", "b"), ("aten.sigmoid.default", "c"), ("aten.sigmoid.default", "b"))
    both = program(*steps, ("aten.cat.default", (Value("d"), Value("e")), 1))
    after = last.taken_off(both)
    assert (after.output, after.said["output"]) == (Value("b"), "sigmoid")


def test_files_are_read_up_to_the_logits(tmp_path):
    put(tmp_path, nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)).eval(), "pt2")
    assert files.read(tmp_path / "net.pt2").said["output"] == "softmax"
