"""Heat maps asked of the engine: any class, layer and method of one photo from one pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.attribution import forward
from cnnviz.attribution.methods import METHODS
from cnnviz.options import RequestError
from cnnviz.runtime import backend
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_another_class_of_a_seen_photo_runs_only_the_head(engine, photo, monkeypatch):
    asked = []
    monkeypatch.setattr(
        backend, "cached_forward", lambda *a, _real=forward.cached_forward: asked.append(1) or _real(*a)
    )
    engine.predict(NET, photo)
    first = engine.heatmap(NET, photo)
    other = engine.heatmap(NET, photo, target=1 - first.target)
    assert len(asked) == 1
    np.testing.assert_allclose(first.raw, -other.raw, rtol=1e-4, atol=1e-6)
    assert engine.heatmap(NET, photo) is first


def test_a_heat_map_lies_over_the_pixels_the_net_saw(engine, photo):
    heat = engine.heatmap(NET, photo)
    assert heat.values.shape == heat.seen.shape[:2] == (150, 150)
    assert heat.values.dtype == np.float32
    assert 0 <= heat.values.min() <= heat.values.max() <= 1
    left, top, width, height = heat.box
    assert left == pytest.approx((260 - 200) / 2, abs=1)
    assert (top, width, height) == (0, pytest.approx(200, abs=1), 200)


def test_a_ladders_rungs_are_the_maps_asked_one_by_one(engine, photo, monkeypatch):
    ladder = engine.ladder(NET, photo, (0, 1))
    assert ladder.layers == engine.stages(NET)
    assert ladder.targets == (0, 1)
    for layer, row in zip(ladder.layers, ladder.rows, strict=True):
        for target, heat in enumerate(row):
            alone = engine.heatmap(NET, photo, target, layer)
            np.testing.assert_allclose(heat.raw, alone.raw, rtol=1e-3, atol=1e-7)
            np.testing.assert_allclose(heat.values, alone.values, atol=5e-3)
    assert engine.ladder(NET, photo, (0, 1)) is ladder
    with pytest.raises(RequestError, match="not computed for all layers"):
        engine.ladder(NET, photo, (0,), method="occlusion")


def test_methods_that_look_at_pixels_do_not_depend_on_the_layer(photo):
    engine = Engine(device="cpu")
    assert engine.heatmap("lecture/cats_gap", photo, 1, "conv1", "saliency") is engine.heatmap(
        "lecture/cats_gap", photo, 1, "relu2", "saliency"
    )


def test_what_speaks_against_a_class_is_the_map_turned_around(photo):
    engine, key = Engine(device="cpu"), "lecture/cats_gap"
    heat, against = engine.heatmap(key, photo, 1), engine.heatmap(key, photo, 1, against=True)
    np.testing.assert_allclose(against.raw, -heat.raw, rtol=1e-4, atol=1e-7)
    assert against.score == pytest.approx(-heat.score, rel=1e-5)
    rather = engine.heatmap(key, photo, 1, versus=0)
    other = engine.heatmap(key, photo, 0)
    np.testing.assert_allclose(rather.raw, heat.raw - other.raw, rtol=1e-4, atol=1e-6)


def test_stages_follow_the_net_and_skip_pooling(engine):
    names = engine.stages("lecture/cats_gap")
    kinds = {layer.name: layer.kind for layer in engine.layers("lecture/cats_gap").layers}
    assert names == tuple(name for name in engine.map_layers("lecture/cats_gap") if name in names)
    assert names[-1] == engine.default_layer("lecture/cats_gap")
    assert not any("Pool" in kinds[name] for name in names)
    assert 2 <= len(names) <= 6


@pytest.mark.parametrize("method", METHODS)
def test_the_maps_of_all_classes_at_once_are_those_of_the_method_that_was_asked(engine, photo, method):
    key = "lecture/mnist_gap"  # its head is one layer behind the last maps
    together = engine.every_class(key, photo, method=method)
    assert (together is None) == (METHODS[method].every_class is None)
    if together is not None:
        for target, maps in enumerate(together):
            np.testing.assert_allclose(
                maps, engine.heatmap(key, photo, target, method=method).raw, rtol=1e-3, atol=1e-6
            )


def test_every_question_follows_the_crop_and_remembers_its_answer_by_it(engine, photo):
    answers = {}
    for crop in ("centre", 0.0, 1.0, "pad", "squash"):
        own = photo.with_crop(crop)
        heat = engine.heatmap(NET, own)
        x = engine.model(NET).preprocess.tensor(engine.model(NET).preprocess.see(own))
        with torch.no_grad():
            logit = float(engine.model(NET).net(x))
        assert engine.logits(engine.model(NET), own)[-1] == pytest.approx(logit, rel=1e-4, abs=1e-5)
        assert engine.heatmap(NET, own) is heat
        assert engine.heatmap(NET, photo.with_crop(crop)) is heat
        assert [one.padding for row in engine.ladder(NET, own).rows for one in row] == [heat.padding] * len(
            engine.stages(NET)
        )
        answers[crop] = (
            logit, heat.raw.tobytes(), engine.activations(NET, own, "conv1").maps.tobytes(),
            engine.faithfulness(NET, own, heat).deletion.tobytes(), engine.drill(NET, own).score,
            engine.erase(NET, own, [[[0.5, 0.5, 0.2]]]).probabilities.tobytes(),
        )  # fmt: skip
    for parts in zip(*answers.values(), strict=True):
        assert len(set(parts)) == len(answers)
