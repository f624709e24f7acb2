"""The filter gallery: it fills, stops, goes on, is instant the second time, and its lines of Python are true."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import time
import zipfile
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.maximize import FilterEvent
from cnnviz.measured import measured
from cnnviz.options import RequestError
from cnnviz.photo import Photo, samples
from cnnviz.runtime.feature_vis import Effort
from cnnviz.ui.server import startup
from cnnviz.ui.server.jobs import JOBS
from cnnviz.ui.session import visit as visits
from cnnviz.ui.views.filters import channel, details, gallery, start
from cnnviz.ui.widgets import compare

NET = "lecture/cats_gap"


FEW = {"layer": "conv2", "which": "list", "channels": "1,5", "auto-steps": "3"}


def wait(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def finish(at):
    """The page once its gallery has grown."""
    wait(lambda: not JOBS.running(), 60)
    return at.run()


def test_the_gallery_grows_and_shows_the_same_pictures_as_the_engine(visit, engine):
    at = finish(visit("filters", **FEW))
    assert not at.exception
    assert not at.error
    request = at.session_state["_gallery"]
    assert request.channels == (1, 5)
    assert request.ascent.steps == 3
    shelf = JOBS.get(request).look()
    events = engine.filters(request.model, request.layer, request.channels, request.ascent)
    for image in (event.image for event in events if event.image):
        track = shelf.tracks[image.aim.channel]
        assert np.array_equal(track.image.picture, image.picture)
        assert len(track.way) == 3
        assert track.values == image.curve.tolist()
    assert shelf.share() == 1


def test_the_lines_of_python_reproduce_the_picture(visit, engine):
    at = finish(visit("filters", **FEW))
    request = at.session_state["_gallery"]
    lines = gallery.python(request, "")
    assert lines in [code.value for code in at.code]
    found: dict = {}
    exec(
        lines.replace("cnnviz.engine()", "shared").replace("print(", "keep.append("),
        {"shared": engine, "keep": Keep(found)},
    )
    shelf = JOBS.get(request).look()
    assert found[1] == shelf.tracks[1].image.value


class Keep:
    def __init__(self, found: dict) -> None:
        self.found = found

    def append(self, aim, value, shape) -> None:
        self.found[aim.channel] = value


def test_a_reload_and_another_page_find_the_same_job(visit):
    first = visit("filters", **FEW)
    request = first.session_state["_gallery"]
    job = JOBS.get(request)
    first.switch_page("pages/activations.py").run()
    again = visit("filters", **FEW)
    assert again.session_state["_gallery"] == request
    assert JOBS.get(request) is job
    finish(again)


def test_stop_and_go_on(visit):
    at = visit("filters", **{**FEW, "auto-steps": "400"})
    request = at.session_state["_gallery"]
    stop = next(button for button in at.button if button.label == "Stop")
    stop.click().run()
    assert JOBS.get(request).state == "stopped"
    on = next(button for button in at.button if button.label == "Resume")
    on.click().run()
    assert JOBS.get(request).busy
    JOBS.drop(request)


def test_turning_a_knob_drops_what_is_not_wanted_any_more(visit):
    at = visit("filters", **{**FEW, "auto-steps": "400"})
    old = JOBS.get(at.session_state["_gallery"])
    at.slider("auto-steps").set_value(2).run()
    assert old.state == "stopped"
    assert at.session_state["_gallery"].ascent.steps == 2
    finish(at)


def test_what_two_visitors_wait_for_is_stopped_by_neither_alone(visit, monkeypatch):
    """The same gallery: one turns a knob, presses Stop or goes on to another layer; the other's goes on."""
    now = {"visit": "one"}
    for module in (gallery, visits):
        monkeypatch.setattr(module, "visit_id", lambda: now["visit"])
    asked = {**FEW, "auto-steps": "500", "auto-seed": "7"}
    one = visit("filters", **asked)
    now["visit"] = "two"
    two = visit("filters", **asked)
    job = JOBS.get(two.session_state["_gallery"])
    assert job is JOBS.get(one.session_state["_gallery"])
    next(button for button in two.button if button.label == "Stop").click().run()
    assert job.busy
    assert "Another visitor" in two.toast[0].value
    two.selectbox("layer").set_value("conv1").run()
    assert job.busy
    assert JOBS.get(job.name) is job
    now["visit"] = "one"
    assert not one.run().exception
    one.selectbox("layer").set_value("conv1").run()
    assert not job.busy
    for left in JOBS.running():
        JOBS.drop(left.name)


