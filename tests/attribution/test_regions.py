"""Boxes, masks, cut-outs and captions lie where the heat lies."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cnnviz.attribution.heatmap import Heatmap
from cnnviz.attribution.regions import Threshold, caption, cut_out, otsu, regions
from cnnviz.inference.predict import Target
from cnnviz.options import RequestError
from cnnviz.photo import Photo


def heat_of(values: np.ndarray, box=None, raw=None) -> Heatmap:
    values = values.astype(np.float32)
    height, width = values.shape
    return Heatmap(
        values if raw is None else raw, np.empty(0), 1, "cat", 1.0, "conv", "gradcam",
        np.zeros((height, width, 3), np.uint8), box or (0.0, 0.0, float(width), float(height)), Target(1),
    )  # fmt: skip


@pytest.fixture
def two_spots() -> np.ndarray:
    values = np.zeros((40, 60))
    values[5:15, 10:30], values[30:34, 50:54], values[0, 0] = 1.0, 0.8, 0.9
    return values


def test_boxes_are_the_pieces_largest_heat_first_without_specks(two_spots):
    found = regions(heat_of(two_spots), Threshold(level=0.5))
    assert [(b.left, b.top, b.width, b.height) for b in found.boxes] == [(10, 5, 20, 10), (50, 30, 4, 4)]
    assert found.boxes[0].area == 200
    assert found.boxes[1].mean == pytest.approx(0.8)
    assert found.mask.sum() == 216


def test_boxes_are_in_pixels_of_the_original_photo(two_spots):
    heat = heat_of(two_spots, box=(100.0, 20.0, 120.0, 80.0))  # each pixel the net saw is two photo pixels
    first = regions(heat, Threshold(level=0.5)).boxes[0]
    assert (first.left, first.top, first.width, first.height) == (120, 30, 40, 20)
    assert first.area == 800


def test_otsu_is_scikit_images(rng):
    from skimage.filters import threshold_otsu

    values = np.clip(np.concatenate([rng.normal(0.2, 0.08, 4000), rng.normal(0.7, 0.1, 1500)]), 0, 1)
    assert otsu(values) == pytest.approx(threshold_otsu(values), abs=0.01)
    assert otsu(np.zeros((4, 4))) == 1.0


def test_a_cold_map_has_no_regions_and_nothing_to_cut_out(two_spots):
    heat = heat_of(np.zeros((8, 8)))
    found = regions(heat)
    assert found.boxes == ()
    with pytest.raises(RequestError, match="lower"):
        cut_out(Photo.sample("cat"), heat, found)


def test_the_cut_out_is_the_photo_where_it_is_warm():
    photo = Photo.of(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    values = np.zeros((30, 30))
    values[10:20, 5:25] = 1
    heat = heat_of(values, box=(15.0, 0.0, 90.0, 90.0))
    shown = cut_out(photo, heat, regions(heat, Threshold(level=0.5)))
    height, width = shown.shape[:2]
    assert abs(height - 30) <= 4
    assert abs(width - 60) <= 4
    middle = shown[height // 2, width // 2]
    assert middle[3] == 255
    places = np.argwhere((photo.pixels == middle[:3]).all(-1))
    assert (places == (45, 60)).all(1).any() or len(places)


def test_the_card_is_json(two_spots):
    heat, photo = heat_of(two_spots), Photo.of(np.zeros((40, 60, 3), np.uint8))
    card = json.loads(json.dumps(regions(heat).card(heat, photo)))
    assert card["photo"] == {"width": 60, "height": 40}
    assert card["boxes"][0]["left"] == 10


def test_captions_say_where_and_how_strong():
    values = np.full((30, 30), 0.2)
    values[2:5, 2:5] = 1
    assert "strongest at the upper left of the network's input, five times the mean" in caption(heat_of(values))
    assert "five times the mean" in caption(heat_of(values).scaled(2 * heat_of(values).reach))  # on any scale
    values = np.full((30, 30), 0.6)
    values[14, 27] = 1
    assert "strongest on the right of the network's input, two times the mean" in caption(heat_of(values))
    assert caption(heat_of(values)).endswith("100% of it is above half of the maximum.")
    padded = replace(heat_of(values), padding=(0, 3, 0, 3))
    assert "on the right of the photo, " in caption(padded)  # not the crop, as above
    assert "warm" not in caption(heat_of(values))  # which is what lies in a box, and its level is another one
    assert "nothing above 0" in caption(heat_of(np.zeros((9, 9))))
    assert "NaN" in caption(heat_of(np.zeros((9, 9)), raw=np.full((3, 3), np.nan)))
