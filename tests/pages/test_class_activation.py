"""Class activation: what is shown is the engine's heat map of the class asked for, and its proof."""

import base64
import html
import io
import json
from dataclasses import replace
from functools import partial
from threading import current_thread
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState

from cnnviz.attribution import figure
from cnnviz.attribution.overlay import overlay
from cnnviz.attribution.regions import Threshold, caption, regions
from cnnviz.measured import measured
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.probability import percent
from cnnviz.ui.components import camcanvas
from cnnviz.ui.components.camcanvas.look import Look, to_link
from cnnviz.ui.views.class_activation import answer, beside, checks, evidence, trust
from cnnviz.ui.views.class_activation.raw import signs
from cnnviz.ui.widgets import show
from cnnviz.ui.widgets.take_away import encoded

NET = "lecture/cats_gap"


def canvas(at, key: str = "camcanvas") -> dict:
    """What the canvas was given, or what was laid on the shelf beside it."""
    return json.loads(at.get_by_key(key).proto.json)


def chosen(at, key: str, value):
    """The page after a component has told a choice, as the browser does."""
    ident = f"$$STREAMLIT_INTERNAL_KEY_{at.get_by_key(key).proto.id}__events"
    states = at._tree.get_widget_states()
    told = json.dumps([{"event": "choice", "value": value}])
    states.widgets.append(WidgetState(id=ident, json_trigger_value=told))
    return at._run(states)


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_first_sight_explains_the_most_probable_class(visit, engine, words):
    at = visit("class_activation")
    best = engine.predict(NET, Photo.sample("cat"), top=1)[0]
    assert canvas(at)["caption"].startswith(f"Heat map of {best.label}: ")
    assert f'class="cv-marked"><span>{best.label}</span>' in words(at)


def test_how_to_read_the_picture_stands_above_it(visit, engine, words):
    best, other = (p.label for p in engine.predict(NET, Photo.sample("cat"), top=2))
    text = words(visit("class_activation"))
    assert f"The brighter a place, the more it supports {best}." in text
    assert "faded border" in text  # 451 x 300: its ends are cropped
    seen = words(visit("class_activation", look="0.5,0,inferno,overlay,seen,00,0.5"))
    assert "The brighter a place" in seen
    assert "faded border" not in seen  # nothing is
    index = {p.label: p.index for p in engine.predict(NET, Photo.sample("cat"), top=2)}[other]
    text = words(visit("class_activation", versus=str(index), against="true"))
    assert f"the more it counts against {best} and for {other}." in text
    assert "no class is used" in words(visit("class_activation", method="eigencam"))


def test_the_canvas_has_the_engines_own_numbers(visit, engine):
    given, heat = canvas(visit("class_activation")), engine.heatmap(NET, Photo.sample("cat"))
    values = np.frombuffer(base64.b64decode(given["heat"]), np.uint8).reshape(given["shape"])
    np.testing.assert_allclose(values / 255, heat.values, atol=0.5 / 255 + 1e-6)
    raw = np.frombuffer(base64.b64decode(given["raw"]), "<f4").reshape(given["rawShape"])
    np.testing.assert_array_equal(raw, heat.raw)
    photo = Photo.sample("cat")
    left, top, width, height = heat.box
    assert given["box"] == [left / photo.width, top / photo.height, width / photo.width, height / photo.height]


def test_any_class_can_be_asked_for_and_stands_in_the_link(visit, engine, pictures):
    at = visit("class_activation")
    before = canvas(at)
    worst = engine.predict(NET, Photo.sample("cat"), top=1000)[-1]
    at = chosen(at, "pick-class", worst.index)
    assert at.query_params["class"] == str(worst.index)
    assert canvas(at)["caption"].startswith(f"Heat map of {worst.label}")
    assert canvas(at)["raw"] != before["raw"]
    at = chosen(at, "pick-class", 5000)  # not believed
    assert "class" not in at.query_params
    assert canvas(at)["raw"] == before["raw"]


def test_every_class_is_listed_the_most_probable_first(visit, engine):
    said = engine.predict(NET, Photo.sample("cat"), top=1000)
    at = visit("class_activation")
    listed = canvas(at, "shelf-classes")["list"]
    assert listed == [[p.index, f"{p.label} · {p.index}"] for p in said]
    assert canvas(at, "pick-class")["none"] == f"Most probable ({said[0].label})"


def test_a_class_is_never_contrasted_with_itself(visit, engine):
    best = engine.predict(NET, Photo.sample("cat"), top=1)[0].index
    at = visit("class_activation", versus=str(best))
    assert "versus" not in at.query_params
    assert canvas(at, "pick-versus")["without"] == best
    at = visit("class_activation", versus=str(1 - best))
    assert at.query_params["versus"] == [str(1 - best)] or at.query_params["versus"] == str(1 - best)
    at = chosen(at, "pick-class", 1 - best)  # now they would be the same
    assert not at.exception
    assert "versus" not in at.query_params
    assert canvas(at)["target"] == 1 - best


def test_the_maps_at_hand_are_the_engines_own(visit, engine):
    net, photo = "lecture/mnist_gap", Photo.sample("cat")
    at = visit("class_activation", model=net)
    there = canvas(at, "shelf-camcanvas-maps")["maps"]
    assert len(there) == 5 + 4  # the likely classes, and this one by the other methods
    for said, raw in there.items():
        target, method = said.split()
        np.testing.assert_array_equal(floats(raw), engine.heatmap(net, photo, int(target), method=method).raw.ravel())
    given = canvas(at, "shelf-camcanvas-all")
    assert given["subject"] == canvas(at)["subject"]
    sizes, rows = floats(given["sizes"]), np.frombuffer(base64.b64decode(given["numbers"]), "<i2")
    maps = rows.reshape(len(sizes), *canvas(at)["rawShape"]) * sizes[:, None, None]
    assert len(maps) == 10
    for target, raw in enumerate(maps):
        np.testing.assert_allclose(raw, engine.heatmap(net, photo, target).raw, atol=sizes[target])


