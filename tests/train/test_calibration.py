"""Calibration: an error counted by hand, a temperature that is SciPy's, and a check on images it was not fitted to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

from cnnviz.train.calibration import COLDEST, HOTTEST, error, measured, reliability, temperature


def drawn(rng, heat, count=3000, classes=3):
    """Logits whose softmax at temperature `heat` is the truth that labels are drawn from."""
    logits = torch.from_numpy(rng.normal(size=(count, classes))) * 3
    chances = torch.softmax(logits / heat, 1).numpy()
    labels = torch.from_numpy(np.array([rng.choice(classes, p=row) for row in chances]))
    return logits, labels


def test_the_error_is_the_mean_gap_of_confidence_and_accuracy():
    logits = torch.log(torch.tensor([[0.85, 0.15], [0.85, 0.15], [0.35, 0.65], [0.4, 0.6]], dtype=torch.float64))
    bins = reliability(logits, torch.tensor([0, 1, 1, 1]))
    assert bins == [[0.6, 1.0, 1], [0.65, 1.0, 1], [0.85, 0.5, 2]]
    assert error(bins) == pytest.approx((0.4 + 0.35 + 2 * 0.35) / 4)


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5])
def test_the_temperature_is_the_one_of_least_loss_and_finds_the_truth(rng, heat):
    logits, labels = drawn(rng, heat)
    found = temperature(logits, labels)
    peer = minimize_scalar(lambda t: float(F.cross_entropy(logits / t, labels)), bounds=(0.05, 20), method="bounded")
    assert found == pytest.approx(peer.x, rel=2e-3)
    assert found == pytest.approx(heat, rel=0.1)


def test_an_overconfident_network_is_measured_and_mended_on_images_the_temperature_has_not_seen(rng):
    logits, labels = drawn(rng, 3.0)
    found = measured(logits, labels)
    assert found["error"] > 0.1 > 0.04 > found["scaled_error"]
    assert sum(count for _, _, count in found["bins"]) == len(labels)
    good = measured(*drawn(rng, 1.0))
    assert (good["error"], good["temperature"]) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.06))


def test_what_is_never_or_always_wrong_stays_in_range_and_nothing_at_all_is_no_error():
    logits = torch.tensor([[5.0, 0.0], [0.0, 5.0]], dtype=torch.float64)
    assert COLDEST <= temperature(logits, torch.tensor([0, 1])) < 0.2
    assert temperature(logits, torch.tensor([1, 0])) == pytest.approx(HOTTEST, rel=0.01)
    assert temperature(torch.zeros(2, 2, dtype=torch.float64), torch.tensor([0, 1])) > 0
    assert measured(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))["error"] == 0
    assert measured(logits[:1], torch.tensor([0]))["temperature"] > 0
