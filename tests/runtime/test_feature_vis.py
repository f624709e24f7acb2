"""Filter images, tuning and patches asked of the engine: remembered on disk unless they are personal."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from cnnviz.feature_vis.recipes import Aim, Ascent
from cnnviz.options import RequestError
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