def test_the_browser_is_let_draw_the_map_before_what_follows_is_computed(visit, monkeypatch):
    told = []

    def tells(where, name, what):
        before = getattr(where, name)
        monkeypatch.setattr(where, name, lambda *args, **given: (told.append(what), before(*args, **given))[1])

    tells(camcanvas, "camcanvas", "map")
    tells(answer, "predicted", "predictions")
    tells(answer, "sleep", answer.DRAWN)
    for name in ("at_hand", "all_at_hand"):
        tells(camcanvas, name, "other maps")
    tells(checks, "quick", "checks")
    assert not visit("class_activation").exception
    assert told == ["map", "predictions", answer.DRAWN, "other maps", "other maps", "checks"]


def test_a_button_of_the_canvas_changes_what_it_says_and_nothing_else(visit):
    at = chosen(visit("class_activation"), "camcanvas", {"method": "layercam"})
    assert (at.session_state["method"], at.session_state["class"]) == ("layercam", -1)
    assert "class" not in at.query_params
    at = chosen(at, "camcanvas", {"target": 1})
    assert (at.session_state["method"], at.session_state["class"]) == ("layercam", 1)
    at = chosen(at, "camcanvas", {"target": 0, "method": "gradcam"})  # one after the other, at once
    assert (at.session_state["method"], at.session_state["class"]) == ("gradcam", 0)


@pytest.mark.parametrize(
    "told", [{}, [], "layercam", {"target": 99}, {"target": True}, {"target": 0.5}, {"method": "nope"}, {"method": []},
             {"target": 1, "method": "nope"}, {"target": {}, "method": "layercam"}],
)  # fmt: skip
def test_what_no_button_of_the_canvas_says_changes_nothing(visit, told):
    at = chosen(visit("class_activation"), "camcanvas", told)
    assert not at.exception
    assert (at.session_state["method"], at.session_state["class"]) == ("gradcam", -1)


def test_a_net_whose_classes_cost_one_map_each_has_only_some_at_hand(visit, engine):
    assert engine.every_class("lecture/mnist_flatten", Photo.sample("cat")) is None
    at = visit("class_activation", model="lecture/mnist_flatten")
    assert canvas(at, "shelf-camcanvas-all")["method"] == ""
    assert not at.exception


def test_what_the_maps_at_hand_are_of_differs_with_all_that_changes_them(visit):
    links = ({}, {"photo": "coffee"}, {"at": "relu1"}, {"against": "true"}, {"model": "lecture/cats_flatten"})
    subjects = [canvas(visit("class_activation", **link))["subject"] for link in links]
    assert len(set(subjects)) == len(links)
    assert canvas(visit("class_activation", against="true"), "shelf-camcanvas-all")["method"] == ""


@pytest.mark.parametrize("slow", [{"method": "occlusion", "occlusion-stride": "32"}, {"versus": "4"}])
def test_the_buttons_of_classes_and_methods_stay_where_no_map_is_at_hand(visit, slow):
    plain = canvas(visit("class_activation", model="lecture/mnist_gap"))
    at = visit("class_activation", model="lecture/mnist_gap", **slow)
    told = canvas(at)
    assert [one["title"] for one in told["methods"]] == [one["title"] for one in plain["methods"]]
    numbers = [one["target"] for one in plain["classes"] if str(one["target"]) != slow.get("versus")]
    assert [one["target"] for one in told["classes"]] == numbers
    assert told["subject"] == ""  # so that the browser takes no map for theirs and waits for Python
    at = chosen(at, "camcanvas", {"target": numbers[1]})
    assert (canvas(at)["target"], canvas(at)["method"]) == (numbers[1], told["method"])
    assert {**at.query_params}.items() >= {**slow, "class": str(numbers[1])}.items()


@pytest.mark.parametrize("against", [False, True])
def test_the_channels_that_add_most_to_the_map_are_named_with_their_share(visit, engine, words, against):
    photo = Photo.sample("cat")
    heat = engine.heatmap(NET, photo, against=against)
    parts = heat.weights * engine.activations(NET, photo, heat.layer).maps.mean((1, 2))
    assert parts.sum() == pytest.approx(heat.raw.mean(), rel=1e-3)
    text = words(visit("class_activation", against=str(against).lower()))
    for channel in np.argsort(-parts)[:8]:
        share = parts[channel] / np.abs(parts).sum()
        assert show.minus(f"{channel} ({parts[channel]:+.3g}, {share:+.1%})") in text
    assert text.index(f"{np.argmax(parts)} (") == min(text.index(f"{c} (") for c in np.argsort(-parts)[:2])


def test_the_sentence_fits_the_colour_map(visit, words):
    assert "The brighter a place" in words(visit("class_activation", look="0.5,0,magma,overlay,photo,00,0.5"))
    text = words(visit("class_activation", look="0.5,0,turbo,overlay,photo,00,0.5"))
    assert "brighter" not in text
    assert "nearer a colour to the right end of the scale" in text


def test_every_method_and_layer_draws(visit, engine):
    at = visit("class_activation")
    for key in ("at", "method"):
        box = at.selectbox(key)
        for place in range(0, len(box.options), 2 if key == "at" else 1):
            at.selectbox(key).select_index(place).run()
            assert not at.exception
            assert [error.value for error in at.error] == []


@pytest.mark.parametrize("asked", [{}, {"against": True}, {"versus": 1}, {"versus": 1, "against": True}])
def test_what_cold_places_mean_is_said_of_maps_that_have_some(engine, asked):
    """As ReLU leaves it, a map has no negative value, and nothing counts against the class."""
    heat = engine.heatmap(NET, Photo.sample("cat"), 0, **asked)
    assert "cold" in signs(replace(heat, raw=np.array([[-1.0, 2.0]], np.float32)))
    unsigned = signs(replace(heat, raw=np.array([[0.0, 2.0]], np.float32)))
    assert "cold" not in unsigned
    assert unsigned == f"Warm {'counts' if 'against' in asked else 'supports'} {heat.subject}; no value is negative."


