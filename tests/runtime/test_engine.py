"""The engine as a whole: shared between threads, leaves nets, photos and disk as they were."""

from __future__ import annotations

import inspect
import pydoc
import sys
import threading

import numpy as np
import pytest
import torch

from cnnviz.inference.tap import LayerError
from cnnviz.photo import Photo
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.engine import Engine

NET = "lecture/cats_gap"


def test_results_are_closed_to_writing(engine, photo):
    heat, maps = engine.heatmap(NET, photo), engine.activations(NET, photo, "conv1")
    for array in (heat.values, heat.raw, heat.weights, heat.seen, maps.maps, maps.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(AttributeError):
        heat.values = None


def test_nets_stay_frozen_and_photos_untouched(engine, photo):
    model = engine.model(NET)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    pixels = photo.pixels.copy()
    engine.predict(NET, photo)
    engine.heatmaps(NET, photo, (0, 1), "relu2", "layercam")
    engine.activations(NET, photo, "pool3")
    with pytest.raises(LayerError):
        engine.activations(NET, photo, "conv77")
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    assert all(not p.requires_grad and p.grad is None for p in model.net.parameters())
    assert not any(part.training or part._forward_hooks for part in model.net.modules())
    np.testing.assert_array_equal(photo.pixels, pixels)


def test_threads_get_what_one_thread_alone_gets(photo):
    shared_engine, wrong = Engine(device="cpu", memory_limit=3_000_000), []
    photos = [photo, Photo.sample("cat"), Photo.sample("coffee")]
    layers = ("conv1", "relu2", "conv4")
    truth = {
        (i, layer): (
            Engine(device="cpu").heatmap(NET, p, 1, layer).raw,
            Engine(device="cpu").activations(NET, p, layer).maps,
        )
        for i, p in enumerate(photos)
        for layer in layers
    }

    def work(turn):
        for step in range(6):
            i, layer = (turn + step) % 3, layers[(turn * step) % 3]
            raw, maps = truth[i, layer]
            if not np.allclose(shared_engine.heatmap(NET, photos[i], 1, layer).raw, raw, rtol=1e-3, atol=1e-5):
                wrong.append((i, layer, "heat"))
            if not np.allclose(shared_engine.activations(NET, photos[i], layer).maps, maps, rtol=1e-3, atol=1e-5):
                wrong.append((i, layer, "maps"))

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert shared_engine.busy() == (0, 0)
    assert shared_engine.cache.bytes <= 3_000_000


def test_purge_forgets_every_trace_of_a_personal_photo(engine, photo):
    sample = Photo.sample("cat")
    for each in (photo, sample):
        engine.predict(NET, each)
        engine.heatmap(NET, each)
        engine.activations(NET, each, "conv1")
    assert photo.personal
    assert not sample.personal
    assert engine.personal_bytes() > 100_000
    assert engine.purge() > 100_000
    assert engine.personal_bytes() == 0
    assert not any(photo.digest in key for key in engine.cache._entries)
    assert any(sample.digest in key for key in engine.cache._entries)


def test_nothing_of_a_photo_reaches_the_disk(tmp_path, photo):
    engine = Engine(device="cpu", cache_dir=tmp_path / "cache")
    engine.predict(NET, photo)
    engine.heatmap(NET, photo)
    engine.activations(NET, photo, "conv1")
    engine.layers(NET)
    assert not list(tmp_path.rglob("*.npz"))


def test_the_callers_grad_mode_neither_matters_nor_spoils_what_is_kept(photo):
    truth = Engine(device="cpu").heatmap(NET, photo).raw
    for mode in (torch.no_grad, torch.inference_mode):
        engine = Engine(device="cpu")
        with mode():
            engine.predict(NET, photo)
            inside = engine.heatmap(NET, photo, layer="relu3")
        np.testing.assert_allclose(engine.heatmap(NET, photo).raw, truth, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            inside.raw, engine.heatmap(NET, photo, 1 - inside.target, "relu3").raw * -1, atol=1e-6
        )


ASKED = [name for name in vars(Engine) if not name.startswith("_")]
ROOMS = (
    "attribution",
    "batches",
    "checks",
    "embedding",
    "evaluate",
    "experiments",
    "feature_vis",
    "live",
    "projection",
    "suspects",
    "uploads",
)


def test_the_engine_is_a_table_of_contents():
    assert 18 <= len(ASKED) <= 36
    source = inspect.getsource(Engine).splitlines()
    entries = [line.split("#")[0].strip() for line in source[2:]]
    assert [line for line in entries if line] == [
        f"{name} = {vars(Engine)[name].__module__.rpartition('.')[2]}.{name}" for name in ASKED
    ]


@pytest.mark.parametrize("name", ASKED)
def test_help_shows_the_function_of_its_module(engine, name):
    function, bound = vars(Engine)[name], getattr(engine, name)
    room = function.__module__.removeprefix("cnnviz.runtime.")
    assert room in ROOMS
    assert function.__name__ == name
    assert bound.__func__ is function
    assert inspect.getsourcefile(bound) == sys.modules[function.__module__].__file__
    first, *others = inspect.signature(function).parameters.values()
    assert first.annotation == "Backend"
    assert [one.name for one in others] == list(inspect.signature(bound).parameters)
    assert inspect.getdoc(bound)
    assert f"{name}(" in pydoc.render_doc(bound, renderer=pydoc.plaintext)


def test_nothing_is_declared_in_one_class_and_defined_in_its_heir(engine):
    """What the instance holds is set by `Backend`, and none of its names is one of the engine's."""
    held = set(vars(engine))
    assert held == set(vars(Backend(device="cpu")))
    assert not held & set(vars(Engine))
    assert not vars(Engine).get("__annotations__")
    assert not set(ASKED) & set(vars(Backend))
