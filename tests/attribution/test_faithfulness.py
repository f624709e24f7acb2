"""Faithfulness: curves of nets whose truth is known, and the shipped default against maps that see nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cnnviz.attribution.faithfulness import Probing, centred, faithfulness
from cnnviz.inference.predict import Target
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine


def finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def corner(x: torch.Tensor) -> torch.Tensor:
    """A net that is sure of class 1 as far as the upper left quarter of its input is bright."""
    bright = x[:, :, :8, :8].mean((1, 2, 3))
    return torch.stack([torch.zeros_like(bright), 12 * bright - 6], dim=1)


def test_a_true_map_deletes_early_and_inserts_early():
    x = torch.ones(1, 3, 16, 16)
    truth, lie = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    truth[:8, :8], lie[8:, 8:] = 1, 1
    # a bright photo stays bright under blur, so only deletion tells the two apart here
    good, bad = (finish(faithfulness(corner, x, Target(1), m, Probing(steps=16))) for m in (truth, lie))
    assert good.deletion_area < 0.25
    assert bad.deletion_area > good.deletion_area + 0.25
    assert good.deletion[0] == pytest.approx(float(torch.softmax(corner(x), 1)[0, 1]), rel=1e-5)
    assert good.deletion[-1] == pytest.approx(float(torch.softmax(corner(x * 0), 1)[0, 1]), rel=1e-5)
    np.testing.assert_allclose(good.shares, np.linspace(0, 1, 17))


def test_inserting_everything_ends_with_the_photo_itself():
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2
    found = finish(faithfulness(corner, x, Target(1), centred((5, 4)), Probing(steps=8, batch=3)))
    assert found.insertion[-1] == pytest.approx(found.deletion[0], rel=1e-5)
    assert found.gain == pytest.approx(found.insertion_area - found.deletion_area)


def test_batches_change_nothing():
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    one, all_at_once = (
        finish(faithfulness(corner, x, Target(1), centred((16, 16)), Probing(16, batch=b))) for b in (1, 64)
    )
    np.testing.assert_allclose(one.deletion, all_at_once.deletion, rtol=1e-5)
    np.testing.assert_allclose(one.insertion, all_at_once.insertion, rtol=1e-5)


def test_a_map_of_nan_is_refused():
    with pytest.raises(RequestError, match="no finite values"):
        finish(faithfulness(corner, torch.ones(1, 3, 16, 16), Target(1), np.full((4, 4), np.nan), Probing()))


def test_the_shipped_default_beats_a_gaussian_and_chance_on_real_photos(shared: Path):
    """Three of the 38 photos; `python -m benchmarks faithfulness/squeezenet1_1` measures all."""
    engine, key, probing = Engine(device="cpu", weights=shared / "weights"), "squeezenet1_1", Probing(steps=8, batch=9)
    random = np.random.default_rng(0)
    gains: dict[str, list[float]] = {"default": [], "gaussian": [], "random": []}
    for name in ("african_elephant", "sports_car", "monarch"):
        photo = Photo.open(shared / "photos" / f"{name}.jpg")
        heat = engine.heatmap(key, photo)
        gains["default"].append(engine.faithfulness(key, photo, heat, probing).gain)
        gains["gaussian"].append(engine.chance(key, photo, heat.target, probing).gain)
        asked = engine.forward(engine.model(key), photo, engine.default_layer(key))
        noise = random.random((224, 224), np.float32)
        gains["random"].append(finish(faithfulness(asked.logits_of, asked.x, heat.goal, noise, probing)).gain)
    assert np.mean(gains["default"]) > np.mean(gains["gaussian"]) > np.mean(gains["random"])