def test_the_subtitle_fits_methods_without_a_layer(visit, words):
    assert "layer of the network" not in words(visit("class_activation", method="occlusion"))


def test_every_view_of_the_proof_is_reached_by_its_link(visit, words):
    says = {
        "Raw map": "Warm supports",
        "Contributions": "is computed",
        "All layers": 'class="cv-ladder"',
        "Faithfulness": "Insertion minus deletion",
        "Sanity check": "rank correlation",
        "Regions": "Regions above",
    }
    for view, expected in says.items():
        at = visit("class_activation", proof=view)
        assert not at.exception
        assert [error.value for error in at.error] == []
        assert expected in words(at), view


def test_a_look_with_strokes_travels_in_the_link(visit, words):
    strokes = (((0.5, 0.5, 0.1), (0.6, 0.5, 0.1)),)
    look = to_link(Look(0.4, 0.25, "viridis", "split", "seen", True, False, 0.3, strokes))
    at = visit("class_activation", look=look)
    begin = canvas(at)["begin"]
    assert (begin["opacity"], begin["threshold"], begin["colours"], begin["mode"]) == (0.4, 0.25, "viridis", "split")
    assert begin["strokes"] == [[[0.5, 0.5, 0.1], [0.6, 0.5, 0.1]]]
    assert "engine.erase(" in at.code[0].value
    assert f"look={look.replace(',', '%2C')}" in at.code[1].value


@pytest.mark.parametrize("way", ["a tile of many", "another page"])
def test_what_is_erased_of_one_photo_is_not_erased_of_another_wherever_it_is_chosen(visit, way):
    """Opacity and colours stay as they are."""
    look = to_link(Look(0.4, colours="viridis", strokes=(((0.5, 0.5, 0.2),),)))
    at = visit("class_activation", photo="cat", look=look)
    assert canvas(at)["begin"]["strokes"]
    if way == "another page":
        at = at.switch_page("pages/home.py").run()
        at.button_group("photo").set_value("coffee").run()
        at = at.switch_page("pages/class_activation.py").run()
    else:
        at.segmented_control("how-many").set_value("Many photos").run()
        tiles = {tile["name"]: tile["ident"] for tile in canvas(at, "many-grid")["tiles"]}
        at = opened_tile(at, tiles["coffee"])
    begin = canvas(at)["begin"]
    assert canvas(at)["stamp"] == Photo.sample("coffee").digest
    assert (begin["strokes"], begin["opacity"], begin["colours"]) == ([], 0.4, "viridis")


@pytest.mark.parametrize("way", ["the gallery", "another page"])
def test_what_is_erased_stays_erased_of_the_same_photo_after_a_look_elsewhere(visit, way):
    strokes = (((0.5, 0.5, 0.2),),)
    at = visit("class_activation", photo="cat", look=to_link(Look(strokes=strokes)))
    if way == "another page":
        at = at.switch_page("pages/home.py").run().switch_page("pages/class_activation.py").run()
    else:
        at.segmented_control("how-many").set_value("Many photos").run()
        at.segmented_control("how-many").set_value("This photo").run()
    assert canvas(at)["begin"]["strokes"] == [[[0.5, 0.5, 0.2]]]


def test_the_prediction_without_what_is_erased_stands_under_the_canvas_and_in_its_column(visit, engine, words):
    strokes, best = (((0.5, 0.5, 0.2), (0.6, 0.5, 0.2)),), engine.predict(NET, Photo.sample("cat"), top=1)[0]
    at = visit("class_activation", look=to_link(Look(strokes=strokes)))
    found, said = engine.erase(NET, Photo.sample("cat"), strokes, best.index), canvas(at, "shelf-camcanvas-erased")
    assert said["of"] == [1, 0.6, 0.5, 0.2]
    before, now = (percent(float(found.probabilities[i])) for i in (0, -1))
    share = f"{found.mask.mean():.1%} of the network’s input is erased"  # which is the crop, not the photo
    assert said["words"] == f"{share}: {best.label} {before} before, {now} now."
    text = words(at)
    assert "without what is erased" in text
    assert f"<span>{best.label}</span><b>{html.escape(now)}</b>" in text
    assert text.count('class="cv-bars"') == 1  # and not those of the whole photo beside them


def test_while_something_is_erased_the_buttons_are_of_what_is_predicted_then_and_the_class_is_of_before(visit, engine):
    """The most probable class of the whole photo keeps its map, and is no more called the most probable one."""
    photo, strokes = Photo.sample("cat"), (((0.3, 0.5, 0.4), (0.7, 0.5, 0.4)),)
    before = engine.predict(MNIST, photo, top=10)
    found = engine.erase(MNIST, photo, strokes, before[0].index)
    listed = [p.index for p in found.predictions]
    assert listed != [p.index for p in before[:5]]
    at = visit("class_activation", model=MNIST, look=to_link(Look(strokes=strokes)))
    buttons = canvas(at, "shelf-camcanvas-erased")["classes"]
    assert [one["target"] for one in buttons] == [*dict.fromkeys([*listed, before[0].index])]
    assert all(one["title"] == engine.model(MNIST).labels[one["target"]] for one in buttons)
    assert canvas(at)["target"] == before[0].index
    assert canvas(at, "pick-class")["none"] == f"{before[0].label} (most probable before erasing)"
    plain = [one["target"] for one in canvas(at)["classes"]]
    new = next(index for index in listed if index not in plain)
    at = chosen(at, "camcanvas", {"target": new})
    assert (canvas(at)["target"], at.session_state["class"]) == (new, new)
    assert canvas(visit("class_activation", model=MNIST), "pick-class")["none"] == f"Most probable ({before[0].label})"


