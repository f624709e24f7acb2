"""The lecture's demonstrations: each can be computed, and the lines that open its picture open that picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import PIXELS, Photo
from cnnviz.signal import examples, pictures
from cnnviz.signal.convolve import convolve
from cnnviz.signal.kernels import KERNELS, kernel


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda example: example.title)
def test_every_example_slides_over_its_picture_and_begins_inside_its_output(example):
    assert example.picture == "photo" or example.picture in pictures.TEACHING
    assert set(example.kernels) <= set(KERNELS)
    assert example.sentence.endswith(".")
    photo = pictures.fitted(Photo.sample("cat"))
    plane = photo if example.picture == "photo" else pictures.TEACHING[example.picture][1]()
    maps = convolve(pictures.gray(plane).astype(np.float32), kernel(example.kernels[0]).weights, example.sliding)
    assert 0 <= example.position < maps.size
    assert np.ptp(maps) > 0


def test_titles_differ_and_all_teaching_pictures_are_met():
    assert len({example.title for example in examples.EXAMPLES}) == len(examples.EXAMPLES)
    assert {example.picture for example in examples.EXAMPLES} == {"photo", *pictures.TEACHING}


@pytest.mark.parametrize("name", pictures.TEACHING)
def test_the_lines_for_a_teaching_picture_open_it(name):
    scope: dict = {}
    exec(examples.source(name, Photo.sample("cat")), scope)
    np.testing.assert_array_equal(np.asarray(scope["picture"]), pictures.TEACHING[name][1]())


def test_the_lines_for_a_photo_open_it_as_the_lab_cuts_it(tmp_path, monkeypatch, photo):
    scope: dict = {}
    exec(examples.source("photo", Photo.sample("coffee")), scope)
    np.testing.assert_array_equal(np.asarray(scope["picture"]), pictures.fitted(Photo.sample("coffee")))
    monkeypatch.chdir(tmp_path)
    photo.image().save("mine.png")
    own = Photo.open("mine.png")
    exec(examples.source("photo", own), scope)
    np.testing.assert_array_equal(np.asarray(scope["picture"]), pictures.fitted(own))
    Image.new("RGB", (3000, 2000)).save("mine.png")
    exec(examples.whole(own), scope)
    assert scope["picture"].size == (3000, 2000)
    exec(examples.whole(own, every=False), scope)
    assert scope["picture"].width * scope["picture"].height <= PIXELS
    exec(examples.whole(Photo.sample("coffee")), scope)
    np.testing.assert_array_equal(np.asarray(scope["picture"]), Photo.sample("coffee").pixels)