def test_channels_that_are_not_there_are_refused_and_the_last_gallery_stays(visit, words):
    at = finish(visit("filters", **FEW))
    before = at.session_state["_gallery"]
    at.text_input("channels").set_value("1,9999").run()
    assert "channels 0 to" in words(at)
    assert at.session_state["_gallery"] == before


def test_a_layer_that_cannot_be_maximised_is_one_sentence_and_the_pictures_before_stay(visit, words, engine):
    at = finish(visit("filters", **FEW))
    before = at.session_state["_gallery"]
    tiles = at.get_by_key("filter-tiles").proto.json

    def refused(*asked):
        raise RequestError("This layer has no map on a canvas this small; choose a larger one.")
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(engine), "filters", refused)
        at.text_input("channels").set_value("7").run()
        at = finish(at)
    assert not at.exception
    assert words(at).count("no map on a canvas this small") == 1
    assert at.get_by_key("filter-tiles").proto.json == tiles
    assert gallery.python(before, "") in [code.value for code in at.code]  # what is offered belongs to what is shown
    assert JOBS.get(before).title in words(at)


def test_the_first_gallery_refused_leaves_no_gray_squares(visit, words):
    at = finish(visit("filters", **{**FEW, "layer": "conv4", "auto-size": "28", "channels": "3"}))
    assert not at.exception
    assert len(at.error) == 1
    assert not [part for part in at.main if part.type == "bidi_component"]


def test_what_fails_in_a_rerun_of_the_gallery_alone_is_one_sentence_below_the_pictures(visit, fragment, words, engine):
    at = finish(visit("filters", **FEW, patches="true"))

    def gone(self, key, *more):
        raise RequestError("There are no weights any more.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(engine), "model", gone)
        fragment(at)
    assert not at.exception
    assert words(at).count("There are no weights any more.") >= 1


def add(at, jpeg):
    """Gives a photo of one's own to "Add photos"."""
    next(one for one in at.file_uploader if one.label == "Add photos").upload("mine.jpg", jpeg, "image/jpeg").run()


def test_files_of_the_gallery_open_again(visit, monkeypatch):
    files = {}
    monkeypatch.setattr(channel, "_file", lambda label, name, kind, make, help: files.update({name: make}))
    at = finish(visit("filters", **FEW))
    shelf = JOBS.get(at.session_state["_gallery"]).look()
    assert set(files) == {
        f"lecture-cats_gap_conv2_{name}" for name in ("1.gif", "1.mp4", "filters.zip", "sheet.png", "growth.mp4")
    }  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(files["lecture-cats_gap_conv2_filters.zip"]())) as packed:
        assert packed.namelist() == ["conv2_1.png", "conv2_5.png"]
        found = np.asarray(Image.open(packed.open("conv2_5.png")))
    assert np.array_equal(found, shelf.tracks[5].image.picture)
    assert Image.open(io.BytesIO(files["lecture-cats_gap_conv2_1.gif"]())).n_frames == 1 + len(shelf.tracks[1].way)
    assert Image.open(io.BytesIO(files["lecture-cats_gap_conv2_sheet.png"]())).size == (2 * 162 + 2, 164)
    assert all(files[f"lecture-cats_gap_conv2_{name}.mp4"]()[4:8] == b"ftyp" for name in ("1", "growth"))


