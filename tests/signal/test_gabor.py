"""Gabor kernels against scikit-image, responses against the lecture's scipy, fits against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.photo import Photo
from cnnviz.signal import gabor as g
from cnnviz.signal import pictures
from cnnviz.signal.code import gabor_as_python
from cnnviz.signal.gaborfit import draw, fit_gabors, match, strongest_plane

skfilters = pytest.importorskip("skimage.filters")
ndimage = pytest.importorskip("scipy.ndimage")


def lecture(image, gabor):
    """The lecture's way: both parts by scipy on the normalised picture, wrapped."""
    k = skimage_kernel(gabor)
    image = (image - image.mean()) / image.std()
    real, imaginary = (ndimage.convolve(image, part, mode="wrap") for part in (k.real, k.imag))
    return np.sqrt(real**2 + imaginary**2)


def skimage_kernel(gabor):
    return skfilters.gabor_kernel(
        gabor.frequency,
        np.deg2rad(gabor.theta),
        sigma_x=gabor.sigma,
        sigma_y=gabor.sigma / gabor.gamma,
        offset=np.deg2rad(gabor.phase),
    )


@pytest.mark.parametrize("theta", [0, 17, 45, 90, 135, 181])
@pytest.mark.parametrize(("frequency", "sigma", "gamma"), [(0.1, 1, 1), (0.4, 3, 1), (0.07, 2.3, 0.5), (0.25, 2, 1.7)])
def test_kernels_are_those_of_scikit_image(theta, frequency, sigma, gamma):
    gabor = g.Gabor(frequency, float(theta), float(sigma), float(gamma), 30.0)
    theirs = skimage_kernel(gabor)
    ours = g.kernel(gabor)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-6


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (50, 80)])
@pytest.mark.parametrize("gabor", [*g.bank(), g.Gabor(0.2, 30.0, 2.0, 0.6, 45.0)])
def test_responses_are_those_of_the_lecture(rng, shape, gabor):
    image = rng.random(shape, np.float32) * 255
    assert np.abs(g.response(image, gabor) - lecture(image.astype(np.float64), gabor)).max() < 1e-4


def test_a_bank_is_its_filters_one_by_one_and_has_the_lectures_eight(rng):
    image = rng.random((64, 64), np.float32)
    bank = g.bank()
    assert [(b.theta, b.frequency, b.sigma) for b in bank[:3]] == [(0, 0.1, 1), (0, 0.4, 1), (0, 0.1, 3)]
    assert len(bank) == 8
    assert np.allclose(g.responses(image, bank), [g.response(image, b) for b in bank], atol=1e-5)


def test_a_flat_picture_answers_nothing_and_a_small_one_is_refused():
    assert not g.response(np.full((32, 32), 7, np.float32), g.Gabor()).any()
    with pytest.raises(g.GaborError, match="larger than the picture"):
        g.response(np.zeros((16, 16), np.float32), g.Gabor(sigma=3.0))


@pytest.mark.parametrize("theta", [0.0, 20.0, 45.0, 90.0, 150.0])
def test_the_orientation_map_names_the_direction_of_a_wave(theta):
    y, x = np.mgrid[:64, :64]
    turn = np.deg2rad(theta)
    wave = np.cos(2 * np.pi * 0.15 * (x * np.cos(turn) + y * np.sin(turn))).astype(np.float32)
    found = g.orientations(wave, g.Gabor(0.15, 0.0, 3.0), 12)
    middle = np.s_[20:44, 20:44]
    off = np.abs((found.angle[middle] - theta + 90) % 180 - 90)
    assert off.max() < 2
    assert found.coherence[middle].min() > 0.5
    assert found.strength[middle].min() > 0.1


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


def test_the_copied_python_runs_and_gives_our_response():
    gabor = g.Gabor(0.2, 30.0, 2.0)
    scope: dict = {}
    exec(gabor_as_python(gabor, "photo = cnnviz.Photo.sample('cat')"), scope)
    gray = pictures.gray(pictures.square(Photo.sample("cat")))
    assert np.allclose(scope["response"], g.response(gray, gabor), atol=1e-6)