def test_the_class_contrasted_with_has_no_button_while_something_is_erased(visit, engine):
    strokes = (((0.3, 0.5, 0.4), (0.7, 0.5, 0.4)),)
    best = engine.predict(MNIST, Photo.sample("cat"), top=1)[0].index
    listed = [p.index for p in engine.erase(MNIST, Photo.sample("cat"), strokes, best).predictions]
    other = next(index for index in listed if index != best)
    at = visit("class_activation", model=MNIST, versus=str(other), look=to_link(Look(strokes=strokes)))
    assert other not in [one["target"] for one in canvas(at, "shelf-camcanvas-erased")["classes"]]
    at = chosen(at, "camcanvas", {"target": other})
    assert at.session_state["class"] == -1


def test_the_picture_taken_after_the_brush_says_what_is_erased_and_what_became_of_the_class(
    visit, engine, monkeypatch, tmp_path
):
    given, strokes = {}, (((0.4, 0.5, 0.15), (0.5, 0.5, 0.15)),)
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    assert not visit("class_activation", look=to_link(Look(strokes=strokes))).exception
    best = engine.predict(NET, Photo.sample("cat"), top=1)[0]
    found, said = engine.erase(NET, Photo.sample("cat"), strokes, best.index), []
    monkeypatch.setattr(figure, "captioned", lambda made, title, bar, words: said.append(words) or made)
    given["picture"]()
    before, now = (percent(float(found.probabilities[i])) for i in (0, -1))
    assert (
        f"{found.mask.mean():.1%} of the network’s input is erased: {best.label} {before} before, {now} now" in said[0]
    )
    assert "map is of the whole photo" in said[0]
    assert given["file"].endswith("_erased")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    drawn = np.asarray(Image.open(io.BytesIO(encoded(given["picture"]()))))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), drawn)


def test_more_strokes_than_a_link_holds_are_said_to_stay_behind(visit, words, monkeypatch):
    look = to_link(Look(strokes=(((0.5, 0.5, 0.1),),)))
    assert "More is erased than a link can hold" not in words(visit("class_activation", look=look))
    monkeypatch.setattr("cnnviz.ui.components.camcanvas.look.LONGEST", 3)
    at = visit("class_activation", look=look)
    assert "More is erased than a link can hold" in words(at)
    assert "," not in at.query_params.get("look", [""])[0][30:]


@pytest.mark.parametrize(
    "wild",
    [
        "",
        "x",
        "2,9,magic,none,no,11,1.2",
        "nan,inf,inferno,split,seen,00,nan,9.9.9~~__",
        "0.5,0,inferno,split,seen,00,0.5,abc~-a~~____-",
        "0.5,,,,,,",
    ],
)
def test_nothing_in_a_link_is_believed(visit, wild):
    at = visit("class_activation", look=wild)
    assert not at.exception
    begin = canvas(at)["begin"]
    assert 0 <= begin["opacity"] <= 1
    assert 0 <= begin["threshold"] <= 1


def test_a_number_of_a_map_is_reached_by_its_link_and_ends_in_itself(visit, engine, words):
    at = visit("class_activation", proof="Contributions", unit="5.2.3", at="relu2")
    shown = float(engine.activations(NET, Photo.sample("cat"), "relu2").maps[5, 2, 3])
    assert f"How {measured(shown)} is computed" in words(at)
    assert not visit("class_activation", proof="Contributions", unit="5000.2.3").exception


@pytest.mark.parametrize(("before", "now"), evidence.FORMERLY.items())
def test_a_link_calls_a_check_what_its_tab_does_and_the_links_of_before_still_open_it(visit, before, now):
    at = visit("class_activation", proof=before)
    tabs = at.get_by_key("proof")
    assert (tabs.value, at.query_params["proof"]) == (now, now)
    assert not [one for one in at.warning if "not available" in one.value]
    assert now in tabs.options
    assert visit("class_activation", proof=now).get_by_key("proof").value == now


def test_what_ails_a_map_is_said_on_the_page(visit):
    at = visit("class_activation")  # an untrained net
    assert any("is untrained" in warning.value for warning in at.warning)


def test_many_photos_become_a_gallery_and_a_zip(visit, jpeg, words):
    at = visit("class_activation", **{"how-many": "Many photos"})
    assert not at.exception
    assert len(canvas(at, "many-grid")["tiles"]) == 9
    at.file_uploader(key="many-0").upload("me.jpg", jpeg, "image/jpeg").run()
    (tile,) = canvas(at, "many-grid")["tiles"]
    assert tile["name"] == "me.jpg"
    at.slider("many-sure").set_value(1.0).run()
    assert "No photo is left" in words(at)


def test_a_net_without_classes_says_so(visit):
    at = visit("class_activation", model="lecture/mnist_base")
    assert not at.exception
    assert len(at.error) == 1


def test_a_methods_knobs_contrast_and_evidence_against_are_in_the_link_and_in_the_python(visit, engine, pictures):
    plain = canvas(visit("class_activation", method="occlusion"))
    link = {"method": "occlusion", "occlusion-window": "48", "versus": "1", "against": "true"}
    at = visit("class_activation", **link)
    assert at.slider("occlusion-window").value == 48
    assert at.toggle("against").value
    assert canvas(at)["heat"] != plain["heat"]
    python, shown = (block.value for block in at.code)
    assert "options={'window': 48, 'stride': 16}, versus=1, against=True" in python
    assert all(f"{name}={value}" in shown for name, value in link.items())


def test_methods_that_look_at_pixels_ask_for_no_layer(visit):
    at = visit("class_activation", method="saliency")
    assert not at.error
    assert at.selectbox("at").disabled


