"""Filter images in batches are those of the engine, resumed where they stopped."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.recipes import Ascent
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.filter_work import FilterImages, item
from cnnviz.runtime.folder_work import Here, run

KEY = "lecture/mnist_gap"


@pytest.fixture(scope="module")
def layers():
    return [*Engine(device="cpu").filter_layers(KEY)][:2]


def test_images_and_objectives_are_those_of_the_engine(tmp_path, layers):
    engine, ascent = Engine(device="cpu"), Ascent(steps=3)
    question = pickle.loads(pickle.dumps(FilterImages(KEY, ascent)))  # as it travels to another process
    items = [item(layer, channel) for layer in layers for channel in (0, 3, 1)]
    found = run(engine, question, items, tmp_path / "out", Here(engine), together=3)
    assert found.computed == 6
    alone = Engine(device="cpu")
    wanted = {
        (layer, event.image.aim.channel): event.image
        for layer in layers
        for event in alone.filters(KEY, layer, (0, 3, 1), ascent)
        if event.image is not None
    }
    assert [(row["layer"], row["channel"]) for row in found.rows.to_pylist()] == [
        (layer, channel) for layer in layers for channel in (0, 3, 1)
    ]
    for row in found.rows.to_pylist():
        image = wanted[row["layer"], row["channel"]]
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / row["file"])), image.picture)
        assert row["value"] == pytest.approx(image.value, rel=1e-6)


def test_what_is_there_is_not_optimised_again_and_other_options_are_another_question(tmp_path, layers):
    engine, out = Engine(device="cpu"), tmp_path / "out"
    first = [item(layers[0], channel) for channel in (0, 1)]
    run(engine, FilterImages(KEY, Ascent(steps=2)), first, out)
    more = run(engine, FilterImages(KEY, Ascent(steps=2)), [*first, item(layers[0], 2)], out)
    assert (more.files, more.computed) == (3, 1)
    with pytest.raises(ValueError, match="results of another question"):
        run(engine, FilterImages(KEY, Ascent(steps=3)), first, out)
