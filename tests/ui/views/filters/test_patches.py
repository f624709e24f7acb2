"""Patches beside a filter image: only of photos that activate the channel."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.feature_vis.top_patches import Patches
from cnnviz.ui.views.filters import patches


def test_photos_that_do_not_activate_a_channel_are_counted():
    value = np.array([[3, 0, 0], [-1, -2, -3], [3, 2, 1]], np.float32)
    none = np.zeros((3, 3), int)
    found = Patches("conv", ("a", "b", "c"), value, np.array([1, 0, 3]), none, np.zeros((3, 3, 4), int), (8, 8))
    assert "2 of the 3 photos" in patches.silent(found, 0)
    assert "None of the 3 photos" in patches.silent(found, 1)
    assert patches.silent(found, 2) == ""


@pytest.mark.parametrize(
    ("box", "wanted"),
    [((100, 50, 120, 70), (30, 80, 60)), ((0, 0, 3, 3), (0, 0, 32)), ((0, 0, 224, 224), (0, 0, 224))],
)
def test_a_patch_shows_its_field_and_what_is_around_it(box, wanted):
    assert patches.window(box, (224, 224)) == wanted
