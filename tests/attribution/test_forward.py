"""One forward kept for many classes: the fast way to the evidence gives what the plain way gives."""

from __future__ import annotations

import copy
import functools
import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution import cam, forward
from cnnviz.attribution.forward import cached_forward, evidence
from cnnviz.inference.cut import cut
from cnnviz.inference.layers import default_layer
from cnnviz.inference.predict import Target
from cnnviz.models import lecture, load

NET = "lecture/cats_gap"


def test_too_little_memory_for_eight_classes_at_once_takes_fewer(engine, photo, monkeypatch):
    tried = []

    def narrow(asked, goals, _real=forward._together):
        tried.append(len(goals))
        if len(goals) > 2:
            raise torch.OutOfMemoryError
        return _real(asked, goals)

    monkeypatch.setattr(forward, "_together", narrow)
    found = engine.heatmaps("lecture/mnist_gap", photo, range(10), method="layercam")
    assert [heat.target for heat in found] == list(range(10))
    assert tried[:3] == [8, 4, 2]


def test_a_question_that_is_let_go_leaves_no_map_behind(engine, photo):
    """A graph that holds itself is seen by no garbage collector: the maps of personal photos would stay for ever."""
    model = engine.model(NET)
    question = forward.cached_forward(cut(model.net, "relu2"), engine.tensor(model, photo), "relu2")
    maps = weakref.ref(question.values[0])
    forward.evidence(question, (0,))
    before = _tensors()
    del question
    gc.collect()
    assert maps() is None
    assert _tensors() < before
    few = [_tensors_after_a_question(model, engine, photo) for _ in range(3)]
    assert few[0] == few[1] == few[2]


def _tensors() -> int:
    gc.collect()
    return sum(type(one) is torch.Tensor for one in gc.get_objects())


def _tensors_after_a_question(model, engine, photo) -> int:
    asked = forward.cached_forward(cut(model.net, "relu2"), engine.tensor(model, photo), "relu2")
    forward.evidence(asked, (0,))
    del asked
    return _tensors()


def test_several_classes_at_once_are_what_each_is_alone(asked):
    together = evidence(asked, tuple(range(10)))
    for target in range(10):
        (alone,) = evidence(asked, (target,))
        torch.testing.assert_close(together[target].gradient, alone.gradient, rtol=1e-4, atol=1e-7)
        assert together[target].score == pytest.approx(alone.score, rel=1e-5)


def test_methods_in_turn_share_the_gradient_of_a_class(engine, photo, monkeypatch):
    asked = []
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, _real=torch.autograd.grad, **k: asked.append(1) or _real(*a, **k)
    )
    engine.heatmap(NET, photo, 0)
    asked.clear()
    found = [engine.heatmap(NET, photo, 1, method=name).raw for name in ("gradcam++", "hirescam", "layercam")]
    assert len(asked) == 1
    engine.heatmap(NET, photo, 0, method="hirescam")  # another class, and back: it is computed anew, and the same
    engine.cache.forget(lambda key: "heatmap" in key)
    for name, before in zip(("gradcam++", "hirescam", "layercam"), found, strict=True):
        np.testing.assert_array_equal(engine.heatmap(NET, photo, 1, method=name).raw, before)
    assert len(asked) == 3


def test_the_two_sides_of_a_single_logit_are_opposite():
    torch.manual_seed(0)
    net = lecture.build(lecture.NETS["cats_gap"]).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64)
    cat, dog = evidence(cached_forward(cut(net, "relu4"), x, "relu4"), (0, 1))
    torch.testing.assert_close(cam.grad_cam(cat)[0], -cam.grad_cam(dog)[0])
    assert cat.score == pytest.approx(-dog.score, rel=1e-4)


@functools.cache
def network(name: str, exact: bool = False) -> nn.Module:
    """A frozen net by name, its weights drawn or bundled; batch norms as if they had seen something."""
    if exact:
        return copy.deepcopy(network(name)).double()
    if "/" in name:
        return load.load(name).net
    torch.manual_seed(0)
    if name == "vgg-like":
        return vgg_like().eval().requires_grad_(False)
    net = getattr(pytest.importorskip("torchvision").models, name)(weights=None).eval().requires_grad_(False)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return net


