"""The sanity dial: nothing turned is nothing changed, everything turned is another map, the net stays as it was."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from cnnviz.attribution import sanity
from cnnviz.attribution.sanity import Randomisation, Sanity, rank_correlation
from cnnviz.inference.cut import cut
from cnnviz.models.preprocess import Preprocess
from cnnviz.runtime.engine import Engine
from cnnviz.ui.views.class_activation import trust

NET = "lecture/cats_gap"


def test_rank_correlation_is_spearmans(rng):
    stats = pytest.importorskip("scipy.stats")
    a = rng.integers(0, 9, (6, 7)).astype(float)  # with ties
    b = a + rng.normal(0, 3, (6, 7))
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel())[0])
    assert np.isnan(rank_correlation(a, np.zeros_like(a)))  # undefined


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


RISE = np.arange(12.0, dtype=np.float32).reshape(3, 4)
VERDICTS = {
    "changed": (RISE, np.float32([[1, 9, 3, 8], [9, 0, 8, 1], [2, 9, 1, 8]])),
    "partly": (RISE, np.float32([[4, 1, 0, 8], [11, 10, 5, 2], [3, 6, 9, 7]])),
    "kept": (RISE, RISE**3),
    "turned": (RISE, -2 * RISE),
    "constant": (RISE * 0 + 3, RISE),
}


def test_a_rank_correlation_with_a_constant_map_is_undefined_and_said_to_be():
    flat = RISE * 0 + 3
    for maps, told in (
        ((RISE, flat), ["+1.00", "undefined (constant map)"]),
        ((flat, RISE), ["undefined (trained map constant)"] * 2),
    ):
        close = np.float32([rank_correlation(one, maps[0]) for one in maps])
        found = Sanity(("fc",), (0, 1), close, np.stack(maps))
        assert trust.correlated(found) == told
        assert found.passed == (maps[0] is RISE)


@pytest.mark.parametrize(("verdict", "maps"), VERDICTS.items(), ids=VERDICTS)
def test_neither_the_same_map_nor_its_negative_nor_a_constant_one_passes(verdict, maps):
    correlations = np.float32([1, rank_correlation(maps[1], maps[0])])
    found = Sanity(("fc",), (0, 1), correlations, np.stack(maps))
    assert (found.verdict, found.passed) == (verdict, verdict in ("changed", "partly"))
    assert found.constant == (verdict == "constant", False)
    assert set(trust.VERDICTS) == set(VERDICTS)


class Own(nn.Module):
    """A network with a weight of its own, and a layer whose weight is computed from others."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.stem = nn.Parameter(torch.rand(8)), weight_norm(nn.Conv2d(3, 8, 3))
        self.lent = nn.Conv2d(8, 8, 3)
        self.last, self.fc = spectral_norm(nn.Conv2d(8, 8, 3)), nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x).relu() * self.scale[:, None, None]
        x = nn.functional.conv2d(x, self.lent.weight, self.lent.bias).relu()
        return self.fc(self.last(x).relu().mean((2, 3)))


def test_all_weights_are_noise_in_the_end_also_those_of_the_network_itself_and_those_that_are_computed(photo):
    torch.manual_seed(0)
    engine, net = Engine(device="cpu"), Own()
    key = engine.add(net, preprocess=Preprocess(48, 48))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    noisy: list[nn.Module] = []
    found = engine.sanity(key, photo, dial=Randomisation(stops=2), layer="last")
    assert found.layers == ("", "fc", "last", "lent", "stem")
    rows = {row.name: row.parameters for row in engine.layers(key).layers}
    assert (rows["stem"], rows["last"]) == (8 * 27 + 8, 8 * 72 + 8)
    with mock.patch.object(sanity, "cut", lambda net, layer: noisy.append(net) or cut(net, layer)):
        engine.sanity(key, photo, dial=Randomisation(stops=2, seed=1), layer="last")
    last, first = dict(noisy[-1].named_parameters()), dict(noisy[0].named_parameters())
    assert [name for name, value in last.items() if torch.equal(value, first[name])] == []
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_is_left_when_half_of_the_layers_are_random_counts_too():
    layers, maps = ("fc", "c", "b", "a"), np.stack([RISE] * 5)

    def verdict(*left: float) -> str:
        return Sanity(layers, (0, 1, 2, 3, 4), np.float32([1, *left]), maps).verdict

    assert verdict(0.9, 0.1, 0.1, 0.1) == "changed"  # one random layer of four
    assert verdict(0.9, 0.6, 0.1, 0.1) == "partly"
    assert verdict(0.9, 0.1, -0.61, -0.17) == "partly"
    assert verdict(0.9, np.nan, np.nan, np.nan) == "changed"
    assert verdict(0.1, 0.1, 0.1, 0.6) == "kept"
