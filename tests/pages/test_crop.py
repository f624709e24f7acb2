"""The crop is chosen beside the photo, once for all pages: answers, Python and links follow it."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.photo import Photo
from cnnviz.ui.widgets import crop, show

NET = "lecture/cats_gap"


def pressed(at, key: str):
    return next(button for button in at.button if button.key == key)


@pytest.mark.parametrize(
    ("link", "way"),
    [({"crop": "pad"}, "pad"), ({"crop": "squash"}, "squash"), ({"crop": "move", "crop-at": "0.2"}, 0.2)],
)
def test_a_link_sets_the_crop_of_every_page_and_what_is_copied_has_it(visit, engine, words, link, way):
    photo = Photo.sample("cat").with_crop(way)
    at = visit(**link)
    for page in ("home", "class_activation", "activations"):
        if page != "home":
            at.switch_page(f"pages/{page}.py").run()
        assert not at.exception
        python = "\n".join(block.value for block in at.code)
        assert f"cnnviz.Photo.sample('cat').with_crop({way!r})" in python
        assert all(f"{name}={value}" in python for name, value in link.items())
        assert crop.input_of(engine.model(NET), photo) in words(at)
        if page != "activations":
            for one in engine.predict(NET, photo, top=2):
                assert f"<b>{show.percent(one.probability)}</b>" in words(at)


def test_the_crop_is_taken_up_from_the_sidebar_and_the_other_photo_of_two_has_it(visit, engine, words):
    at = visit("activations", **{"with": "photo", "second": "rocket"})
    before = "\n".join(block.value for block in at.code)
    assert "with_crop" not in before
    at.button_group("crop").set_value("move").run()
    at.slider("crop-at").set_value(0.9).run()
    python = "\n".join(block.value for block in at.code)
    assert "sample('cat').with_crop(0.9)" in python
    assert "sample('rocket').with_crop(0.9)" in python
    at.switch_page("pages/class_activation.py").run()
    assert at.slider("crop-at").value == 0.9
    assert "with_crop(0.9)" in "\n".join(block.value for block in at.code)
    assert "was chosen for another photo" not in words(at)


def test_a_panorama_says_how_little_the_input_is_of_it_and_a_click_shows_all(visit, engine, words, monkeypatch):
    panorama = Photo.of(np.full((60, 480, 3), 90, np.uint8), "cat", personal=False)
    monkeypatch.setattr(Photo, "sample", classmethod(lambda cls, name="cat": panorama))
    at = visit("class_activation")
    assert "The input of the network is the middle 12% of this panorama." in words(at)
    pressed(at, "crop-pad").click().run()
    assert at.button_group("crop").value == "pad"
    assert "a border in the mean colour fills 87% of the input" in words(at)
    assert not [button for button in at.button if button.key == "crop-pad"]


def test_a_photo_of_usual_shape_needs_no_sentence(engine):
    model = engine.model(NET)
    for height, width in ((100, 100), (200, 300), (300, 101)):
        assert crop.input_of(model, Photo.of(np.zeros((height, width, 3), np.uint8))) == ""
    tall = Photo.of(np.zeros((1000, 50, 3), np.uint8))
    assert crop.input_of(model, tall) == "The input of the network is the middle 5.0% of this tall photo."
    assert crop.input_of(model, tall.with_crop(1)).endswith("of this tall photo, at its bottom end.")
    assert crop.input_of(model, tall.with_crop(0.2)).endswith("of this tall photo, 20% of the way to its bottom end.")
