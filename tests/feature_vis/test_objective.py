"""What is climbed: regularisers smooth, diversity keeps twins apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnviz.feature_vis.recipes import Ascent
from tests.feature_vis.ascents import SHORT, images, net, place


def test_one_picture_can_be_kept_apart_from_its_twin():
    ascent = replace(SHORT, steps=16, focus=0.0)
    kept, free = (images(place(net()), [3, 3], replace(ascent, diversity=d)) for d in (2.0, 0.0))
    assert not np.array_equal(kept[0].picture, kept[1].picture)
    assert not np.array_equal(kept[1].picture, free[1].picture)


def test_total_variation_and_blur_make_it_smoother():
    def rough(ascent: Ascent) -> float:
        picture = images(place(net()), [3], replace(ascent, canvas="pixel"))[0].picture.astype(float)
        return float(np.abs(np.diff(picture, axis=0)).mean())

    plain = rough(SHORT)
    assert rough(replace(SHORT, tv=2.0)) < plain
    assert rough(replace(SHORT, blur=1.5)) < plain
