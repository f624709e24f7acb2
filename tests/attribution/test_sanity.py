"""The sanity dial: nothing turned is nothing changed, everything turned is another map, the net stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.attribution.sanity import Randomisation, rank_correlation
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_rank_correlation_is_spearmans(rng):
    stats = pytest.importorskip("scipy.stats")
    a = rng.integers(0, 9, (6, 7)).astype(float)  # with ties
    b = a + rng.normal(0, 3, (6, 7))
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel())[0])
    assert rank_correlation(a, np.zeros_like(a)) == 0


@pytest.mark.parametrize("method", ["gradcam", "ablation", "saliency"])
def test_the_dial_starts_at_the_map_itself_and_leaves_the_net_alone(method, photo):
    engine = Engine(device="cpu")
    net = engine.model(NET).net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    options = {"channels": 8} if method == "ablation" else None
    shares: list[float] = []
    found = engine.sanity(NET, photo, 1, None, method, options, Randomisation(stops=3), progress=shares.append)
    heat = engine.heatmap(NET, photo, 1, None, method, options)
    np.testing.assert_allclose(found.maps[0], heat.raw, rtol=1e-3, atol=1e-6)
    assert found.correlations[0] == pytest.approx(1)
    assert found.randomised[0] == 0
    assert found.randomised[-1] == len(found.layers) == 6
    assert found.layers[0] == "out"
    assert shares == sorted(shares)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert engine.sanity(NET, photo, 1, None, method, options, Randomisation(stops=3)) is found


def test_randomising_the_whole_bundled_net_changes_what_its_map_shows(photo):
    engine, key = Engine(device="cpu"), "bundled/cats_dogs"
    found = engine.sanity(key, photo, dial=Randomisation(stops=2))
    assert abs(found.correlations[-1]) < 0.9
    assert not np.allclose(found.maps[0], found.maps[-1], rtol=1e-2)