def test_a_film_of_a_photo_of_ones_own_is_offered_too_for_it_never_touches_the_disk(visit, jpeg, monkeypatch):
    files = []
    monkeypatch.setattr(channel, "_file", lambda label, *more: files.append(label))
    at = visit("filters", **FEW, **{"auto-start": "photo"})
    add(at, jpeg)
    files.clear()
    finish(at)
    assert {"GIF", "MP4", "All as MP4"} <= set(files)
    assert at.session_state["_gallery"].owner


def test_before_after_and_every_step_lie_under_the_finger(visit):
    at = finish(visit("filters", **FEW))
    track = JOBS.get(at.session_state["_gallery"]).look().tracks[1]
    sent = json.loads(at.get_by_key("growth").proto.json)
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(f.partition(",")[2])))) for f in sent["frames"]]
    assert len(pictures) == 1 + 3  # before, and after each of three steps
    assert sent["steps"] == [0, 1, 2, 3]
    for seen, exact in ((pictures[0], track.image.start), (pictures[-1], track.image.picture)):
        assert np.abs(seen.astype(int) - exact).mean() < 8  # JPEG
    assert sent["values"] == pytest.approx([track.image.before, *track.values[:-1], track.image.value], rel=1e-4)


def test_what_is_remembered_tells_after_which_step_each_picture_was(visit, engine):
    kept = [0, 1, 5, 9, 14, 18, 22, 26, 30, 35, 39, 43, 47, 51, 56, 60, 64]
    for key, steps in ((NET, kept), ("bundled/cats_dogs", [0, 1, 14, 26, 39, 51, 64])):  # the atlas has some
        (image,) = [e.image for e in engine.filters(key, "conv1", [0]) if e.image]
        shelf = gallery.Gallery([0], 64)
        shelf.lay(FilterEvent("conv1", image.aim, 64, 64, image.value, image.picture, image))
        track = shelf.tracks[0]
        assert [0, *track.steps] == steps
        assert len(track.whole()) == len(steps)


def test_tuning_and_patches_stand_beside_the_picture(visit, words, engine, tmp_path):
    at = finish(visit("filters", **FEW, tuning="true", patches="true"))
    assert not at.exception
    assert not at.error
    assert "Tuned to" in words(at)
    found = engine.patches(NET, "conv2", [Photo.sample(name) for name in samples()])
    best = zip(found.photo[1], found.value[1], strict=True)
    answers = [f"{found.photos[i]}: channel 1, activation {measured(value)}" for i, value in best if value > 0]
    assert re.findall(r'<img alt="([^"]+)"', words(at)) == answers
    assert [float(v) for v in re.findall(r'cv-note">([^<]+)</figcaption>', words(at))] == [
        float(one.rpartition(" ")[2]) for one in answers
    ]
    at.text_input("patch-folder").set_value(str(tmp_path / "absent")).run()
    assert "no folder" in words(at)


@pytest.mark.parametrize("public", ["1", "true", "maybe"])  # the last cannot be read, so it opens nothing
def test_strangers_see_no_folders_of_this_machine(visit, monkeypatch, public):
    monkeypatch.setenv("CNNVIZ_PUBLIC", public)
    at = finish(visit("filters", **FEW, patches="true"))
    assert not at.exception
    assert [box.key for box in at.text_input] == ["channels"]


def test_the_same_seed_by_another_recipe_stands_beside_it(visit, engine, words):
    at = finish(visit("filters", **FEW))
    at.selectbox("with").set_value("recipe").run()
    at.selectbox("second").set_value("small").run()
    at = finish(at)
    assert not at.exception
    assert "Compared with small" in words(at)
    sent = json.loads(at.get_by_key("growth-second").proto.json)
    ascent = replace(engine.recipe(NET, "small"), seed=at.session_state["_gallery"].ascent.seed)
    (image,) = [e.image for e in engine.filters(NET, "conv2", [1], ascent) if e.image]
    assert sent["values"][-1] == pytest.approx(image.value, rel=1e-3)