@pytest.mark.parametrize(
    "look",
    [
        "",
        "0.3,0.4,cividis,overlay,photo,0001,0.5",
        to_link(Look(strokes=(((0.5, 0.5, 0.1),),))),
        "0.3,0,viridis,overlay,seen,11,0.5",
        "0.5,0,gray,overlay,photo,01,0",
    ],
)
def test_the_python_that_is_copied_draws_the_picture_that_is_downloaded(visit, look, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    link = {"photo": "coffee", "method": "layercam", "against": "true", "versus": "1", "class": "0", "at": "relu2"}
    assert not visit("class_activation", look=look, **link).exception
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    drawn = np.asarray(Image.open(io.BytesIO(encoded(given["picture"]()))))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), drawn)
    assert ("boxes=True" in given["python"]) == (",01," in look or ",11," in look)


def test_a_refused_method_leaves_the_map_before_with_its_own_python(visit, engine, monkeypatch, words):
    at = visit("class_activation")
    before = canvas(at)
    assert at.code
    real = type(engine).heatmap

    def refuse(self, key, photo, target=None, layer=None, method="gradcam", *more, **options):
        if method == "saliency":
            raise RequestError("not this method")
        return real(self, key, photo, target, layer, method, *more, **options)

    monkeypatch.setattr(type(engine), "heatmap", refuse)
    at.selectbox("method").set_value("saliency").run()
    assert len(at.error) == 1
    assert canvas(at)["heat"] == before["heat"]
    assert "<small>cat, Grad-CAM" in words(at).replace("dog", "cat")
    python, link = (block.value for block in at.code)  # of what stands there, as is the picture beside them
    assert "method='gradcam'" in python
    assert "method=saliency" not in link


STATES = {
    "class": "1", "method": "occlusion", "at": "relu2", "against": "true", "versus": "0", "occlusion-window": "48",
    "occlusion-stride": "32", "proof": "Regions",
}  # fmt: skip
WIPED = Look(0.3, 0.2, "cividis", "blink", "seen", True, True, 0.4, (((0.3, 0.4, 0.1), (0.5, 0.42, 0.1)),))
MANY = {
    "model": "bundled/cats_dogs",
    "how-many": "Many photos",
    "many-method": "layercam",
    "many-sure": "0.25",
    "many-class": "dog",
}


def of_link(at) -> dict:
    """What the copied link asks for."""
    copied = next(block.value for block in at.code if block.value.startswith("http"))
    return {name: value[0] for name, value in parse_qs(urlsplit(copied).query, keep_blank_values=True).items()}


def shown_by(at) -> dict:
    """All that the page has of linked states, and the canvas's own."""
    notes = {name: value for name, (value, *_) in at.session_state["_notes"].items() if name != "present"}
    look = canvas(at)["begin"] if "how-many" not in at.query_params else None
    return {"notes": notes, "look": look, "seen": {name: at.session_state[name] for name in notes}}


@pytest.mark.parametrize(
    "wanted",
    [
        STATES,
        {"proof": "Contributions", "unit": "5.2.3", "at": "relu2", "method": "hirescam"},
        {"proof": "All layers", "look": to_link(WIPED)},
        {"proof": "Faithfulness", "look": "0.3,0,gray,split,photo,10,0.25"},
        {"proof": "Sanity check", "class": "1"},
        MANY,
    ],
)
def test_every_state_of_the_page_comes_back_by_its_link_and_by_the_copied_one(visit, wanted):
    at = visit("class_activation", **wanted)
    assert not at.exception
    assert not at.error
    for name, value in wanted.items():
        if name != "model":  # this one is what a fresh visit has
            assert at.query_params[name] in (value, [value]), name  # it was understood, and stands in the address
    copied = of_link(at)
    told = {name: value for name, value in wanted.items() if name != "model"}
    assert {name: copied[name] for name in told} == told
    left_out = {*at.session_state["_notes"]} - {*copied, "present", "how-many", "model"}
    copied = {"model": "bundled/cats_dogs", **copied}  # the first network, which a link need not name
    usual = visit("class_activation").session_state["_notes"]  # a link need not say what a fresh visit has
    changed = [name for name in left_out if at.session_state["_notes"][name].value != usual[name].value]
    assert changed == [], "a state that the link leaves out"
    again = visit("class_activation", **copied)
    assert shown_by(again) == shown_by(at)


def test_a_class_of_one_net_is_not_asked_of_a_net_with_other_classes(visit):
    at = visit("class_activation", **{"class": "1", "versus": "0"})
    assert at.query_params["class"] in ("1", ["1"])
    at.selectbox("model").set_value("lecture/mnist_gap").run()
    assert canvas(at, "pick-class")["chosen"] == canvas(at, "pick-versus")["chosen"] == -1
    assert not {"class", "versus"} & set(at.query_params)
    at.selectbox("model").set_value("lecture/cats_flatten").run()  # cats and dogs again
    assert canvas(at)["target"] == canvas(at, "pick-class")["chosen"] == 1
    assert at.query_params["class"] in ("1", ["1"])


def test_no_channel_is_framed_where_the_chosen_one_did_not_speak(visit, engine):
    heat = engine.heatmap(NET, Photo.sample("cat"))
    found = engine.drill(NET, Photo.sample("cat"), heat.target, heat.layer)
    spoke = [w.channel for w in found.witnesses[:12]]
    silent = next(c for c in range(10_000) if c not in spoke)
    at = visit("class_activation", proof="Contributions", unit=f"{silent}.0.0")
    assert canvas(at, "drill-channels")["chosen"] is None
    at = visit("class_activation", proof="Contributions", unit=f"{spoke[2]}.0.0")
    assert canvas(at, "drill-channels")["chosen"] == 2


