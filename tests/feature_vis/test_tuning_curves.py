"""Tuning curves find what a channel was built to want."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cnnviz.feature_vis.tuning_curves import HUES, ORIENTATIONS, PERIODS, SIZES, selectivity, stimuli, tuning

SIDE = 48


def asked(kernels: torch.Tensor, side: int = SIDE):
    """The tuning of a layer of ReLUs over these kernels (K, 3, n, n)."""
    run = lambda x: F.relu(F.conv2d(x, kernels, padding=kernels.shape[-1] // 2))  # noqa: E731
    return tuning("built", run, lambda x: x - 0.5, 3, side)


def gabor(angle: float, period: float, size: int = 25) -> torch.Tensor:
    """A kernel whose stripes run at `angle` degrees, counted anticlockwise from horizontal."""
    y, x = np.mgrid[0:size, 0:size] - size // 2
    turn = np.deg2rad(angle)
    wave = np.cos(2 * np.pi * (x * np.sin(turn) + y * np.cos(turn)) / period)
    window = np.exp(-(x**2 + y**2) / (2 * (size / 5) ** 2))
    kernel = torch.from_numpy((wave - (wave * window).sum() / window.sum()) * window).float()
    return kernel.expand(3, size, size)[None] / 3


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
@pytest.mark.parametrize("period", [4.0, 9.0])
def test_a_gabor_is_found_by_its_angle_and_period(angle, period):
    found = asked(gabor(angle, period))
    assert ORIENTATIONS[int(found.orientation[0].argmax())] == angle
    assert selectivity(found.orientation[0], ORIENTATIONS, 2) > 0.25
    assert PERIODS[int(found.frequency[0].argmax())] == period
    assert f"gratings at {angle}°" in found.badge(0)
    assert "gratings at" in found.badge(0, 50 * found.orientation.max())
    assert found.badge(0, 200 * found.orientation.max()).startswith("none of these images")


@pytest.mark.parametrize(("colour", "hue", "word"), [((1, -0.5, -0.5), 0, "red"), ((-0.5, -0.5, 1), 240, "blue")])
def test_a_colour_is_found(colour, hue, word):
    found = asked(torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1))
    assert HUES[int(found.hue[0].argmax())] == hue
    assert word in found.badge(0)


def test_a_channel_is_named_by_the_maximum_of_its_curve_where_that_has_two():
    """The chart below says where the maximum is: a mean of two directions would be another one."""
    both = 0.7 * gabor(30, 9.0) + gabor(90, 9.0)
    found = asked(both)
    top = ORIENTATIONS[int(found.orientation[0].argmax())]
    assert top == 90
    words = found.badge(0)
    assert f"gratings at {top:.0f}°" in words or "any orientation" in words


def test_bright_and_dark_surfaces_are_told_apart():
    found = asked(torch.stack([torch.ones(3, 1, 1), -torch.ones(3, 1, 1)]))
    assert "bright" in found.badge(0)
    assert "dark" in found.badge(1)


def test_a_spot_detector_prefers_spots_of_its_size():
    y, x = np.mgrid[0:25, 0:25] - 12
    r2 = x**2 + y**2
    ring = np.exp(-r2 / (2 * 3.0**2)) / 9 - np.exp(-r2 / (2 * 6.0**2)) / 36  # difference of Gaussians
    found = asked(torch.from_numpy(ring).float().expand(1, 3, 25, 25))
    assert 6 <= SIZES[int(found.size[0].argmax())] <= 28


def test_dead_channels_and_twins_are_found():
    kernels = torch.cat([gabor(0, 6), gabor(0, 6) * 2, gabor(90, 6), torch.zeros(1, 3, 25, 25)])
    found = asked(kernels)
    assert found.dead.tolist() == [3]
    assert found.twins.tolist() == [[0, 1]]
    assert "dead" in found.badge(3)


def test_about_five_hundred_pictures_in_range():
    made = stimuli(24)
    count = sum(part.reshape(-1, 24, 24, 3).shape[0] for part in made.values())
    assert 400 <= count <= 520
    assert all(part.min() >= 0 and part.max() <= 1 and part.dtype == np.float32 for part in made.values())
