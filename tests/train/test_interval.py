"""Wilson's interval: SciPy's numbers, and the share of experiments that it holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from cnnviz.train.interval import around, wilson, words


@pytest.mark.parametrize(("right", "of"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 12), (950, 1000), (216, 244)])
def test_the_interval_is_that_of_scipy(right, of):
    peer = binomtest(right, of).proportion_ci(method="wilson")
    assert wilson(right, of) == pytest.approx((peer.low, peer.high), abs=1e-12)
    assert around(round(right / of, 6), of) == wilson(right, of)


def test_it_holds_the_true_share_in_nineteen_of_twenty_experiments(rng):
    found = [wilson(int(right), 60) for right in rng.binomial(60, 0.9, 4000)]
    assert np.mean([low <= 0.9 <= high for low, high in found]) == pytest.approx(0.95, abs=0.02)


def test_in_words_it_has_one_decimal_and_nothing_counted_has_none():
    assert words(0.95, 1000) == "93.5–96.2%"
    assert words(1.0, 12) == "75.8–100.0%"
    assert (words(0.0, 0), wilson(0, 0)) == ("", (0.0, 1.0))
