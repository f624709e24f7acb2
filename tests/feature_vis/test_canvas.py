"""A canvas gives back what was put on it, and its steps are as long as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cnnviz.feature_vis.canvas import Canvas, blurred, variation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = ["pixel", "fourier"]


def canvas(kind: str, **options: bool) -> Canvas:
    return Canvas(kind, MEAN, STD, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [16, 33])
def test_a_stored_picture_is_shown_as_it_was(kind, side):
    pictures = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    place = canvas(kind)
    torch.testing.assert_close(place.shown(place.paint(place.stored(pictures))), pictures, atol=2e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_of_a_change_is_how_far_it_moves_the_pixels(kind):
    """Parseval: the length is read off the spectrum, the pixels are the oracle."""
    for side in (16, 17):
        place = canvas(kind, decorrelate=False)
        pictures = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
        change = place.stored(pictures)
        plane = place._plane(change) if kind == "fourier" else change
        assert place.length(change).item() == pytest.approx(plane.square().mean().sqrt().item(), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_is_the_same_noise_and_the_global_generator_is_left_alone(kind):
    before = torch.get_rng_state()
    one, same, other = (canvas(kind).blank(2, 24, seed, "noise", 0.3) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one[0], one[1])


def test_the_lectures_noise_lies_between_150_and_180():
    place = canvas("pixel")
    shown = place.shown(place.paint(place.blank(1, 64, 0, "noise", 30 / 255))) * 255
    assert 149.9 < shown.min() < 151
    assert 179 < shown.max() < 180.1


def test_gray_is_gray_and_a_photo_is_the_photo():
    photo = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    for kind in KINDS:
        place = canvas(kind)
        gray = place.shown(place.paint(place.blank(1, 20, 0, "gray", 0.3)))
        torch.testing.assert_close(gray, torch.full_like(gray, 0.5), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            place.shown(place.paint(place.blank(1, 20, 0, "photo", 0.3, photo)))[0], photo, atol=2e-4, rtol=0
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_grown_picture_looks_the_same(kind):
    y = torch.linspace(0, math.pi, 32)
    smooth = (0.5 + 0.3 * torch.sin(y)[:, None] * torch.sin(y)[None]).expand(1, 3, 32, 32)
    place = canvas(kind)
    larger = place.shown(place.paint(place.grown(place.stored(smooth), 64)))
    again = torch.nn.functional.interpolate(larger, size=32, mode="area")
    assert (again - smooth).abs().max() < 0.02


def test_pixels_stay_where_they_can_be_shown_only_if_asked():
    wild = torch.full((1, 3, 8, 8), 40.0)
    assert canvas("pixel", clip=False).bounded(wild).max() == 40
    seen = canvas("pixel").bounded(wild)
    torch.testing.assert_close(seen * torch.tensor(STD).view(1, 3, 1, 1) + torch.tensor(MEAN).view(1, 3, 1, 1),
                               torch.ones(1, 3, 8, 8))  # fmt: skip


def test_noise_on_a_spectrum_falls_off_as_in_photos():
    picture = canvas("fourier").blank(1, 128, 0, "noise", 0.3)
    plane = canvas("fourier", decorrelate=False)._plane(picture)[0, 0].numpy()
    power = np.abs(np.fft.rfft2(plane)) ** 2
    slope = np.polyfit(np.log(np.arange(2, 50)), np.log(power[0, 2:50] + power[2:50, 0]), 1)[0]
    assert -2.6 < slope < -1.4


def test_blurring_agrees_with_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    picture = torch.rand(1, 2, 30, 40, generator=torch.Generator().manual_seed(1))
    truth = ndimage.gaussian_filter(picture.numpy(), (0, 0, 1.5, 1.5), mode="nearest", radius=(0, 0, 4, 4))
    np.testing.assert_allclose(blurred(picture, 1.5).numpy(), truth, atol=1e-5)


def test_variation_is_the_gradient_of_total_variation():
    picture = torch.rand(1, 1, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    total = sum(torch.sqrt(torch.diff(picture, dim=axis) ** 2 + 1e-4).sum() for axis in (2, 3))
    (truth,) = torch.autograd.grad(total, picture)
    torch.testing.assert_close(variation(picture.detach()), truth)