MNIST = "lecture/mnist_gap"
QUESTIONS = [{"against": "true"}, {"versus": "2"}, {"versus": "2", "against": "true"}]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_every_proof_and_every_word_is_of_the_question_of_the_map(visit, engine, words, question):
    photo, link = Photo.sample("cat"), {"model": MNIST, "class": "7", "proof": "Raw map", **question}
    asked = {"versus": 2 if "versus" in question else None, "against": "against" in question}
    heat = engine.heatmap(MNIST, photo, 7, **asked)
    labels = engine.model(MNIST).labels
    first, other = labels[7], labels[2]
    about = {
        (False, True): f"against {first}",
        (True, False): f"{first} rather than {other}",
        (True, True): f"against {first} and for {other}",
    }["versus" in question, asked["against"]]
    assert heat.subject == about
    at = visit("class_activation", **link)
    text = words(at)
    assert f"<small>{about}, Grad-CAM" in text
    assert canvas(at)["caption"].startswith(f"Heat map of {about}: ")
    assert ("Warm counts against" in text) == asked["against"]
    assert f"The score {measured(heat.score, 4)} ({about})" in words(
        visit("class_activation", **link | {"proof": "Contributions"})
    )
    stairs = words(visit("class_activation", **link | {"proof": "All layers"}))
    assert f"<b>{about}</b>" in stairs
    assert stairs.count(f"Heat map of {about}") >= 3
    sane = words(visit("class_activation", **link | {"proof": "Sanity check"}))
    truth = engine.sanity(MNIST, photo, 7, **asked)
    assert all(f"rank correlation {close}" in sane for close in trust.correlated(truth))
    curves = words(visit("class_activation", **link | {"proof": "Faithfulness"}))
    found = engine.faithfulness(MNIST, photo, heat)
    assert show.minus(f"{found.gain:+.3f}") in curves
    chance = engine.chance(MNIST, photo, 7, **asked)
    assert show.minus(f"{chance.gain:+.3f}") in curves
    assert trust.compared(found.gain, chance.gain) in curves
    assert ("any class but" in curves) == (question == {"against": "true"})
    for name, done in (("Deletion", "deleted"), ("Insertion", "inserted")):  # each with its own title and axes
        assert curves.count(f"<figcaption>{name}</figcaption>") == 1
        assert curves.count(f"<small>% of the network’s input {done}, the highest pixels first</small>") == 1


def test_a_map_that_does_no_better_than_the_baseline_is_no_evidence():
    assert "about as well" in trust.compared(0.074, 0.079)
    assert "no evidence" in trust.compared(0.079, 0.074)
    assert "worse than the baseline" in trust.compared(0.252, 0.346)
    assert "better than the baseline" in trust.compared(0.346, 0.252)


def test_a_proof_that_a_method_has_not_says_so(visit, words):
    assert "no contributions of channels" in words(visit("class_activation", method="saliency", proof="Contributions"))
    for method in ("saliency", "scorecam"):
        text = words(visit("class_activation", method=method, proof="All layers"))
        assert "is not computed for all layers" in text
        assert 'class="cv-ladder"' not in text


def test_a_method_that_asks_no_class_takes_no_contrast(visit, engine):
    at = visit("class_activation", method="eigencam", versus="1", against="true", **{"class": "0"})
    assert at.toggle("against").disabled
    assert canvas(at, "pick-versus")["disabled"]
    assert not canvas(at)["against"]


def test_files_are_called_after_what_they_show_and_the_numbers_are_signed_and_scaled(visit, engine, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    assert not visit("class_activation", model=MNIST, against="true", **{"class": "7"}).exception
    heat = engine.heatmap(MNIST, Photo.sample("cat"), 7, against=True)
    assert given["file"].startswith("cat_against-")
    assert given["file"].endswith("_gradcam")
    np.testing.assert_array_equal(given["array"]["signed"](), heat.raw)
    np.testing.assert_array_equal(given["array"]["scaled 0 to 1"](), heat.values)


def test_a_class_kept_from_another_photo_says_so(visit, engine, words):
    at = chosen(visit("class_activation", model=MNIST), "pick-class", 7)
    assert "was chosen for another photo" not in words(at)
    at.query_params["photo"] = "coffee"
    at = at.run()
    share = next(p.probability for p in engine.predict(MNIST, Photo.sample("coffee"), 10) if p.index == 7)
    assert f"was chosen for another photo; its probability here is {percent(share)}" in words(at)
    at = chosen(chosen(at, "pick-class", -1), "pick-class", 7)
    assert "was chosen for another photo" not in words(at)


def test_the_link_of_home_explains_what_home_shows_whatever_was_asked_here_before(visit, engine):
    """A class, a method, a layer and a contrast of another photo stay on the page; the link names its own."""
    best = engine.predict(NET, Photo.sample("cat"), top=1)[0].index
    at = chosen(visit("class_activation", at="relu1", against="true"), "camcanvas", {"target": 1 - best})
    at = chosen(at, "camcanvas", {"method": "layercam"})
    assert (canvas(at)["target"], canvas(at)["method"]) == (1 - best, "layercam")
    at = at.switch_page("pages/home.py").run()
    link = next(one.proto for one in at.get("page_link") if one.proto.label == "Explain this prediction")
    at.query_params.clear()
    for name, (value,) in parse_qs(link.query_string, keep_blank_values=True).items():
        at.query_params[name] = value
    at = at.switch_page("pages/class_activation.py").run()
    heat, shown = engine.heatmap(NET, Photo.sample("cat")), canvas(at)
    assert (shown["target"], shown["method"], shown["against"]) == (heat.target, heat.method, False)
    np.testing.assert_array_equal(floats(shown["raw"]), heat.raw.ravel())
    assert at.session_state["class"] == -1  # so that the next photo is explained by its own


def test_a_map_with_other_options_is_not_taken_for_the_answer(visit, engine, monkeypatch):
    """As after a stopped occlusion: what stands is of the options before, and so are Python and link beside it."""
    at = visit("class_activation", method="occlusion", **{"occlusion-stride": "32"})
    assert at.code
    before, real = canvas(at), type(engine).heatmap

    def refuse(self, key, photo, target=None, layer=None, method="gradcam", options=None, **more):
        if getattr(options, "stride", 32) != 32:
            raise RequestError("stopped")
        return real(self, key, photo, target, layer, method, options, **more)

    monkeypatch.setattr(type(engine), "heatmap", refuse)
    at.slider("occlusion-stride").set_value(64).run()
    assert canvas(at)["heat"] == before["heat"]
    python, link = (block.value for block in at.code)
    assert "'stride': 32" in python
    assert "occlusion-stride=32" in link


def test_one_scale_for_all_classes_is_in_the_python_too(visit, engine, monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **what: given.update(what))
    link = {"model": MNIST, "class": "7", "look": "0.5,0,gray,overlay,photo,001,0.5"}
    assert not visit("class_activation", **link).exception
    top = max(engine.heatmap(MNIST, Photo.sample("cat"), target).reach for target in range(10))
    assert f".scaled({top:.4}"[:10] in given["python"]
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), np.asarray(given["picture"]()))


