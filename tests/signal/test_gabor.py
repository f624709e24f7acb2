"""Gabor kernels against scikit-image, responses against the lecture's scipy, fits against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import gabor as g

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
    with pytest.raises(g.GaborError, match="larger than the image"):
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


@pytest.mark.parametrize("theta", [0.0, 30.0, 45.0, 120.0])
@pytest.mark.parametrize("frequency", [0.3, 0.6, 0.75, 1.0])
def test_a_wave_too_fast_for_the_pixels_has_the_values_of_a_slower_one(theta, frequency):
    slow, turned = g.aliased(g.Gabor(frequency, theta))
    assert slow <= np.sqrt(0.5) + 1e-9
    y, x = np.mgrid[-4:5, -4:5]

    def wave(f: float, degrees: float) -> np.ndarray:
        t = np.radians(degrees)
        return np.cos(2 * np.pi * f * (x * np.cos(t) + y * np.sin(t)))

    np.testing.assert_allclose(wave(frequency, theta), wave(slow, turned), atol=1e-9)
    if frequency == 0.3:
        assert (slow, turned) == (pytest.approx(0.3), pytest.approx(theta, abs=1e-6))


def test_filters_up_to_one_cycle_a_pixel_and_down_to_sigma_0_3_are_those_of_scikit_image(rng):
    image = rng.random((48, 48)).astype(np.float32)
    for gabor in (g.Gabor(1.0, 20.0, 2.0), g.Gabor(0.8, 0.0, 0.3), g.Gabor(0.6, 70.0, 0.5, 0.6, 30.0)):
        assert np.abs(g.kernel(gabor) - skimage_kernel(gabor)).max() < 1e-6
        assert np.abs(g.response(image, gabor) - lecture(image.astype(np.float64), gabor)).max() < 1e-4
