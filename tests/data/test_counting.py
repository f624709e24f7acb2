"""Circles can be counted: that many, apart, whole, and the same again with the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from cnnviz.data import counting, folder
from cnnviz.data.counting import Counting, CountingError

MANY = Counting(low=45, high=50, smallest=3, largest=6)


@pytest.mark.parametrize("options", [Counting(), MANY, Counting(size=64, largest=6)], ids=str)
def test_circles_keep_their_distance_from_each_other_and_the_border(options, rng):
    for _ in range(5):
        found = counting.place(options.high, options, rng)
        apart = np.linalg.norm(found[:, None, :2] - found[None, :, :2], axis=2)
        least = found[:, None, 2] + found[None, :, 2] + options.gap
        np.fill_diagonal(apart, np.inf)
        assert (apart >= least).all()
        assert (found[:, :2] - found[:, 2:] >= options.gap).all()
        assert (found[:, :2] + found[:, 2:] <= options.size - options.gap).all()


@pytest.mark.parametrize("style", ["discs", "rings", "colours"])
@pytest.mark.parametrize("count", [1, 5, 47])
def test_opencv_counts_as_many(style, count, rng):
    options = Counting(low=1, high=50, smallest=3, largest=6, style=style)
    picture = counting.draw(count, options, rng)
    pieces, _ = cv2.connectedComponents((picture.max(2) > 40).astype(np.uint8))
    assert pieces - 1 == count


def test_the_same_seed_writes_the_same_pictures_and_another_does_not(tmp_path):
    options = Counting(low=1, high=3, per_class=5, size=48, largest=6)
    one, two = counting.write(tmp_path / "1", options), counting.write(tmp_path / "2", options)
    three = counting.write(tmp_path / "3", Counting(low=1, high=3, per_class=5, size=48, largest=6, seed=1))
    name = "train/2/00003.png"
    assert (one / name).read_bytes() == (two / name).read_bytes() != (three / name).read_bytes()
    data = folder.read(one)
    assert data.classes == ("1", "2", "3")
    assert data.val.counts(3) == (1, 1, 1)
    with Image.open(one / name) as drawn:
        assert drawn.size == (48, 48)


def test_what_does_not_fit_is_said_before_anything_is_drawn(tmp_path):
    with pytest.raises(CountingError, match="do not fit"):
        counting.write(tmp_path / "x", Counting(low=45, high=50, size=64))
    with pytest.raises(CountingError, match="two classes"):
        Counting(low=5, high=5)
    with pytest.raises(CountingError, match="swap"):
        Counting(smallest=8, largest=4)
    with pytest.raises(CountingError, match="already"):
        counting.write(tmp_path, Counting())
    assert not list(tmp_path.iterdir())


def test_the_usual_name_of_another_range_is_refused(tmp_path):
    with pytest.raises(CountingError, match="The name counting_1_5 is for 1 to 5 circles"):
        counting.write(tmp_path / "counting_1_5", Counting(low=45, high=50, smallest=1.5, largest=3))
    assert not list(tmp_path.iterdir())
    few = Counting(low=1, high=2, per_class=2, size=32, largest=5)
    assert counting.write(tmp_path / counting.usual_name(1, 2), few).name == "counting_1_2"
