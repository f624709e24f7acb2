"""Experiments: the answers are those of torch on the pixels the network receives, and own photos are purged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.inference.tap import LayerError, tap
from cnnviz.inference.translation import Shift

NET = "lecture/cats_gap"


def test_a_shifted_photo_gives_the_maps_of_the_shifted_input(engine, photo):
    found = engine.translation(NET, photo, "relu2", Shift(12, -8))
    model = engine.model(NET)
    x = torch.roll(engine.tensor(model, photo), (-8, 12), (2, 3))
    with torch.inference_mode():
        _, maps = tap(model.net, x, ["relu2"])
    np.testing.assert_allclose(found.after.maps, maps["relu2"][0].numpy(), atol=1e-5)
    np.testing.assert_array_equal(found.before.maps, engine.activations(NET, photo, "relu2").maps)
    assert engine.translation(NET, photo, "relu2", Shift(12, -8)) is found


def test_the_head_ends_in_the_logit_that_is_predicted(engine, photo):
    found = engine.pooled_head(NET, photo)
    assert found.kind == "hidden"
    assert found.layer == "pool4"
    assert found.logit == pytest.approx(float(engine.logits(engine.model(NET), photo)[0]), abs=1e-4)


def test_a_plain_network_has_no_skip_connection(engine, photo):
    assert engine.skip_layers(NET) == ()
    with pytest.raises(LayerError, match="has none"):
        engine.skip_connection(NET, photo, "relu1")


def test_what_is_computed_from_ones_own_photo_goes_with_it(engine, photo):
    engine.translation(NET, photo, "relu2", Shift(1, 1))
    engine.pooled_head(NET, photo)
    assert photo.personal
    engine.purge()
    assert engine.personal_bytes() == 0
