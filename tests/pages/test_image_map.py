"""The map of a data set on the Data page: nothing begins unasked, and what is shown is the engine's."""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from cnnviz.data.atlas import ACROSS, SIDE
from cnnviz.data.counting import Counting, write
from cnnviz.data.decode import decode
from cnnviz.data.folder import read
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import Photo
from cnnviz.train import run
from cnnviz.train.loop import fit
from cnnviz.train.plan import Plan
from cnnviz.ui.components import imagemap
from cnnviz.ui.views.data import image_map

NET = "lecture/cats_gap"  # the one that `visit` opens with
MAP = image_map.KEY


@pytest.fixture
def circles(tmp_path, monkeypatch):
    """Three classes of 14 pictures on a shelf of their own."""
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "shelf"))
    return write(tmp_path / "shelf" / "circles", Counting(low=1, high=3, per_class=14, size=48, largest=6))


@pytest.fixture
def given(monkeypatch):
    """What the browser could fetch, by address."""
    files = {}

    class Files:
        def add(self, data, kind, place):
            files[place] = data
            return place

    class Running:
        media_file_mgr = Files()

    monkeypatch.setattr(imagemap, "get_instance", Running)
    return files


def fine(at):
    assert not at.exception
    return at


def begun(at):
    """The visit with the map drawn."""
    at.button(key="map-begin").click()
    for _ in range(100):
        fine(at.run())
        if drawn(at):
            return at
    raise AssertionError("the map was not drawn")


def drawn(at):
    """What the page tells the map; None where there is none."""
    try:
        return json.loads(at.get_by_key(MAP).proto.json)
    except KeyError:
        return None


def points(given):
    """The file of points, with its numbers read."""
    file = json.loads(given[f"{MAP}-points"])
    kinds = {"x": "<f4", "y": "<f4", "labels": "<u2", "predicted": "<u2", "wrong": "u1"}
    return file | {k: np.frombuffer(base64.b64decode(file[k]), v) for k, v in kinds.items() if file.get(k)}


def test_nothing_is_computed_before_it_is_asked_for(visit, circles, given, engine, monkeypatch):
    asked = []
    monkeypatch.setattr(type(engine), "project", lambda *_, **__: asked.append(1))
    at = fine(visit("data"))
    assert at.button(key="map-begin").label == "Map of the images"
    assert drawn(at) is None
    assert not asked
    assert at.selectbox(key="map-net").value == NET


def test_the_map_has_every_image_at_the_engines_place_with_its_class_its_file_and_its_pixels(
    visit, circles, given, engine
):
    told = drawn(begun(visit("data")))
    found, file = engine.project(NET, read(circles)), points(given)
    assert told["points"] == f"{MAP}-points"
    names = [path.relative_to(circles).as_posix() for path in found.embedding.paths]
    order = [names.index(name) for name in file["files"].split("\n")]
    assert sorted(order) == list(range(len(names)))
    scale = np.ptp(found.places, axis=0).max()
    for ours, theirs, sign in ((file["x"], found.places[order, 0], 1), (file["y"], found.places[order, 1], -1)):
        np.testing.assert_allclose(np.diff(ours), sign * np.diff(theirs) / scale, atol=1e-5)
    np.testing.assert_array_equal(file["labels"], found.embedding.labels[order])
    assert file["classes"] == list(found.embedding.classes)
    sheet = np.asarray(Image.open(io.BytesIO(given[file["sheets"][0]]))).astype(int)
    for place in range(0, len(order), 5):
        row, column = divmod(place, ACROSS)
        tile = sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        wanted = decode(found.embedding.paths[order[place]], Preprocess(SIDE, SIDE))
        assert np.abs(tile - wanted).mean() < 4


def test_an_image_that_is_opened_has_the_neighbours_that_scikit_learn_finds(visit, circles, given, engine):
    at = begun(visit("data"))
    told, found = drawn(at), engine.project(NET, read(circles))
    at.session_state[MAP] = {"opened": {"subject": told["subject"], "index": 4, "turn": 1.0}}
    near = drawn(fine(at.run()))["near"]
    files = points(given)["files"].split("\n")
    names = [path.relative_to(circles).as_posix() for path in found.embedding.paths]
    values = found.embedding.values
    theirs = NearestNeighbors(n_neighbors=image_map.NEAR + 1, metric="cosine", algorithm="brute").fit(values)
    distances, _ = theirs.kneighbors(values[[names.index(files[4])]])
    assert near["of"] == 4
    assert 4 not in [i for i, _ in near["list"]]
    np.testing.assert_allclose([cosine for _, cosine in near["list"]], 1 - distances[0, 1:], atol=2e-4)


