"""Where a picture begins, on which canvases, and what cannot be maximised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cnnviz.feature_vis.maximize import maximize
from cnnviz.feature_vis.recipes import Aim
from cnnviz.feature_vis.setup import AscentError
from tests.feature_vis.ascents import SHORT, images, net, place


def test_coarse_canvases_come_first():
    events = list(maximize(place(net(), side=96), [Aim.of(2)], replace(SHORT, coarse=1)))
    assert [len(event.picture) for event in events] == [48] * 3 + [96] * 3


def test_a_photo_is_where_it_starts(photo):
    base = np.ascontiguousarray(photo.pixels[:32, :32])
    ascent = replace(SHORT, start="photo", steps=1, rate=0.01)
    (image,) = images(place(net()), [3], ascent, photo=base)
    assert np.abs(image.start.astype(int) - base).max() <= 6  # a spectrum keeps clear of pure black and white
    assert np.abs(image.picture.astype(int) - image.start).mean() < 3


def test_what_cannot_be_maximised_says_why():
    trunk = net()
    with pytest.raises(AscentError, match="channels 0 to 11"):
        images(place(trunk), [12], SHORT)
    with pytest.raises(AscentError, match="4 px"):
        images(place(trunk, side=4), [0], SHORT)
    with pytest.raises(AscentError, match="single position; choose 16 px"):
        images(place(trunk, side=8), [0], SHORT)
    with pytest.raises(AscentError, match="choose one with feature maps"):
        images(place(lambda x: x[:, 0]), [0], SHORT)
