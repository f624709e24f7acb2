"""Filter images, tuning and patches asked of the engine: remembered on disk unless they are personal."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.options import RequestError
from cnnviz.runtime import feature_vis
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_patches_of_a_personal_photo_are_forgotten_with_it(engine, photo):
    engine.purge()
    engine.patches(NET, "relu2", [photo])
    assert engine.personal_bytes() > 0
    engine.purge()
    assert engine.personal_bytes() == 0


SHORT = Ascent(steps=6, size=32, coarse=1)


def test_a_layer_that_never_runs_or_is_unknown_is_refused(tmp_path):
    engine = Engine(device="cpu")
    with pytest.raises(RequestError, match="closest"):
        engine.filters("lecture/mnist_gap", "conv9", [0], SHORT)


def test_the_engine_remembers_on_disk(tmp_path):
    first = Engine(device="cpu", cache_dir=tmp_path)
    grown = list(first.filters("lecture/mnist_gap", "conv2", [0, 3], Ascent(steps=4)))
    assert len(grown) == 8
    again = list(first.filters("lecture/mnist_gap", "conv2", [3, 0, 5], Ascent(steps=4)))
    assert [e.aim.channel for e in again if e.image] == [3, 0, 5]
    assert len(again) == 2 + 4
    second = list(Engine(device="cpu", cache_dir=tmp_path).filters("lecture/mnist_gap", "conv2", [3], Ascent(steps=4)))
    assert len(second) == 1
    assert np.array_equal(second[0].image.picture, again[0].image.picture)
    assert np.abs(second[0].image.frames.astype(int) - again[0].image.frames).mean() < 6  # as a small WebP
    assert second[0].image.aim == Aim.of(3)
    assert second[0].image.value == again[0].image.value


def test_a_dream_from_ones_own_photo_never_reaches_the_disk(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path)
    ascent = Ascent(steps=2, start="photo", focus=0.0)
    list(engine.filters("lecture/mnist_gap", "conv2", [0], ascent, photo=photo))
    assert not list(tmp_path.iterdir())
    assert engine.personal_bytes() > 0
    with pytest.raises(RequestError, match="photo"):
        engine.filters("lecture/mnist_gap", "conv2", [0], ascent)


def test_classes_have_pictures_too():
    engine = Engine(device="cpu")
    (event,) = [e for e in engine.filters("lecture/mnist_gap", None, [7], Ascent(steps=4)) if e.image]
    assert event.layer == "logits"
    assert event.image.picture.shape == (28, 28, 3)
    events = engine.filters("lecture/cats_gap", None, [0, 1], Ascent(steps=4, focus=0.0, size=64))
    cat, dog = [e.image for e in events if e.image]
    assert cat.before == pytest.approx(-dog.before, rel=1e-5)


def test_two_threads_grow_what_one_grows():
    engine, found = Engine(device="cpu"), {}

    def work(name: str) -> None:
        events = engine.filters("lecture/mnist_gap", "relu3", [4], replace(SHORT, size=48, seed=2 + len(name)))
        found[name] = next(e.image for e in events if e.image)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "bb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Engine(device="cpu").filters("lecture/mnist_gap", "relu3", [4], replace(SHORT, size=48, seed=3))
    assert np.array_equal(found["a"].picture, next(e.image for e in alone if e.image).picture)


def test_the_engine_asks_once_and_remembers_on_disk(tmp_path):
    engine = Engine(device="cpu", cache_dir=tmp_path)
    found = engine.tuning("lecture/mnist_gap", "conv2")
    assert found.orientation.shape == (64, 12)
    assert engine.tuning("lecture/mnist_gap", "conv2") is found
    again = Engine(device="cpu", cache_dir=tmp_path).tuning("lecture/mnist_gap", "conv2")
    np.testing.assert_array_equal(again.place, found.place)
    assert again.layer == "conv2"
    assert [again.badge(c) for c in range(64)] == [found.badge(c) for c in range(64)]


# What a cache folder of version 0.1.0 held of the bundled net: for channels 0 and 1 of conv2, and for conv1.
KEPT = {0: "c907c2a6a61f7bfc2837be3afd041b8727a44b66.npz", 1: "8b286f9fd1fab4567541f23896df05cd7728a43b.npz"}
TUNED = "c9d1f84efce037c0b2a90fd79ab11b4ed5f73660.npz"


def test_a_disk_cache_of_the_first_version_is_found_under_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def again(*_: object) -> None:
        pytest.fail("computed again")

    def nothing_left(_, aims, *__):
        assert aims == []
        yield from ()

    strip = np.concatenate([np.full((64, 64, 3), 40 * i, np.uint8) for i in range(4)])
    for channel, name in KEPT.items():
        about = json.dumps(["conv2", [[channel, 1.0]], 0.25, 7.5 + channel, 4]).encode()
        _, packed = cv2.imencode(".webp", strip, [cv2.IMWRITE_WEBP_QUALITY, 85])
        np.savez_compressed(
            tmp_path / name,
            picture=np.full((64, 64, 3), 200 + channel, np.uint8),
            start=np.full((64, 64, 3), 90, np.uint8),
            curve=np.arange(4, dtype=np.float32),
            strip=packed,
            about=np.frombuffer(about, np.uint8),
        )
    shapes = {"orientation": 12, "frequency": 6, "hue": 12, "gray": 4, "size": 7, "place": (7, 7)}
    curves = {part: np.full((32, *np.atleast_1d(rest)), 3.5, np.float32) for part, rest in shapes.items()}
    np.savez_compressed(
        tmp_path / TUNED, **curves, dead=np.array([2, 9]), twins=np.array([[0, 1]]), name=np.array("conv1")
    )
    monkeypatch.setattr(feature_vis, "maximize", nothing_left)
    monkeypatch.setattr(feature_vis, "tuning_curves", again)
    engine, key = Engine(device="cpu", cache_dir=tmp_path), "bundled/cats_dogs"
    images = [event.image for event in engine.filters(key, "conv2", [0, 1], Ascent(steps=4, size=64))]
    assert [image.picture.mean() for image in images] == [200, 201]
    assert [image.value for image in images] == [7.5, 8.5]
    assert images[0].frames.shape == (4, 64, 64, 3)
    tuning = engine.tuning(key, "conv1")
    assert (tuning.layer, tuning.dead.tolist(), float(tuning.hue.mean())) == ("conv1", [2, 9], 3.5)
    assert {path.name for path in tmp_path.iterdir()} == {*KEPT.values(), TUNED}


def test_what_is_written_lies_under_those_names(tmp_path: Path):
    engine, key = Engine(device="cpu", cache_dir=tmp_path), "bundled/cats_dogs"
    list(engine.filters(key, "conv2", [0, 1], Ascent(steps=4, size=64)))
    written = {path.name for path in tmp_path.iterdir()}
    assert written - {"b8870ccfd52251a9c88143811f92dd7f87983efd.npz"} == set(KEPT.values())  # which holds the spread


def test_the_effort_counts_what_is_neither_remembered_nor_shipped(engine):
    few = Ascent(steps=2, size=48)
    before = engine.effort(NET, "conv1", [0, 1, 2], few)
    assert before.missing == 3
    assert before.seconds > 0
    assert [event.image is not None for event in engine.filters(NET, "conv1", [1], few)][-1]
    assert engine.effort(NET, "conv1", [0, 1, 2], few).missing == 2
    assert engine.effort(NET, "conv1", [1], few) == type(before)(0, 0.0)
    assert engine.effort("bundled/cats_dogs", "conv1", range(8)).missing == 0
    longer = engine.effort(NET, "conv1", [0], Ascent(steps=200, size=48))
    assert longer.seconds == pytest.approx(100 * engine.effort(NET, "conv1", [0], few).seconds)
