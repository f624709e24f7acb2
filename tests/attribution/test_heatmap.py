"""A signed map becomes heat in 0..1, whatever comes."""

from __future__ import annotations

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
