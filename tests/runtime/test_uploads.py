"""An uploaded network answers as its file would, writes nothing, and goes with all that was computed for it."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import numpy as np
import pytest

from cnnviz.options import RequestError
from cnnviz.runtime.engine import Engine
from tests.models.foreign import nets


@pytest.fixture
def content() -> bytes:
    return nets.content("Shared")


def test_it_answers_as_its_file_does_and_nothing_is_written(tmp_path, content, photo):
    cache, weights = tmp_path / "cache", tmp_path / "weights"
    weights.mkdir()
    (weights / "net.pt2").write_bytes(content)
    engine = Engine(device="cpu", cache_dir=cache, weights=weights)
    model = engine.read_upload("net.pt2", content)
    with pytest.raises(RequestError, match=r"upload its file .* again"):
        engine.model(model.key)
    engine.keep_upload(model)
    assert engine.loaded(model.key) is engine.model(model.key) is model
    assert model.key not in {row.key for row in engine.models()}  # whoever uploaded it lists it
    for question in (
        lambda key: engine.logits(engine.model(key), photo),
        lambda key: engine.heatmap(key, photo, 1).values,
        lambda key: engine.heatmap(key, photo, 1, method="occlusion").values,
        lambda key: engine.activations(key, photo, "stem").maps,
        lambda key: engine.receptive(key, "block").size,
    ):
        np.testing.assert_array_equal(question(model.key), question("file/net"))
    (layer, *_) = engine.filter_layers(model.key)
    before = sorted(cache.rglob("*")) if cache.exists() else []
    ascent = dataclasses.replace(engine.recipe(model.key), steps=2, size=24)
    assert list(engine.filters(model.key, layer, [0], ascent))
    assert (sorted(cache.rglob("*")) if cache.exists() else []) == before
    assert list(engine.filters("file/net", layer, [0], ascent))
    assert sorted(cache.rglob("*")) != before  # as for a network with a file


def test_it_goes_with_all_that_was_computed_for_it(engine, content, photo):
    model = engine.read_upload("net.pt2", content)
    engine.keep_upload(model)
    key, net, mark = model.key, weakref.ref(model.net), model.fingerprint
    engine.heatmap(key, photo, 1)
    engine.map_layers(key)
    del model
    engine.remove(key)
    gc.collect()
    assert net() is None
    assert not [one for one in engine.cache._entries if mark in one]
    with pytest.raises(RequestError, match="not here any more"):
        engine.predict(key, photo)
    engine.remove(key)


def test_a_checkpoint_is_refused(engine):
    with pytest.raises(RequestError, match="no whole network"):
        engine.read_upload("mine.pth", b"PK\x03\x04")