def test_what_was_opened_in_another_map_is_not_opened_in_this_one(visit, circles, given):
    at = begun(visit("data"))
    at.session_state[MAP] = {"opened": {"subject": "another", "index": 4, "turn": 1.0}}
    assert drawn(fine(at.run()))["near"] is None
    at.session_state[MAP] = {"opened": {"subject": drawn(at)["subject"], "index": 4000, "turn": 1.0}}
    assert drawn(fine(at.run()))["near"] is None


def test_a_photo_of_ones_own_stands_on_the_map_beside_its_copy_and_an_image_opened_later_takes_its_turn(
    visit, circles, given, engine
):
    at = begun(visit("data"))
    path = read(circles).train.paths[3]
    at.file_uploader("upload-0").upload(path.name, path.read_bytes(), "image/png")
    fine(at.run())
    at.selectbox(key="map-photo").set_value("mine-1")
    told = drawn(fine(at.run()))
    assert told["near"]["of"] == -1
    best, cosine = told["near"]["list"][0]
    file = points(given)
    assert file["files"].split("\n")[best] == path.relative_to(circles).as_posix()
    assert cosine == pytest.approx(1, abs=1e-3)
    assert (told["own"]["x"], told["own"]["y"]) == pytest.approx((file["x"][best], file["y"][best]), abs=1e-3)
    at.session_state[MAP] = {"opened": {"subject": told["subject"], "index": 2, "turn": 5.0}}
    assert drawn(fine(at.run()))["near"]["of"] == 2


def test_a_change_elsewhere_on_the_page_computes_nothing_anew(visit, circles, given, engine, monkeypatch):
    at = begun(visit("data"))
    before = drawn(at)
    monkeypatch.setattr(type(engine), "project", lambda *_, **__: pytest.fail("it was computed again"))
    at.number_input(key="aug-seed").set_value(5)
    assert drawn(fine(at.run())) == before


def test_another_network_waits_for_its_own_click(visit, circles, given):
    at = begun(visit("data"))
    at.selectbox(key="map-net").set_value("lecture/mnist_gap")
    assert drawn(fine(at.run())) is None
    assert at.button(key="map-begin")


@pytest.fixture
def trained(circles, engine, monkeypatch):
    """The id of a run on the circles that has been evaluated."""
    monkeypatch.setattr(engine, "runs", Path(os.environ["CNNVIZ_RUNS"]))
    plan = Plan(str(circles), net="lecture/mnist_gap", size=48, epochs=1, batch=8, threads=1, batch_norm=True)
    fit(folder := run.create(plan, os.environ["CNNVIZ_RUNS"], "mine"))
    return folder.name


def test_of_a_trained_network_the_wrongly_classified_images_are_those_that_the_engine_predicts_otherwise(
    visit, trained, circles, given, engine
):
    at = fine(visit("data"))
    assert at.selectbox(key="map-net").value == f"run/{trained}@best"  # of the newest run on the data set
    begun(at)
    file = points(given)
    for i, name in enumerate(file["files"].split("\n")):
        (best,) = engine.predict(f"run/{trained}@best", Photo.open(circles / name), top=1)
        assert file["called"][file["predicted"][i]] == best.label
        assert file["wrong"][i] == (best.label != file["classes"][file["labels"][i]])


def test_the_results_of_a_run_have_the_map_by_its_network_once_it_is_asked_for(visit, trained, given, engine):
    at = fine(visit("train"))
    assert drawn(at) is None
    assert "map-net" not in [box.key for box in at.selectbox]
    begun(at)
    file, found = points(given), engine.project(f"run/{trained}@best", image_map.data_sets.data_set("circles"))
    assert file["wrong"].sum() == found.predictions.wrong.sum()
    assert len(file["files"].split("\n")) == drawn(at)["count"] == 42


def test_of_very_many_images_some_are_drawn_at_random_in_their_order(circles):
    data = read(circles)
    fewer = image_map.drawn(data, 20)
    paths = [path for part in fewer.splits().values() for path in part.paths]
    whole = [path for part in data.splits().values() for path in part.paths]
    assert len(paths) == 20
    assert [whole.index(path) for path in paths] == sorted(whole.index(path) for path in paths)
    assert image_map.drawn(data, 20) == fewer
    assert image_map.drawn(data, 42) is data
    for part in fewer.splits().values():
        for path, label in zip(part.paths, part.labels, strict=True):
            assert path.parent.name == data.classes[label]


def test_strangers_have_no_map(visit, circles, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = fine(visit("data", set="circles"))
    assert "map-net" not in [box.key for box in at.selectbox]