@pytest.mark.parametrize(
    ("what", "second", "title"),
    [("class", "0", "cat"), ("method", "layercam", "dog, LayerCAM"), ("layer", "relu2", "relu2"),
     ("photo", "coffee", "coffee"), ("network", "lecture/cats_flatten", "flatten")],
)  # fmt: skip
def test_two_maps_side_by_side_are_the_engines_and_so_is_what_is_taken_away(
    visit, engine, monkeypatch, tmp_path, what, second, title
):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **told: given.update(told))
    at = visit(
        "class_activation",
        **{"with": what, "second": second, "class": "1", "look": "0.6,0,viridis,overlay,photo,00,0.5"},
    )
    assert not at.exception
    assert not at.error
    data = canvas(at)
    first = engine.heatmap(NET, Photo.sample("cat"), 1)
    other = engine.heatmap(
        second if what == "network" else NET, Photo.sample(second if what == "photo" else "cat"),
        0 if what == "class" else 1, second if what == "layer" else None, second if what == "method" else "gradcam",
    )  # fmt: skip
    np.testing.assert_array_equal(floats(data["raw"]), first.raw.ravel())
    drawn = np.frombuffer(base64.b64decode(data["second"]["heat"]), np.uint8)
    np.testing.assert_array_equal(drawn, np.rint(other.values * 255).ravel())
    assert title.lower() in data["second"]["title"].lower()
    assert data["pair"] == (what in ("class", "photo"))
    there = canvas(at, "shelf-camcanvas-second-pictures")["stamp"]
    assert data["second"]["pictures"] == there
    assert (there == data["pictures"]) == (what != "photo")
    assert f"with={what}" in given["link"]
    assert "second=" in given["link"]
    monkeypatch.chdir(tmp_path)
    exec(given["python"], {})
    assert np.array_equal(np.asarray(Image.open(tmp_path / "heat.png")), np.asarray(given["picture"]()))
    top = max(first.reach, other.reach) if data["pair"] else 0.0
    assert data["caption"] == caption(first.scaled(top))
    assert data["second"]["caption"] == caption(other.scaled(top))
    if data["pair"]:
        assert f".scaled({max(first.reach, other.reach)!r})" in given["python"]
    np.testing.assert_array_equal(given["array"]["second, signed"](), other.raw)


def test_a_contrast_goes_along_to_another_network_and_never_to_a_method_without_classes(visit, engine, monkeypatch):
    given = {}
    monkeypatch.setattr(show, "take_away", lambda name, **told: given.update(told))
    asked = {"class": "1", "versus": "0"}
    data = canvas(visit("class_activation", **{"with": "network", "second": "lecture/cats_flatten"}, **asked))
    other = engine.heatmap("lecture/cats_flatten", Photo.sample("cat"), 1, versus=0)
    assert floats(data["second"]["raw"]).tolist() == other.raw.ravel().tolist()
    assert "dog rather than cat" in data["second"]["title"]
    assert given["python"].count("versus=0") == 2
    for question in ({"versus": "0"}, {"against": "true"}):
        data = canvas(visit("class_activation", **{"with": "method", "second": "eigencam", "class": "1"}, **question))
        assert data["second"]["title"] == "dog, Eigen-CAM"
        assert data["second"]["caption"].startswith("Heat map of dog: ")


def test_a_second_network_is_asked_at_its_default_layer_or_at_one_as_far_along():
    layers = {"one": ("a", "features.12", "top"), "two": tuple(f"features.{i}" for i in range(31))}
    default = {"one": "features.12", "two": "features.29"}
    engine = SimpleNamespace(map_layers=layers.__getitem__, default_layer=default.__getitem__)
    same = partial(beside._same_layer, engine, "one", "two")
    assert [same("features.12"), same("a"), same("top")] == ["features.29", "features.0", "features.30"]


def test_a_second_network_without_the_class_says_so_and_the_first_stays(visit, words):
    at = visit("class_activation", **{"with": "network", "second": "lecture/mnist_gap"})
    assert not at.exception
    assert "has no class" in at.error[0].value
    assert "second" not in canvas(at)


def test_the_drill_is_there_in_presenter_mode_and_ends_in_the_number_shown(visit, engine, words):
    at = visit("class_activation", present="true", **{"stage-view": "Contributions", "at": "relu2", "unit": "5.2.3"})
    assert not at.exception
    shown = float(engine.activations(NET, Photo.sample("cat"), "relu2").maps[5, 2, 3])
    text = words(at)
    assert f"How {measured(shown)} is computed" in text
    assert "cv-chain" in text
    assert text.split("cv-chain")[-1].count("<b>") >= 2  # the sum, and what ReLU makes of it
    assert canvas(at, "drill-channels")
    assert "camcanvas" not in {part.key for part in at.get("bidi_component")}
    assert "cv-bars" in words(visit("class_activation", present="true"))


