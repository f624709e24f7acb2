"""What the engine tells of a map: drills, erasing, diagnoses; cached, and forgotten with the photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.attribution.cam import evidence, grad_cam
from cnnviz.attribution.diagnosis import Case, diagnose, sureness
from cnnviz.inference.predict import Target
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_witnesses_and_rest_add_up_to_the_score(engine, photo):
    key = "lecture/mnist_gap"
    drill = engine.drill(key, photo, 4)
    assert drill.score == pytest.approx(engine.heatmap(key, photo, 4).score, rel=1e-5)
    assert sum(w.contribution for w in drill.witnesses) + drill.rest == pytest.approx(drill.score)
    bias = float(list(engine.model(key).net.parameters())[-1][4])
    assert drill.rest == pytest.approx(bias, rel=1e-3, abs=1e-5)  # behind a global average pooling all else is linear
    assert [w.contribution for w in drill.witnesses] == sorted((w.contribution for w in drill.witnesses), reverse=True)


def test_a_drill_ends_in_the_number_that_the_activations_page_shows(engine, photo):
    for layer in ("conv1", "relu2", "pool3", "relu4"):
        maps = engine.activations(NET, photo, layer).maps
        drill = engine.drill(NET, photo, 1, layer, channel=5, place=(2, 3))
        assert drill.arithmetic.steps[-1].value == pytest.approx(float(maps[5, 2, 3]), rel=1e-4, abs=1e-6)
        left, top, right, bottom = drill.field
        assert 0 <= left < right <= 150
        assert 0 <= top < bottom <= 150
        assert engine.field(NET, layer, (2, 3)) == drill.field
    with pytest.raises(RequestError):
        engine.drill(NET, photo, 1, "conv1", channel=5, place=(999, 0))


def test_what_lies_outside_the_field_does_not_move_the_number(engine, photo):
    import torch

    from cnnviz.inference.tap import tap

    model = engine.model(NET)
    x = model.preprocess.tensor(model.preprocess.see(photo))
    left, top, right, bottom = engine.field(NET, "relu2", (10, 11))
    outside = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    outside[:, :, top:bottom, left:right] = x[:, :, top:bottom, left:right]
    with torch.inference_mode():
        one, other = (tap(model.net, given, ["relu2"])[1]["relu2"][0, :, 10, 11] for given in (x, outside))
    torch.testing.assert_close(one, other)


def test_erasing_nothing_changes_nothing_and_everything_is_the_ground(engine, photo):
    stroke = [[0.5, 0.5, 0.1], [0.6, 0.5, 0.1]]
    found = engine.erase(NET, photo, [stroke, [[0.5, 0.5, 1.0]]], 1, "mean colour")
    said = {p.index: p.probability for p in engine.predict(NET, photo)}
    assert found.probabilities[0] == pytest.approx(said[1], rel=1e-4)
    assert found.shares[0] == 0
    assert list(found.shares) == sorted(found.shares)
    assert found.shares[-1] == 1
    assert found.mask.all()
    assert found.predictions[0].probability == pytest.approx(max(found.probabilities[-1], 1 - found.probabilities[-1]))
    assert engine.erase(NET, photo, [stroke, [[0.5, 0.5, 1.0]]], 1, "mean colour") is found


@pytest.mark.parametrize("wrong", [[[[0.5, 0.5]]], [[[0.5, 0.5, 9.0]]], [["x"]], [[[0.5, 0.5, 0.1]]] * 401])
def test_strokes_that_are_none_are_refused(engine, photo, wrong):
    with pytest.raises(RequestError):
        engine.erase(NET, photo, wrong)


def test_everything_that_was_proved_goes_with_the_photo(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path / "cache")
    heat = engine.heatmap(NET, photo)
    engine.ladder(NET, photo)
    engine.drill(NET, photo)
    engine.erase(NET, photo, [[[0.5, 0.5, 0.1]]])
    engine.faithfulness(NET, photo, heat, None)
    assert engine.purge() > 0
    assert engine.personal_bytes() == 0
    assert not any(photo.digest in key for key in engine.cache._entries)
    assert not list(tmp_path.rglob("*.npz"))


def test_real_photos_are_sound_and_a_forgotten_normalisation_is_found(shared: Path):
    engine, key = Engine(device="cpu", weights=shared / "weights"), "squeezenet1_1"
    model, caught = engine.model(key), []
    bare = replace(model, preprocess=replace(model.preprocess, mean=(0.0,) * 3, std=(1.0,) * 3))
    names = ("african_elephant", "tabby", "pizza", "lakeside", "umbrella", "sports_car")
    for name in names:
        photo = Photo.open(shared / "photos" / f"{name}.jpg")
        heat = engine.heatmap(key, photo)
        assert [f.name for f in engine.diagnose(key, photo, heat) if f.name != "saturated"] == []
        x = bare.preprocess.tensor(heat.seen)
        asked = engine.forward(model, photo, engine.default_layer(key))
        with torch.inference_mode():
            logits = asked.logits_of(x)[0].numpy()
        maps = engine.activations(key, photo, heat.layer).maps
        caught.append("normalisation" in {f.name for f in diagnose(
            Case(heat, logits, maps, x, sureness(asked.logits_of, x, heat.seen), "features.9", True)
        )})  # fmt: skip
    assert sum(caught) >= 4


def test_the_engine_knows_what_was_never_trained(photo):
    engine = Engine(device="cpu")
    heat = engine.heatmap("lecture/cats_gap", photo)
    assert "untrained" in {f.name for f in engine.diagnose("lecture/cats_gap", photo, heat)}


QUESTIONS = [Target(1), Target(1, against=True), Target(1, 4), Target(1, 4, True)]


def plain(engine, net, photo, layer, goal):
    """The evidence by the plain way: the whole network run, and the gradient of the target's own score."""
    model = engine.model(net)
    x = model.preprocess.tensor(model.preprocess.see(photo))
    return evidence(model.net, x, [layer], [goal])[0][0], x


