"""One forward kept for many classes: the fast way to the evidence gives what the plain way gives."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from cnnviz.attribution import cam, forward
from cnnviz.attribution.forward import cached_forward, evidence
from cnnviz.inference.cut import cut
from cnnviz.models import lecture

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


def test_the_two_sides_of_a_single_logit_are_opposite():
    torch.manual_seed(0)
    net = lecture.build(lecture.NETS["cats_gap"]).eval().requires_grad_(False)
    x = torch.rand(1, 3, 64, 64)
    cat, dog = evidence(cached_forward(cut(net, "relu4"), x, "relu4"), (0, 1))
    torch.testing.assert_close(cam.grad_cam(cat)[0], -cam.grad_cam(dog)[0])
    assert cat.score == pytest.approx(-dog.score, rel=1e-4)