def test_a_link_opens_the_picture_that_was_close_up_and_what_stood_beside_it(visit):
    at = finish(visit("filters", **FEW))
    at.session_state["shown"] = 5
    at.toggle(key="tuning").set_value(True)
    at.run()
    (link,) = [code.value for code in at.code if code.value.startswith("http")]
    assert at.query_params["shown"] == "5"
    again = finish(visit("filters", **dict(parse_qsl(urlsplit(link).query))))
    assert not again.exception
    assert again.session_state["shown"] == 5
    assert again.toggle(key="tuning").value
    assert again.session_state["auto-steps"] == 3


def test_a_dream_from_my_photo_goes_with_my_photos(visit, jpeg):
    at = visit("filters", **FEW, **{"auto-start": "photo"})
    assert at.session_state["_gallery"].owner == ""  # a sample is nobody's
    finish(at)
    add(at, jpeg)
    request = finish(at).session_state["_gallery"]
    assert not at.exception
    assert request.owner
    assert JOBS.get(request).look().share() == 1
    next(button for button in at.button if button.label == "Forget my photos").click().run()
    assert JOBS.get(request) is None


def test_classes_and_the_channels_of_my_photo(visit):
    at = finish(visit("filters", **{"layer": "logits", "which": "top for my photo", "many": "4", "auto-steps": "2"}))
    assert not at.exception
    assert sorted(at.session_state["_gallery"].channels) == [0, 1]


def test_classes_are_picked_by_name_and_the_link_holds_their_numbers(visit, engine):
    labels = engine.model(NET).labels
    few = {"layer": "logits", "which": "list", "auto-steps": "1", "auto-size": "64"}
    at = finish(visit("filters", classes="1", **few))
    assert at.session_state["_gallery"].channels == (1,)
    (names,) = at.multiselect
    assert names.options == list(labels)
    at = finish(names.set_value([1, 0]).run())
    assert at.session_state["_gallery"].channels == (1, 0)
    assert at.query_params["classes"] == "1,0"
    at = finish(at.multiselect[0].set_value([]).run())
    assert at.session_state["_gallery"].channels == (0,)  # never none at all
    assert not at.exception
    for wrong in ("7", "1,01", "x"):
        assert finish(visit("filters", classes=wrong, **few)).session_state["_gallery"].channels == (0,)


def test_what_takes_minutes_waits_for_a_click_and_shows_a_short_preview(visit, monkeypatch, words):
    monkeypatch.setattr(
        start, "effort", lambda engine, request, photo: Effort(len(request.channels), request.ascent.steps * 1.5)
    )
    monkeypatch.setattr(start, "UNASKED", 30.0)
    many = {"layer": "conv1", "which": "list", "channels": "0-5", "auto-steps": "64", "auto-size": "28"}
    at = finish(visit("filters", **many))
    assert not at.exception
    wanted = at.session_state["_gallery"]
    assert JOBS.get(wanted) is None  # nothing long has begun
    assert "6 images, 64 steps each: about 2 min. Below, a preview of 4 channels with 16 steps." in words(at)
    assert len(json.loads(at.get_by_key("filter-tiles").proto.json)["names"]) == 4
    next(button for button in at.button if button.label == "Start").click().run()
    assert JOBS.get(wanted) is not None
    at = finish(at)
    assert len(json.loads(at.get_by_key("filter-tiles").proto.json)["names"]) == 6
    assert "Start" not in [button.label for button in at.button]


def test_a_preview_ends_as_soon_as_the_whole_is_started(visit, monkeypatch):
    monkeypatch.setattr(start, "effort", lambda engine, request, photo: Effort(1, 5.0 * len(request.channels)))
    monkeypatch.setattr(start, "UNASKED", 20.0)
    monkeypatch.setattr(start, "SHORT", 2048)
    at = visit("filters", layer="conv4", which="list", channels="0-5", **{"auto-steps": "2048"})
    end = time.monotonic() + 20
    while not JOBS.running() and time.monotonic() < end:
        time.sleep(0.05)
    (preview,) = JOBS.running()
    assert len(preview.name.channels) == 4
    next(button for button in at.button if button.label == "Start").click().run()
    running = [job.name for job in JOBS.running()]
    JOBS.drop(at.session_state["_gallery"])
    assert running == [at.session_state["_gallery"]]