def vgg_like() -> nn.Sequential:
    """Convolutions in pairs, pooling, and linear layers over all positions."""
    blocks = []
    for before, width in ((3, 12), (12, 24)):
        first, second = nn.Conv2d(before, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        blocks += [first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    head = [nn.AdaptiveAvgPool2d(5), nn.Flatten(), nn.Linear(24 * 25, 32), nn.ReLU(inplace=True), nn.Linear(32, 7)]
    return nn.Sequential(*blocks, *head)


PLACES = [  # each with layers besides the default one
    ("squeezenet1_1", (3, 64, 64), ("features.7", "features.4.expand1x1")),
    ("resnet18", (3, 64, 64), ("layer3.1.conv2", "layer2.0.relu")),
    ("vgg-like", (3, 40, 40), ("5", "2")),
    ("lecture/mnist_gap", (1, 28, 28), ("conv2", "pool1")),
    ("lecture/mnist_flatten", (1, 28, 28), ("relu2",)),
    ("lecture/cats_gap", (3, 150, 150), ("conv3",)),
    ("bundled/cats_dogs", (3, 96, 96), ("conv2",)),
]


def questions(classes: int) -> tuple[Target, ...]:
    """A class, what speaks against it, and for it rather than for another."""
    return (Target(1), Target(1, against=True), Target(1, versus=0), Target(0, versus=classes - 1, against=True))


@pytest.mark.parametrize(("name", "shape", "layers"), PLACES, ids=[place[0] for place in PLACES])
@pytest.mark.parametrize("means", [False, True], ids=["gradient", "mean gradient"])
@pytest.mark.parametrize("exact", [False, True], ids=["float32", "float64"])
def test_the_kept_forward_gives_the_evidence_of_the_plain_way(name, shape, layers, means, exact):
    """In single precision at the default layer alone, where rounding may make another of four numbers the maximum."""
    net, near, nearly = network(name, exact), 1e-8 if exact else 1e-3, 1e-8 if exact else 0.05
    x = torch.rand(1, *shape, generator=torch.Generator().manual_seed(3)).to(next(net.parameters())) - 0.3
    chosen = [default_layer(network(name), shape), *(layers if exact else ())]
    goals = questions(max(2, net(x).shape[1]))
    for layer, row in zip(chosen, cam.evidence(net, x, chosen, goals), strict=True):
        asked = cached_forward(cut(net, layer), x, layer)
        alone = [evidence(asked, (goal,), means)[0] for goal in goals]
        for plain, *fast in zip(row, evidence(asked, goals, means), alone, strict=True):
            wanted = plain.gradient.mean((1, 2), keepdim=True) if means and asked.shift is not None else plain.gradient
            for one in fast:
                assert one.score == pytest.approx(plain.score, rel=near, abs=near)
                assert differs(one.maps, plain.maps) < near
                assert differs(one.gradient, wanted.expand_as(one.gradient)) < nearly, layer
                assert differs(one.gradient.mean((1, 2)), plain.gradient.mean((1, 2))) < near, layer
                assert differs(cam.grad_cam(one)[0], cam.grad_cam(plain)[0]) < near, layer


def differs(one: torch.Tensor, other: torch.Tensor) -> float:
    """How far one is from the other, as a share of its length."""
    return float((one - other).norm() / other.norm().clamp_min(1e-30))


def test_means_come_without_a_backward_through_the_maps_where_a_shift_is_carried():
    """Otherwise the case above would say nothing about the faster of the two ways."""
    carried = {}
    for name, shape, _ in PLACES:
        net = network(name)
        layer = default_layer(net, shape)
        asked = cached_forward(cut(net, layer), torch.rand(1, *shape), layer)
        carried[name] = (asked.shift is not None, asked.gains is not None)
    assert carried["squeezenet1_1"] == carried["resnet18"] == carried["lecture/mnist_gap"] == (True, True)
    assert carried["vgg-like"] == (True, False)


def test_every_class_at_once_is_grad_cam_of_each():
    net, layer = network("lecture/mnist_gap"), "relu3"
    x = torch.rand(1, 1, 28, 28)
    together = forward.every_class(cached_forward(cut(net, layer), x, layer))
    (row,) = cam.evidence(net, x, [layer], [Target(target) for target in range(10)])
    for ours, one in zip(together, row, strict=True):
        torch.testing.assert_close(ours, cam.grad_cam(one)[0], rtol=1e-3, atol=1e-7)
