"""Gabors fitted to filters: found again under noise, redrawn without it."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import gabor as g
from cnnviz.signal.gaborfit import draw, fit_gabors, match, strongest_plane


def noisy_filter(rng, k=11):
    """A known Gabor in a random colour, with noise at a third of its own deviation."""
    gabor = g.Gabor(
        float(rng.uniform(0.1, 0.4)),
        float(rng.uniform(0, 180)),
        float(rng.uniform(1.5, 3)),
        float(rng.uniform(0.6, 1.4)),
        float(rng.uniform(-180, 180)),
    )
    wave = g.kernel(gabor).real
    plane = np.zeros((k, k))
    tall, wide = (min(n, k) for n in wave.shape)
    part = wave[(wave.shape[0] - tall) // 2 :, (wave.shape[1] - wide) // 2 :][:tall, :wide]
    plane[(k - tall) // 2 :, (k - wide) // 2 :][:tall, :wide] = part
    plane /= plane.std()
    colour = rng.normal(size=3)
    weights = (colour / np.linalg.norm(colour))[:, None, None] * (plane + rng.normal(0, 0.3, (k, k)))
    return gabor, (weights + rng.normal(0, 0.05, weights.shape)).astype(np.float32)


def test_the_fit_finds_theta_and_frequency_in_95_of_100_of_200_noisy_filters(rng):
    cases = [noisy_filter(rng) for _ in range(200)]
    fits = fit_gabors(np.stack([weights for _, weights in cases]))
    found = [
        abs((fit.gabor.theta - truth.theta + 90) % 180 - 90) < 5
        and abs(fit.gabor.frequency / truth.frequency - 1) < 0.1
        for (truth, _), fit in zip(cases, fits, strict=True)
    ]
    assert np.mean(found) >= 0.95
    assert np.median([fit.r2 for fit in fits]) > 0.85


def test_a_fit_without_noise_redraws_the_filter(rng):
    gabor = g.Gabor(0.2, 30.0, 2.0, 1.0, 40.0)
    plane = g.kernel(gabor).real[1:-1, 1:-1]
    weights = np.stack([plane, plane, plane])[None]
    (fit,) = fit_gabors(weights)
    assert fit.r2 > 0.999
    assert fit.share > 0.999
    assert np.abs(draw(fit) - weights[0]).max() < 0.01 * np.abs(weights).max()
    assert fit.gabor.phase == pytest.approx(40, abs=1)
    by_hand, values = match(strongest_plane(weights[0])[0], gabor)
    assert by_hand > 0.999
    assert values.shape == plane.shape


def test_a_fit_held_in_the_hand_matches_as_well_as_the_fit_itself(rng):
    weights = rng.normal(size=(12, 3, 7, 7)).astype(np.float32)
    weights[:6] += 4 * g.kernel(g.Gabor(0.15, 60.0, 1.4, 1.0, 20.0)).real[:7, 1:8] * 10  # off the middle
    for fit in fit_gabors(weights):
        by_hand, values = match(fit.plane, fit.gabor, fit.row, fit.column)
        if 0.2 < fit.gabor.gamma < 4:  # flatter bells are told no flatter
            assert by_hand >= fit.r2 - 1e-3
        if fit.r2 > 0.5:
            assert np.abs(values - fit.match).max() < 0.02 * np.abs(fit.plane).max()


def test_an_empty_filter_has_a_fit_of_zero():
    (fit,) = fit_gabors(np.zeros((1, 3, 7, 7)))
    assert fit.r2 == 0
    assert np.isfinite(fit.match).all()