@pytest.mark.parametrize("goal", QUESTIONS, ids=str)
def test_every_proof_is_of_the_question_its_map_answers(engine, photo, goal):
    """Each number beside an independent one: the plain evidence with the same target."""
    key = "lecture/mnist_gap"
    layer, asked = engine.default_layer(key), {"versus": goal.versus, "against": goal.against}
    e, _ = plain(engine, key, photo, layer, goal)
    raw, _ = grad_cam(e)
    heat = engine.heatmap(key, photo, 1, **asked)
    np.testing.assert_allclose(heat.raw, raw, rtol=1e-4, atol=1e-6)
    drill = engine.drill(key, photo, 1, **asked)
    assert drill.score == pytest.approx(e.score, rel=1e-5)
    sums = (e.gradient * e.maps).sum((1, 2))
    for one in drill.witnesses:
        assert one.contribution == pytest.approx(float(sums[one.channel]), rel=1e-3, abs=1e-6)
    np.testing.assert_allclose(engine.sanity(key, photo, 1, **asked).maps[0], raw, rtol=1e-4, atol=1e-6)
    stairs = engine.ladder(key, photo, (1, 2), **asked)
    for name, row in zip(stairs.layers, stairs.rows, strict=True):
        for column, target in enumerate((1, 2)):
            other, _ = plain(engine, key, photo, name, replace(goal, target=target))
            np.testing.assert_allclose(row[column].raw, grad_cam(other)[0], rtol=1e-3, atol=1e-6)
            assert row[column].goal == replace(goal, target=target)


@pytest.mark.parametrize("goal", QUESTIONS, ids=str)
def test_faithfulness_follows_the_probability_of_the_question(engine, photo, goal):
    key = "lecture/mnist_gap"
    asked = {"versus": goal.versus, "against": goal.against}
    heat = engine.heatmap(key, photo, 1, **asked)
    found, chance = engine.faithfulness(key, photo, heat), engine.chance(key, photo, 1, **asked)
    _, x = plain(engine, key, photo, engine.default_layer(key), goal)
    with torch.inference_mode():
        whole, none = (engine.model(key).net(given)[0].double() for given in (x, torch.zeros_like(x)))
    for curve, logits in ((found.deletion[0], whole), (found.insertion[-1], whole), (found.deletion[-1], none)):
        odds = logits[1] - logits[4]  # the score of a contrast
        truth = float(logits.softmax(0)[1] if goal.versus is None else torch.sigmoid(odds))
        assert curve == pytest.approx(1 - truth if goal.against else truth, abs=1e-5)
    assert chance.deletion[0] == pytest.approx(found.deletion[0], abs=1e-5)
