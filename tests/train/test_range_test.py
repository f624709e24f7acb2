"""The rate a run finds by itself: well below where training breaks, and its weights untouched."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.train import range_test, run
from cnnviz.train.loop import fit
from cnnviz.train.range_test import LEAST, gentle


def test_the_rate_is_a_tenth_of_that_of_the_lowest_loss():
    rates = np.geomspace(1e-5, 1, 51)
    losses = 0.5 - 0.1 * np.exp(-((np.log10(rates) + 2) ** 2)) + np.maximum(0, np.log10(rates) + 1)
    assert gentle(list(rates), list(losses)) == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("losses", [[], [0.1] * 5, list(np.linspace(0.1, 3, 50))], ids=["none", "few", "rising"])
def test_where_the_loss_never_falls_the_least_rate_is_taken(losses):
    assert gentle(list(np.geomspace(1e-5, 1, 50))[: len(losses)], losses) == LEAST


def test_the_noise_of_the_first_steps_is_not_taken_for_the_lowest_loss():
    rates, losses = list(np.geomspace(1e-5, 1, 51)), [1.0] * 51
    losses[0], losses[30] = 0.1, 0.9
    assert gentle(rates, losses) == pytest.approx(rates[30] / 10, rel=0.1)


def test_a_search_tells_each_rate_and_stops_when_asked(plan, tmp_path):
    folder = run.create(plan, tmp_path)
    seen = []

    def heard(kind, values):
        if kind == "rate":
            seen.append(values["rate"])
            run.stop(folder)

    assert fit(folder, finding=True, heard=heard) == "stopped"
    assert seen == [1e-6]
    assert range_test.STEPS < 100


def test_a_folder_that_the_solved_head_fits_already_gets_no_high_rate_with_adam():
    rates = list(np.geomspace(1e-5, 1, 60))
    losses = list(np.linspace(0.02, 0.01, 50)) + [0.02] * 10  # low far beyond where pretrained weights survive
    assert gentle(rates, losses) > 1e-2
    assert gentle(rates, losses, range_test.HIGHEST["adam"]) == 1e-3
    assert "sgd" not in range_test.HIGHEST