def test_a_tile_of_many_opens_its_photo(visit, jpeg, engine):
    at = visit("class_activation", **{"how-many": "Many photos"})
    tiles = {tile["name"]: tile["ident"] for tile in canvas(at, "many-grid")["tiles"]}
    at = opened_tile(at, tiles["rocket"])
    assert not at.exception
    assert canvas(at)["stamp"] == Photo.sample("rocket").digest
    assert at.query_params["photo"] in ("rocket", ["rocket"])
    at = visit("class_activation", **{"how-many": "Many photos"})
    at.file_uploader(key="many-0").upload("me.jpg", jpeg, "image/jpeg").run()
    (tile,) = canvas(at, "many-grid")["tiles"]
    at = opened_tile(at, tile["ident"])
    assert not at.exception
    assert canvas(at)["stamp"] == tile["ident"]
    assert opened_tile(visit("class_activation", **{"how-many": "Many photos"}), "nobody's").query_params["how-many"]


def test_a_tile_of_many_opens_the_map_it_showed_whatever_was_asked_of_another_photo(visit, engine):
    """Its class and its method: none of those left behind on the page, also for another network or on another page."""
    best = {key: engine.predict(key, Photo.sample("cat"), top=1)[0].index for key in (NET, MNIST)}
    asked = {"at": "relu1", "against": "true", "with": "method", "class": str(best[MNIST] ^ 1)}
    at = visit("class_activation", model=MNIST, **asked)
    at = chosen(at, "camcanvas", {"method": "hirescam"})
    assert (canvas(at)["target"], canvas(at)["method"]) == (best[MNIST] ^ 1, "hirescam")
    at.selectbox("model").set_value(NET).run()
    at = chosen(at, "camcanvas", {"target": 1 - best[NET]})
    at.segmented_control("how-many").set_value("Many photos").run()
    at = at.switch_page("pages/activations.py").run()  # has a list "Compare with" of its own
    at = at.switch_page("pages/class_activation.py").run()
    at.selectbox("model").set_value(MNIST).run()
    at.selectbox("many-method").set_value("layercam").run()
    tile = next(tile for tile in canvas(at, "many-grid")["tiles"] if tile["name"] == "rocket")
    at = opened_tile(at, tile["ident"])
    assert not at.exception
    heat, shown = engine.heatmap(MNIST, Photo.sample("rocket"), method="layercam"), canvas(at)
    assert (shown["stamp"], heat.label) == (tile["ident"], tile["label"])
    assert (shown["target"], shown["method"], shown["against"]) == (heat.target, "layercam", False)
    np.testing.assert_array_equal(floats(shown["raw"]), heat.raw.ravel())
    assert "second" not in shown
    assert at.session_state["class"] == -1  # so that the next photo is explained by its own


def test_a_tile_of_many_opens_its_photo_once_whatever_the_crop(visit, jpeg):
    at = visit("class_activation", crop="pad")
    at.file_uploader(key="upload-0").upload("me.jpg", jpeg, "image/jpeg").run()
    at.session_state["how-many"] = "Many photos"
    (tile,) = canvas(at.run(), "many-grid")["tiles"]
    at = opened_tile(at, tile["ident"])
    assert at.session_state["photo"] == "mine-1"
    assert [photo.crop for photo in at.session_state["_mine"].values()] == ["centre"]
    assert canvas(at)["padding"] != [0, 0, 0, 0]


def opened_tile(at, ident: str):
    """The page after a tile was clicked, as the browser tells it."""
    events = f"$$STREAMLIT_INTERNAL_KEY_{at.get_by_key('many-grid').proto.id}__events"
    states = at._tree.get_widget_states()
    told = json.dumps([{"event": "opened", "value": ident}])
    states.widgets.append(WidgetState(id=events, json_trigger_value=told))
    return at._run(states)


@pytest.mark.parametrize("proof", ["Raw map", "Contributions", "All layers", "Sanity check", "Regions", "Faithfulness"])
def test_every_check_can_be_taken_away_as_a_picture(visit, proof):
    at = visit("class_activation", proof=proof, model="bundled/cats_dogs")
    assert not at.exception
    assert [button.key for button in at.get("download_button")].count("png-proof") == 1


def test_the_regions_are_those_of_the_map_as_it_is_drawn(visit, engine, monkeypatch):
    made = {}
    monkeypatch.setattr(evidence, "save", lambda label, file, kind, make: made.update({label: make}))
    photo = Photo.sample("coffee")
    first, other = sorted((engine.heatmap(NET, photo, target) for target in (0, 1)), key=lambda heat: heat.reach)
    look = "0.8,0.3,viridis,overlay,photo,0001,0.5"
    two = {"photo": "coffee", "with": "class", "second": str(other.target), "class": str(first.target)}
    at = visit("class_activation", proof="Regions", look=look, **two)
    assert not at.exception
    drawn = first.scaled(other.reach)
    found = regions(drawn, Threshold(level=0.3)).boxes
    assert found != regions(first, Threshold(level=0.3)).boxes  # on a scale of its own, others
    assert [list(row) for row in at.dataframe[0].value[["left", "top"]].to_numpy()] == [[b.left, b.top] for b in found]
    picture = overlay(photo, drawn, 0.8, "viridis", side=1600, threshold=0.3, boxes=True, alpha="uniform")
    shown = Image.open(io.BytesIO(made["PNG of the regions"]()))
    assert np.array_equal(np.asarray(shown)[: picture.height], np.asarray(picture))


@pytest.mark.parametrize("page", ["class_activation", "activations"])
def test_a_click_looks_at_the_files_of_the_network_once(visit, fragment, monkeypatch, page):
    at = visit(page)
    looked, look = [], catalog.files
    monkeypatch.setattr(catalog, "files", lambda *asked: looked.append(current_thread().name) or look(*asked))
    fragment(at)
    assert not at.exception
    here = [name for name in looked if name != "cnnviz-task"]  # what is computed beside the page looks for itself
    assert 0 < len(here) <= len(at._fragment_storage._fragments)  # 32 in the one and 14 in the two before
