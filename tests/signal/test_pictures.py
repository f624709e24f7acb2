"""Pictures to slide over: what the lectures draw, and photos cut as torchvision and Pillow cut them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.signal import pictures


def test_the_white_box_fills_the_middle_half():
    box = pictures.box()
    assert box.shape == (28, 28)
    assert box.dtype == np.uint8
    assert (box[7:21, 7:21] == 255).all()
    assert box.sum() == 255 * 14 * 14


@pytest.mark.parametrize("name", pictures.TEACHING)
def test_teaching_pictures_are_small_bytes_with_something_to_see_and_the_same_each_time(name):
    title, make = pictures.TEACHING[name]
    drawn = make()
    assert title[0].isupper()
    assert drawn.dtype == np.uint8
    assert drawn.shape[:2] in ((5, 5), (28, 28), (32, 32), (64, 64))
    assert int(drawn.max()) - int(drawn.min()) > 120
    np.testing.assert_array_equal(drawn, make())


def test_gray_is_the_luma_of_itu_601(rng):
    pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    luma = pixels @ [0.299, 0.587, 0.114]
    assert np.abs(pictures.gray(pixels) - luma).max() <= 1
    assert pictures.gray(pixels[..., 0]) is not None
    np.testing.assert_array_equal(pictures.gray(pixels[..., 0]), pixels[..., 0])


@pytest.mark.parametrize(("height", "width"), [(90, 140), (140, 90), (77, 77)])
def test_the_square_is_torchvisions_centre_crop(rng, height, width):
    functional = pytest.importorskip("torchvision.transforms.functional")
    photo = Photo.of(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    side = min(height, width)
    truth = functional.center_crop(Image.fromarray(photo.pixels), [side, side])
    np.testing.assert_array_equal(pictures.square(photo, side), np.asarray(truth))
    assert pictures.square(photo, 32).shape == (32, 32, 3)


def test_fitting_keeps_the_aspect_ratio_and_never_enlarges(rng):
    photo = Photo.of(rng.integers(0, 256, (300, 600, 3), dtype=np.uint8))
    assert pictures.fitted(photo, 100).shape == (50, 100, 3)
    assert pictures.fitted(photo, 5000).shape == (300, 600, 3)


def test_planes_are_gray_and_then_the_colours(rng):
    pixels = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    planes = pictures.planes(pixels)
    np.testing.assert_array_equal(planes[0], pictures.gray(pixels))
    np.testing.assert_array_equal(np.moveaxis(planes[1:], 0, 2), pixels)
    np.testing.assert_array_equal(pictures.looked_at(pixels, 3), planes[1:])
    np.testing.assert_array_equal(pictures.looked_at(pixels, 1), planes[:1])
    assert pictures.planes(pixels[..., 0]).shape == (1, 9, 8)


def test_a_photo_stands_beside_two_textures_and_never_twice():
    assert list(pictures.beside(Photo.sample("cat"), 40)) == ["cat", "brick", "coins"]
    assert list(pictures.beside(Photo.sample("brick"), 40)) == ["brick", "coins"]
    assert all(shown.shape == (40, 40) for shown in pictures.beside(Photo.sample("cat"), 40).values())


def test_a_digit_and_a_shirt_stand_behind_them_drawn_as_large():
    shown = pictures.beside(Photo.sample("cat"), 128, drawn=True)
    assert list(shown) == ["cat", "brick", "coins", "digit", "shirt"]
    for name in ("digit", "shirt"):
        assert shown[name].shape == (128, 128)
        small = np.asarray(Image.fromarray(shown[name]).resize((28, 28), Image.Resampling.BOX), float)
        truth = pictures.TEACHING[name][1]().astype(float)
        assert np.corrcoef(small.ravel(), truth.ravel())[0, 1] > 0.97


def test_every_pixel_of_the_small_picture_is_another_gray():
    steps = pictures.steps()
    assert steps.shape == (5, 5)
    assert len(np.unique(steps)) == 25
