"""What a growing picture must survive: shifts, turns, zooms and cuts, against torchvision, and drawn evenly."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cnnviz.feature_vis.recipes import Ascent
from cnnviz.feature_vis.transforms import Transform, shake

STILL = Transform(0, 0, 0.0, 1.0, 1.0, 0.0, 0.0)


@pytest.fixture
def pictures() -> torch.Tensor:
    """Two smooth pictures, which no way of interpolating changes much."""
    y, x = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 3, 64), indexing="ij")
    return torch.stack([torch.sin(x + 2 * y), torch.cos(2 * x - y)])[:, None].expand(2, 3, 64, 64)


def test_without_a_change_the_pictures_are_the_very_same(pictures):
    assert STILL(pictures) is pictures


def test_a_shift_is_a_roll(pictures):
    shifted = replace(STILL, down=3, across=-5)(pictures)
    np.testing.assert_array_equal(shifted, np.roll(pictures.numpy(), (3, -5), (2, 3)))


@pytest.mark.parametrize(("degrees", "zoom"), [(20.0, 1.0), (-35.0, 1.0), (0.0, 1.25), (10.0, 0.9)])
def test_a_turn_and_a_zoom_are_torchvisions_in_the_middle(pictures, degrees, zoom):
    functional = pytest.importorskip("torchvision.transforms.functional")
    ours = replace(STILL, angle=math.radians(degrees), zoom=zoom)(pictures)
    truth = functional.affine(pictures, -degrees, [0, 0], zoom, [0.0, 0.0], functional.InterpolationMode.BILINEAR)
    middle = np.s_[:, :, 20:44, 20:44]  # what comes from outside is mirrored by one and black with the other
    torch.testing.assert_close(ours[middle], truth[middle], atol=2e-3, rtol=0)


def test_a_cut_is_a_window_of_the_picture(pictures):
    window = replace(STILL, kept=0.5, top=1.0, left=0.25)(pictures)
    assert torch.equal(window, pictures[:, :, 32:64, 8:40])
    assert replace(STILL, kept=0.01)(pictures).shape[2:] == (8, 8)


def test_gradients_come_back_to_the_picture(pictures):
    x = pictures.clone().requires_grad_()
    change = Transform(2, 1, 0.2, 1.1, 0.8, 0.5, 0.5)
    (gradient,) = torch.autograd.grad(change(x).sum(), x)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_draws_keep_to_the_knobs_and_reach_their_ends():
    ascent = Ascent(jitter=3, rotate=10.0, scale=0.2, crop=0.3)
    generator = torch.Generator().manual_seed(0)
    drawn = [shake(ascent, generator) for _ in range(500)]
    assert {change.down for change in drawn} == {change.across for change in drawn} == set(range(-3, 4))
    assert max(abs(change.angle) for change in drawn) == pytest.approx(math.radians(10), rel=0.02)
    assert {round(change.kept, 6) for change in drawn} == {0.7}
    zooms = [change.zoom for change in drawn]
    assert (min(zooms), max(zooms)) == (pytest.approx(0.8, abs=0.01), pytest.approx(1.2, abs=0.01))


def test_one_knob_does_not_alter_the_course_of_another():
    one, other = (torch.Generator().manual_seed(4) for _ in range(2))
    for _ in range(5):
        plain, turned = shake(Ascent(jitter=6), one), shake(Ascent(jitter=6, rotate=30.0, crop=0.2), other)
        assert (plain.down, plain.across) == (turned.down, turned.across)
