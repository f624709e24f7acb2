"""Strokes become masks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from cnnviz.attribution import masking
from cnnviz.attribution.masking import masks
from cnnviz.options import RequestError


def test_a_stroke_is_a_thick_line():
    before, drawn = masks([((0.25, 0.5, 0.05), (0.75, 0.5, 0.05))], (100, 200))
    assert not before.any()
    assert drawn[50, 50:151].all()
    assert not drawn[:40].any()
    assert 9 <= drawn[:, 100].sum() <= 12


def test_masks_only_grow_and_a_dab_is_a_disc(rng):
    strokes = [tuple((float(x), float(y), 0.06) for x, y in rng.random((3, 2))) for _ in range(5)]
    drawn = masks(strokes, (90, 120))
    assert drawn.shape == (6, 90, 120)
    assert all((after | before == after).all() for before, after in pairwise(drawn))
    (_, dab) = masks([((0.5, 0.5, 0.2),)], (100, 100))
    y, x = np.mgrid[:100, :100]
    disc = np.hypot(x - 50, y - 50) <= 20
    assert (dab ^ disc).sum() < 0.06 * disc.sum()


def test_answers_are_the_nets_own_for_photos_really_erased():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4)).requires_grad_(False)
    x, gone = torch.rand(1, 3, 8, 8), np.zeros((11, 8, 8), bool)
    for i in range(11):
        gone[i, : i % 9] = True
    chances, logits = masking.answers(net, x, gone, "mean colour")
    by_hand = torch.cat([net(x * torch.from_numpy(~mask)) for mask in gone])
    torch.testing.assert_close(logits, by_hand)
    torch.testing.assert_close(chances, by_hand.softmax(1))
    shares, line = masking.curve(gone, chances[:, 2])
    np.testing.assert_allclose(shares, [min(i % 9, 8) / 8 for i in range(11)])
    np.testing.assert_array_equal(line, chances[:, 2].numpy())
    with pytest.raises(RequestError, match="blurred or mean colour"):
        masking.answers(net, x, gone, "black")


def test_what_is_blurred_away_keeps_the_mean_colour_of_a_flat_photo():
    flat = torch.full((1, 3, 24, 24), 0.7)
    _, logits = masking.answers(lambda x: x.mean((2, 3)), flat, np.ones((1, 24, 24), bool), "blurred")
    torch.testing.assert_close(logits, torch.full((1, 3), 0.7), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [[["a"]], [[(0.5, 0.5)]], [[(9, 0.5, 0.1)]], [[(0.5, 0.5, 0)]], [[(0.1, 0.1, 0.1)]] * 401]
)
def test_strokes_that_are_none_are_told(wrong):
    with pytest.raises(RequestError):
        masking.checked(wrong)
