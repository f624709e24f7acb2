"""What one unit of a stack sees, drawn: frames where the formula has them, and what they stand for below."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import receptive, receptive_figure
from cnnviz.signal.receptive import Window
from cnnviz.signal.receptive_figure import SCALE

THREE = (Window("conv", 3, 1, 1),) * 3
GRAY = np.full((33, 33, 3), 90, np.uint8)


def test_the_effective_field_is_the_profile_cut_at_the_photos_edge():
    layers = (Window("conv", 3, 1, 1), Window("conv", 5, 2, 2))
    glow, size = receptive_figure.effective(layers, 64), receptive.stack(layers)[-1].size
    assert glow.shape == (64, 64)
    assert glow.max() == pytest.approx(1)
    assert ((glow > 0).any(0)).sum() == size
    np.testing.assert_allclose(glow, glow.T)
    assert receptive_figure.effective((Window("conv", 63),), 64).any()
    line = receptive.effective_stack(THREE)
    assert np.allclose(receptive_figure.effective(THREE, 15)[4:11, 4:11], np.outer(line, line))
    assert receptive_figure.effective(THREE, 3).shape == (3, 3)


@pytest.mark.parametrize("at", [(0.5, 0.5), (0.25, 0.75), (0.0, 0.0)])
def test_each_layers_frame_lies_around_its_field_in_its_own_colour(at):
    layers = (Window("conv", 5, 1, 2),) * 3  # frames that lie apart
    drawn = receptive_figure.drawn(layers, GRAY, at, glow=False)
    column, row = receptive_figure.unit(layers, 33, at)
    for i, field in enumerate(receptive.stack(layers)[1:]):
        first, last = column - (field.size - 1) // 2, column + (field.size - 1) // 2
        colour = receptive_figure.colour(i, len(layers))
        for x in (SCALE * first, SCALE * (last + 1) - 1):
            if 0 <= x < len(drawn):
                assert tuple(drawn[SCALE * row + 1, x]) == colour


def test_outside_the_field_the_photo_is_dark_and_inside_it_is_itself():
    drawn = receptive_figure.drawn(THREE, GRAY, glow=False)
    assert (drawn[0, 0] < 60).all()
    assert tuple(drawn[SCALE * 16 + 1, SCALE * 16 + 1]) == (90, 90, 90)
    assert (receptive_figure.drawn(THREE, GRAY)[SCALE * 16 + 1, SCALE * 16 + 1] != 90).any()  # the effective field
    assert np.array_equal(receptive_figure.drawn((), GRAY)[0, 0], (53, 54, 56))


def test_below_it_stands_a_line_for_each_layer_in_the_colour_of_its_frame():
    made = np.asarray(receptive_figure.figure(THREE, GRAY, "gray"))
    assert np.array_equal(made[: SCALE * 33, : SCALE * 33], receptive_figure.drawn(THREE, GRAY))
    below = made[SCALE * 33 :].reshape(-1, 3)
    for i in range(3):
        assert (below == receptive_figure.colour(i, 3)).all(-1).any()
