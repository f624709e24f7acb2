"""Questions about a folder: rows that say what the engine says of each photo alone, and images beside them."""

from __future__ import annotations

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.runtime.batches import Wanted
from cnnviz.runtime.folder_questions import HeatMaps, Predictions, image_name
from cnnviz.runtime.shards import Item

KEY = "lecture/cats_gap"


@pytest.fixture
def items(tmp_path, rng):
    found = []
    for name in ("cats/a.jpg", "cats/a.png", "b.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
        found.append(Item(name, str(path), "0"))
    return found


@pytest.fixture
def asked(engine, items, tmp_path):
    def ask(question):
        with ThreadPoolExecutor(2) as pool:
            rows, errors = question.work(engine, items, tmp_path / "out", pool)
        assert errors == {}
        assert all(set(row) == set(question.columns) for row in rows)
        return rows

    return ask


def test_predictions_are_the_engines(engine, items, asked):
    for item, row in zip(items, asked(Predictions(KEY, top=2, crop="pad")), strict=True):
        wanted = engine.predict(KEY, Photo.open(item.path).with_crop("pad"), top=2)
        assert row["file"] == item.name
        assert row["label"] == [one.label for one in wanted]
        assert row["probability"] == pytest.approx([one.probability for one in wanted], abs=1e-6)
        assert row["logit"] == pytest.approx([one.logit for one in wanted], abs=1e-5)


def test_heat_maps_are_the_engines_and_drawn_as_for_one_photo(engine, items, asked, tmp_path):
    rows = asked(HeatMaps(KEY, Wanted("dog", "conv2", "layercam"), alpha="uniform", form="png", arrays=True))
    for item, row in zip(items, rows, strict=True):
        photo = Photo.open(item.path)
        heat = engine.heatmap(KEY, photo, "dog", "conv2", "layercam")
        np.testing.assert_allclose(
            np.reshape(row["map"], (row["height"], row["width"])), heat.raw, atol=1e-6 * np.abs(heat.raw).max()
        )
        assert (row["label"], row["layer"]) == ("dog", "conv2")
        chances = {one.index: one.probability for one in engine.predict(KEY, photo)}
        assert row["probability"] == pytest.approx(chances[row["index"]], abs=1e-6)
        np.testing.assert_allclose(np.load(tmp_path / "out" / "arrays" / f"{item.name}.npy"), heat.values, atol=1e-5)
        with Image.open(tmp_path / "out" / row["image"]) as made:
            drawn = np.asarray(picture.overlay(photo, heat, 0.5), int)
            assert np.abs(np.asarray(made, int) - drawn).max() <= 1
    assert [row["image"] for row in rows] == ["images/cats/a.jpg.png", "images/cats/a.png", "images/b.png"]


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_no_two_files_share_an_image(form):
    names = ["a.jpg", "a.jpeg", "a.png", "a.png.jpg", "a.jpg.jpg", "a.jpg.png", "a.webp", "a.webp.webp", "a.b.jpg", "a"]
    names += [f"{name}{end}" for name in names for end in (".jpg", ".png")]
    assert len({image_name(name, form) for name in set(names)}) == len(set(names))
    assert image_name("cats/A.JPG", "jpeg") == "cats/A.JPG"


def test_a_question_is_a_value_and_tells_whatever_changes_its_answer(engine):
    plain = HeatMaps(KEY)
    assert pickle.loads(pickle.dumps(plain)) == plain
    others = [
        HeatMaps(KEY, Wanted(target="dog")), HeatMaps(KEY, Wanted(layer="conv2")), HeatMaps(KEY, Wanted(versus=1)),
        HeatMaps(KEY, Wanted(method="hirescam")), HeatMaps(KEY, Wanted(method="occlusion")),
        HeatMaps(KEY, Wanted(method="occlusion", options={"window": "64"})), HeatMaps("lecture/cats_flatten"),
        dataclasses.replace(plain, crop="pad"), dataclasses.replace(plain, alpha="uniform"),
        dataclasses.replace(plain, form="png"), dataclasses.replace(plain, arrays=True), Predictions(KEY),
        Predictions(KEY, top=3), HeatMaps(KEY, Wanted(target="dog", against=True)),
    ]  # fmt: skip
    said = [repr(question.told(engine)) for question in (plain, *others)]
    assert len(set(said)) == len(said)
    assert plain.told(engine) == HeatMaps(KEY, Wanted(layer=engine.default_layer(KEY))).told(engine)
