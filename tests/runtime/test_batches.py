"""Many photos at once have the answers that each has alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution.methods import METHODS
from cnnviz.inference.predict import TargetError
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

KEY = "lecture/cats_gap"


@pytest.fixture
def photos(rng):
    sizes = [(160, 200), (90, 300), (151, 150), (40, 40), (200, 160), (80, 80), (64, 90)]
    return [Photo.of(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).with_crop("pad" if i % 2 else "centre")
            for i, size in enumerate(sizes)]  # fmt: skip


def _same(one, other):
    reach = np.abs(one.raw).max()
    near = 5e-6  # 1e-6 on most processors; the kernels of one, for AVX-512, added up in a batch to 2e-6
    np.testing.assert_allclose(other.raw, one.raw, atol=near * reach, rtol=0)
    np.testing.assert_array_equal(other.seen, one.seen)
    for name in ("target", "label", "layer", "method", "box", "padding", "goal", "other", "options", "clip"):
        assert getattr(other, name) == getattr(one, name), name
    assert other.score == pytest.approx(one.score, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_heat_maps_are_those_of_each_photo_alone(engine, photos, method):
    given = {"occlusion": {"window": 64, "stride": 64}, "smoothgrad": {"samples": 2}, "integrated": {"steps": 8}}
    found = engine.heatmap_batch(KEY, photos, None, None, method, given.get(method))
    for photo, heat in zip(photos, found, strict=True):
        _same(engine.heatmap(KEY, photo, None, None, method, given.get(method)), heat)


def test_a_class_another_one_and_a_layer_can_be_named(engine, photos):
    found = engine.heatmap_batch(KEY, photos, "dog", "conv2", "hirescam", versus="cat", against=True)
    for photo, heat in zip(photos, found, strict=True):
        _same(engine.heatmap(KEY, photo, "dog", "conv2", "hirescam", versus="cat", against=True), heat)


def test_predictions_are_those_of_each_photo_alone(engine, photos):
    for photo, answer in zip(photos, engine.predict_batch(KEY, photos, top=2), strict=True):
        alone = engine.predict(KEY, photo, top=2)
        assert [one.index for one in answer] == [one.index for one in alone]
        assert [one.probability for one in answer] == pytest.approx([one.probability for one in alone], abs=1e-6)


def test_a_class_that_does_not_exist_and_a_path_for_a_photo_are_refused(engine, photos):
    with pytest.raises(TargetError, match="elephant"):
        engine.heatmap_batch(KEY, photos, "elephant")
    with pytest.raises(RequestError, match=r"Photo\.open"):
        engine.predict_batch(KEY, ["photo.jpg"])
    assert engine.predict_batch(KEY, []) == ()


class Mixing(nn.Module):
    """A network whose images depend on each other in a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.body(x / x.abs().max()).relu().mean((2, 3)))


class Branching(Mixing):
    """A network whose operations depend on the photo."""

    def forward(self, x):
        x = self.body(x)
        return self.out((x.relu() if x.mean() > 0 else -x).mean((2, 3)))


@pytest.mark.parametrize("kind", [Mixing, Branching])
def test_a_network_that_mixes_a_batch_is_asked_one_photo_at_a_time(photos, kind):
    engine = Engine(device="cpu")
    torch.manual_seed(0)
    key = engine.add(kind().eval(), preprocess=Preprocess(40, 32))
    for method in ("gradcam", "layercam"):
        for photo, heat in zip(photos, engine.heatmap_batch(key, photos, method=method), strict=True):
            _same(engine.heatmap(key, photo, method=method), heat)
    for photo, answer in zip(photos, engine.predict_batch(key, photos), strict=True):
        alone = engine.predict(key, photo)
        assert [one.probability for one in answer] == pytest.approx([one.probability for one in alone], abs=1e-6)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++"])
def test_photos_by_a_real_network_equal_those_alone_to_a_millionth(shared, method):
    engine = Engine(device="cpu", weights=shared / "weights")
    photos = [Photo.open(path) for path in sorted((shared / "photos").glob("*.jpg"))[:6]]
    for photo, heat in zip(photos, engine.heatmap_batch("squeezenet1_1", photos, method=method), strict=True):
        _same(engine.heatmap("squeezenet1_1", photo, method=method), heat)
