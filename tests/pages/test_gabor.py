"""The Gabor page without a browser: pictures go out exact, links come back, fits and transplants are the engine's."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.inference import first_layer
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.signal import gabor, gaborfit, pictures
from cnnviz.ui.views.first_layer import sheet
from cnnviz.ui.widgets import show

NET = "lecture/cats_gap"


def sent(at, key: str = "gaborlab") -> dict:
    return json.loads(at.get_by_key(key).proto.json)


def test_the_first_sight_is_a_filter_on_the_photo_and_two_textures(visit):
    at = visit("gabor", photo="astronaut")
    assert not at.exception
    data = sent(at)
    assert [p["name"] for p in data["pictures"]] == ["astronaut", "brick", "coins", "digit", "shirt"]
    pixels = np.frombuffer(base64.b64decode(data["pictures"][0]["pixels"]), np.uint8).reshape(256, 256)
    assert np.array_equal(pixels, pictures.gray(pictures.square(Photo.sample("astronaut"))))


def test_a_link_brings_the_filter_back_and_a_bad_one_the_default(visit):
    start = sent(visit("gabor", wave="0.25~30~2~0.6~45"))["start"]
    assert [start[n] for n in ("frequency", "theta", "sigma", "gamma", "phase")] == [0.25, 30, 2, 0.6, 45]
    for bad in ("", "1~2", "9~0~1~1~0", "a~b~c~d~e"):
        assert sent(visit("gabor", wave=bad))["start"]["frequency"] == 0.1


def test_what_the_browser_says_becomes_code_that_runs(visit):
    at = visit("gabor")
    start = sent(at)["start"]
    view = {"frequency": 0.2, "theta": 60, "sigma": 2, "gamma": 1, "phase": 0, "picture": 1, "view": "response"}
    at.session_state["gaborlab"] = {"view": view | {"stamp": start["stamp"]}}
    at.run()
    scope: dict = {}
    exec(next(block.value for block in at.code if "gabor.response" in block.value), scope)
    gray = pictures.gray(pictures.square(Photo.sample("brick")))
    assert np.allclose(scope["response"], gabor.response(gray, gabor.Gabor(0.2, 60.0, 2.0)))


def test_the_bank_begins_with_the_lectures_eight_filters_on_three_pictures(visit):
    at = visit("gabor", **{"gabor-view": "Filter bank"})
    data = sent(at, "gaborbank")
    found = {(f["theta"], f["frequency"], f["sigma"]) for f in data["filters"]}
    assert found == {(t, f, s) for t in (0, 45) for f in (0.1, 0.4) for s in (1, 3)}
    assert len(data["pictures"]) == 3
    at.multiselect[0].set_value([]).run()
    assert not at.exception
    assert "at least one" in at.info[0].value


def test_learned_filters_are_fitted_and_transplanted(visit, engine, words):
    at = visit("gabor", **{"gabor-view": "Learned filters"}, photo="coffee")
    assert not at.exception
    model = engine.model(NET)
    layer = first_layer.first_layer(model.net)
    fits = gaborfit.fit_gabors(layer.weights)
    chosen = [i for i, fit in enumerate(fits) if fit.r2 >= 0.5]
    assert f"With {len(chosen)} of {len(fits)} filters replaced by Gabors" in words(at)
    before = engine.predict(NET, Photo.sample("coffee"))
    same = first_layer.answers(model, Photo.sample("coffee"), layer, layer.weights)
    assert [p.index for p in same] == [p.index for p in before]
    assert same[0].probability == pytest.approx(before[0].probability, abs=1e-5)
    assert np.array_equal(first_layer.first_layer(model.net).weights, layer.weights)  # the net is as it was


def test_the_png_of_the_learned_filters_is_both_sheets_with_title_scale_and_caption(visit, engine, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    assert not visit("gabor", **{"gabor-view": "Learned filters"}).exception
    drawn = np.asarray(given["picture"]())
    fits = gaborfit.fit_gabors(first_layer.first_layer(engine.model(NET).net).weights)
    learned, fitted = (sheet(planes, 96) for planes in ([f.plane for f in fits], [f.match for f in fits]))
    high, wide = learned.shape[:2]
    assert np.array_equal(drawn[:high, :wide], learned)
    assert np.array_equal(drawn[:high, -wide:], fitted)
    assert drawn.shape[0] > high + 40


def press(at, label: str) -> None:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception


def test_a_learned_filter_is_taken_into_the_hand_and_put_into_the_net(visit, words):
    at = visit("gabor", **{"gabor-view": "Learned filters"})
    press(at, "Match it by hand")
    target = sent(at)["target"]
    assert target["name"].startswith("Filter ")
    assert np.shape(target["plane"]) == (3, 3)
    assert np.shape(target["middle"]) == (2,)
    link = {name: one[0] if isinstance(one, list) else one for name, one in at.query_params.items()}
    assert sent(visit("gabor", **link))["target"] == target  # the address holds what is matched
    at.sidebar.selectbox(key="model").set_value("bundled/cats_dogs").run()  # another net has another filter there
    assert sent(at)["target"] is None
    assert "waits until its network is chosen again" in words(at)
    at.sidebar.selectbox(key="model").set_value(NET).run()
    assert sent(at)["target"] == target
    press(at, "Replace the learned filter in the network")
    assert "1 of them by hand" in words(at)
    press(at, "Restore the learned filters")
    assert "by hand" not in words(at)
    assert sent(visit("gabor", match="9999", wave=link["wave"]))["target"] is None


def test_a_network_without_classes_has_its_filters_and_no_predictions(visit, words):
    at = visit("gabor", model="lecture/mnist_base", **{"gabor-view": "Learned filters"})
    assert not at.exception
    assert "has feature maps and no classes" in words(at)
    assert "filters replaced by Gabors" not in words(at)


def test_a_return_to_the_page_or_the_view_finds_the_filter_as_it_was(visit):
    at = visit("gabor")
    view = {"frequency": 0.3, "theta": 60, "sigma": 2, "gamma": 1, "phase": 0, "picture": 1, "view": "response"}
    at.session_state["gaborlab"] = {"view": view | {"stamp": sent(at)["start"]["stamp"]}}
    at.run()
    at.switch_page("pages/convolution.py").run()
    at.switch_page("pages/gabor.py").run()
    assert sent(at)["start"]["frequency"] == 0.3


def test_what_is_shown_is_what_is_taken_away_and_what_the_link_shows_again(visit):
    at = visit("gabor", photo="coffee")
    view = {"frequency": 0.2, "theta": 60, "sigma": 2, "gamma": 1, "phase": 0, "picture": 2, "view": "directions"}
    at.session_state["gaborlab"] = {"view": view | {"stamp": sent(at)["start"]["stamp"]}}
    at.run()
    scope: dict = {}
    exec(next(block.value for block in at.code if "gabor.orientations" in block.value), scope)
    gray = pictures.gray(pictures.square(Photo.sample("coins")))
    assert np.allclose(scope["directions"].angle, gabor.orientations(gray, gabor.Gabor(0.2, 60.0, 2.0)).angle)
    (link,) = [code.value for code in at.code if code.value.startswith("http")]
    start = sent(visit("gabor", **dict(parse_qsl(urlsplit(link).query))))["start"]
    assert (start["frequency"], start["picture"], start["view"]) == (0.2, 2, "directions")


@pytest.mark.parametrize("shows", ["response", "directions"])
def test_a_locked_colour_scale_is_that_of_the_png_too(visit, monkeypatch, shows):
    taken: list[np.ndarray] = []
    monkeypatch.setattr(show, "take_away", lambda *args, **given: taken.append(np.asarray(given["picture"]())))
    at = visit("gabor")
    view = {"frequency": 0.2, "theta": 60, "sigma": 2, "gamma": 1, "phase": 0, "picture": 1, "view": shows}
    gray = pictures.gray(pictures.square(Photo.sample("brick")))
    response, found = (
        gabor.response(gray, gabor.Gabor(0.2, 60.0, 2.0)),
        gabor.orientations(gray, gabor.Gabor(0.2, 60.0, 2.0)),
    )
    most = float(response.max() if shows == "response" else found.strength.max())
    for locked in (0.0, 2 * most, most / 2):
        at.session_state["gaborlab"] = {"view": view | {"locked": locked, "stamp": sent(at)["start"]["stamp"]}}
        at.run()
        scale = locked or most
        if shows == "response":
            wanted = picture.colourise(np.minimum(response / scale, 1), picture.HEAT)
        else:
            wanted = picture.directions(found.angle, np.minimum(found.strength, scale), scale)
        assert np.abs(taken[-1].astype(int) - wanted).max() <= 1


def test_the_bank_s_link_shows_the_same_bank(visit):
    at = visit("gabor", **{"gabor-view": "Filter bank"})
    at.multiselect[0].set_value([0, 90]).run()
    (link,) = [code.value for code in at.code if code.value.startswith("http")]
    again = visit("gabor", **dict(parse_qsl(urlsplit(link).query)))
    assert not again.exception
    assert [box.value for box in again.multiselect] == [box.value for box in at.multiselect]
    assert again.multiselect[0].value == [0, 90]


@pytest.mark.parametrize(
    ("view", "broken"),
    [
        ("One filter", (pictures, "beside")),
        ("Filter bank", (pictures, "beside")),
        ("Learned filters", (first_layer, "told")),
    ],
)
def test_what_a_view_cannot_do_in_a_rerun_of_its_own_is_one_sentence(visit, fragment, monkeypatch, words, view, broken):
    at = visit("gabor", **{"gabor-view": view})
    assert not at.error

    def gone(*args, **more):
        raise RequestError("The photo cannot be read any more; choose another.")

    monkeypatch.setattr(*broken, gone)
    fragment(at)
    assert not at.exception
    assert words(at).count("The photo cannot be read any more") == 1


@pytest.mark.parametrize(
    "word", ["5", "null", "true", "[[0]]", '["0"]', "[true]", '{"0": 1}', "[" * 300, "[" * 9000, "[0, 7]"]
)
def test_what_is_no_list_of_offered_numbers_in_a_link_is_the_first_bank(visit, word):
    at = visit("gabor", **{"gabor-view": "Filter bank", "thetas": word})
    assert not at.exception
    assert at.multiselect[0].value == [0, 45]
