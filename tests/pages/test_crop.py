"""The crop is chosen beside the photo, once for all pages: answers, Python and links follow it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState

from cnnviz.photo import Photo
from cnnviz.ui.widgets import crop, show

NET = "lecture/cats_gap"


def told(at, key: str, event: str, value):
    """The page after a component has told something once, as the browser does."""
    ident = f"$$STREAMLIT_INTERNAL_KEY_{at.get_by_key(key).proto.id}__events"
    states = at._tree.get_widget_states()
    states.widgets.append(WidgetState(id=ident, json_trigger_value=json.dumps([{"event": event, "value": value}])))
    return at._run(states)


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


def test_a_crop_dragged_on_the_picture_is_the_one_of_the_sidebar_the_link_and_python(visit, engine, words):
    at = visit("class_activation")
    assert "The faded border is cropped away; drag to move the crop." in words(at)
    told(at, "camcanvas", "crop", 0.2)
    assert not at.exception
    assert at.button_group("crop").value == "move"
    assert at.slider("crop-at").value == 0.2
    assert "crop=move" in (link := "\n".join(block.value for block in at.code))
    assert "crop-at=0.2" in link
    assert "cnnviz.Photo.sample('cat').with_crop(0.2)" in link
    box = json.loads(at.get_by_key("camcanvas").proto.json)["box"]
    left, _, width, _ = engine.model(NET).preprocess.box(photo := Photo.sample("cat").with_crop(0.2))
    assert box[::2] == [left / photo.width, width / photo.width]
    told(at, "camcanvas", "crop", "elsewhere")
    told(at, "camcanvas", "crop", 7)
    assert at.slider("crop-at").value == 0.2


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
    for (height, width), what in (((100, 300), "panorama"), ((300, 100), "tall photo")):
        three = Photo.of(np.zeros((height, width, 3), np.uint8))
        assert crop.input_of(model, three) == f"The input of the network is the middle 33% of this {what}."
    tall = Photo.of(np.zeros((1000, 50, 3), np.uint8))
    assert crop.input_of(model, tall) == "The input of the network is the middle 5.0% of this tall photo."
    assert crop.input_of(model, tall.with_crop(1)).endswith("of this tall photo, at the bottom.")
    assert crop.input_of(model, tall.with_crop(0.2)).endswith("of this tall photo, 20% of the way to the bottom.")


def test_a_photo_of_twelve_bits_says_how_its_grays_were_scaled(visit):
    values = np.tile(np.linspace(0, 4095, 320), (240, 1)).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    at = visit("home")
    at.file_uploader("upload-0").upload("scan.png", file.getvalue(), "image/png")
    at.run()
    assert not at.exception
    said = [one.value.replace("\\", "") for one in at.sidebar.caption]
    assert any("The grey values of scan.png are at most 4,095; they were read as 12-bit values." in one for one in said)
