"""A signed map becomes heat in 0..1, whatever comes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from cnnviz.attribution import cam
from cnnviz.attribution.cam import Evidence
from cnnviz.attribution.heatmap import spread


def test_maps_that_speak_against_a_class_everywhere_are_cold():
    maps = torch.ones(2, 4, 4)
    raw, _ = cam.grad_cam(Evidence(maps, -torch.ones(2, 4, 4), -1.0))
    assert (raw < 0).all()
    assert spread(raw.numpy(), (9, 7)).max() == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_heat_is_finite_and_in_range_whatever_comes(bad):
    raw = np.array([[1.0, bad], [-2.0, 0.5]], np.float32)
    heat = spread(raw, (13, 17))
    assert heat.shape == (13, 17)
    assert np.isfinite(heat).all()
    assert 0 <= heat.min() <= heat.max() == 1


def test_heat_is_opencvs_interpolation_of_what_is_warm(rng):
    raw = rng.normal(size=(7, 9)).astype(np.float32)
    truth = cv2.resize(np.maximum(raw, 0) / raw.max(), (90, 70), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(spread(raw, (70, 90)), truth / truth.max(), atol=1e-6)
    np.testing.assert_allclose(spread(raw * 1000, (70, 90)), spread(raw, (70, 90)), atol=1e-6)


def test_a_clip_makes_that_quantile_of_the_warm_places_the_hottest(rng):
    raw = rng.normal(size=(40, 40)).astype(np.float32)
    heat, warm = spread(raw, (40, 40), clip=0.9), raw[raw > 0]
    assert (heat[raw > 0] == 1).mean() == pytest.approx(0.1, abs=0.01)
    np.testing.assert_allclose(heat, np.clip(raw / np.quantile(warm, 0.9), 0, 1), atol=1e-5)


def test_maps_on_one_scale_compare_by_their_raw_values(engine, photo):
    maps = [engine.heatmap("lecture/mnist_gap", photo, target) for target in range(10)]
    top = max(one.reach for one in maps)
    assert top == max(float(one.raw.max()) for one in maps)
    for one in maps:
        np.testing.assert_allclose(one.scaled(top).values, one.values * max(0, one.raw.max()) / top, atol=1e-6)
    np.testing.assert_array_equal(maps[0].scaled(maps[0].reach / 2).values, maps[0].values)  # never brighter than 1
