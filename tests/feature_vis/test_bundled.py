"""The filter images that ship with a net: found for its own weights and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest


def test_the_bundled_net_ships_with_its_filters_and_only_for_its_own_weights():
    import dataclasses

    from cnnviz.feature_vis.bundled import shipped
    from cnnviz.feature_vis.recipes import Aim
    from cnnviz.runtime.engine import Engine

    engine = Engine(device="cpu")
    key = "bundled/cats_dogs"
    model, ascent = engine.model(key), engine.recipe(key)
    for layer, width in engine.filter_layers(key).items():
        events = list(engine.filters(key, layer, range(width)))
        assert len(events) == width, f"the file has no {layer}; write it again: python tools/render_bundled_images.py"
        assert all(event.image.value > event.image.before for event in events if not event.image.dead)
        grown = [event.image for event in events if not event.image.dead]
        jumps = np.array([np.abs(np.diff(image.frames.astype(int), axis=0)).mean((1, 2, 3)) for image in grown])
        assert jumps.shape[1] == 5, "six frames each"
        assert np.median(jumps.max(1) / jumps.sum(1)) < 0.9  # they grow on the way, most of them not at one stroke
    once, again = [event.image for event in engine.filters(key, "conv1", [3, 3]) if event.image is not None]
    assert not np.array_equal(once.picture, again.picture)  # a second one of the same channel begins elsewhere
    other = dataclasses.replace(model, fingerprint="another")
    assert shipped(other, "conv2", Aim.of(0), ascent) is None
    assert shipped(model, "conv2", Aim.of(0), dataclasses.replace(ascent, seed=1)) is None
    assert shipped(model, "conv2", Aim.of(64), ascent) is None
    assert shipped(model, "relu2", Aim.of(0), ascent) is None


def test_the_atlas_shows_what_the_recipe_grows():
    import dataclasses

    from cnnviz.feature_vis.bundled import shipped
    from cnnviz.feature_vis.recipes import Aim
    from cnnviz.runtime.engine import Engine

    engine = Engine(device="cpu")
    ascent = engine.recipe("bundled/cats_dogs")
    kept = shipped(engine.model("bundled/cats_dogs"), "conv2", Aim.of(5), ascent)
    near = dataclasses.replace(ascent, rate=ascent.rate + 1e-9)  # another key, the same picture
    grown = next(e.image for e in engine.filters("bundled/cats_dogs", "conv2", [5], near) if e.image)
    assert np.abs(kept.picture.astype(int) - grown.picture).mean() < 12
    assert kept.value == pytest.approx(grown.value, rel=0.05)
