"""What the grid of maps sends to the browser."""

import numpy as np

from cnnviz.ui.components.mapgrid import BUDGET, reduced


def test_large_maps_are_averaged_down_for_the_grid_and_small_ones_are_not(rng):
    small, large = rng.random((2048, 7, 7), np.float32), rng.random((64, 224, 224), np.float32)
    assert reduced(small, BUDGET) is small
    assert reduced(large, BUDGET).size <= BUDGET
    np.testing.assert_allclose(reduced(large, BUDGET).mean((1, 2)), large.mean((1, 2)), atol=2e-3)