def test_where_a_preview_would_be_long_too_nothing_begins(visit, monkeypatch, words):
    monkeypatch.setattr(start, "effort", lambda engine, request, photo: Effort(1, 400.0))
    monkeypatch.setattr(start, "UNASKED", 30.0)
    at = visit("filters", layer="conv1", which="list", channels="7", **{"auto-steps": "63", "auto-size": "28"})
    assert not at.exception
    assert not JOBS.running()
    assert "1 image, 63 steps each: about 7 min." in words(at)


def test_images_that_ship_with_the_network_are_shown_at_once(visit, monkeypatch):
    monkeypatch.setattr(start, "UNASKED", 0.0)
    at = finish(visit("filters", model="bundled/cats_dogs", layer="conv3"))
    assert "Start" not in [button.label for button in at.button]
    assert JOBS.get(at.session_state["_gallery"]).look().share() == 1


BESIDE = [("seed", "3"), ("channel", "9"), ("layer", "conv3"), ("network", "lecture/mnist_gap")]


@pytest.mark.parametrize(("what", "value"), BESIDE)
def test_an_image_stands_beside_one_that_differs_in_one_thing(visit, what, value):
    at = finish(visit("filters", **FEW, **{"with": what, "second": value}))
    at = finish(at)
    assert not at.exception
    first = at.session_state["_gallery"]
    found = details.second(
        startup.START.engine(), first, 1, compare.Second(what, int(value) if value.isdecimal() else value, value)
    )
    assert JOBS.get(found).look().share() == 1
    same = replace(first, channels=(1,))
    differs = {"seed": "ascent", "channel": "channels", "layer": "layer"}.get(what)
    if differs is not None:
        assert replace(found, **{differs: getattr(same, differs)}) == same
        assert getattr(found, differs) != getattr(same, differs)


def test_what_an_image_is_compared_with_no_more_is_not_optimised_any_more(visit):
    at = visit("filters", **FEW, **{"with": "seed", "second": "3"})
    first = JOBS.get(at.session_state["_gallery_shown"][1])
    long = visit("filters", **{**FEW, "auto-steps": "400"}, **{"with": "seed", "second": "3"})
    old = JOBS.get(long.session_state["_gallery_shown"][1])
    assert old is not first
    long.session_state["second"] = "4"
    long.run()
    assert old.state == "stopped"
    new = JOBS.get(long.session_state["_gallery_shown"][1])
    assert new.busy
    long.session_state["with"] = ""
    assert not long.run().exception
    assert new.state == "stopped"
    assert JOBS.get(long.session_state["_gallery"]).busy
    JOBS.drop(long.session_state["_gallery"])
    finish(at)


def test_tuning_curves_have_axes_and_are_downloaded_as_they_are_drawn():
    names = ["0°", "90°", "180°"]
    curve = details.Curve("Gratings", "orientation", [-0.5, 0.25, 2.0], names)
    drawn = details.bars(curve)
    assert re.findall(r"<span>([^<]*)</span>", drawn) == ["2", "−0.5", *names]
    assert 'cv-unit">orientation<' in drawn
    assert '<s style="bottom:20.00%">' in drawn  # the line at zero
    rows = list(csv.reader(io.StringIO(details.table([curve]))))[1:]
    assert rows == [["Gratings", "orientation", n, f"{v:.6g}"] for n, v in zip(names, curve.values, strict=True)]


def test_a_drop_of_the_objective_is_put_down_to_the_enlargement_only_where_it_is_at_one():
    ascent = replace(channel.Ascent(), steps=8, coarse=1)
    enlarged = np.array([0, 1, 2, 9, 3, 5, 7, 8], np.float32)
    assert channel.drops(enlarged, ascent, 144) == [4]
    assert channel.drops(np.arange(8), ascent, 144) == []
    assert channel.drops(enlarged, ascent, 40) == []
