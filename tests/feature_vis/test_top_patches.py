"""The patches of a channel are where it answers most, and the box drawn is what it can see there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.feature_vis.top_patches import drawn, patches, photos_in
from cnnviz.inference.tap import tap
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

KEY, LAYER = "bundled/cats_dogs", "conv3"


@pytest.fixture
def folder(tmp_path, rng):
    for i in range(12):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((170, 160)).save(tmp_path / f"{i:02}.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    return tmp_path


def test_each_channel_gets_its_nine_strongest_photos_in_order(folder):
    engine = Engine(device="cpu")
    found = engine.patches(KEY, LAYER, photos_in(folder))
    model = engine.model(KEY)
    truth = []
    for name in found.photos:
        x = model.preprocess.tensor(model.preprocess.see(Photo.open(name)))
        with torch.no_grad():
            truth.append(tap(model.net, x, [LAYER], stop=True)[1][LAYER][0].amax((1, 2)).numpy())
    order = np.argsort(-np.array(truth), axis=0)[:9].T
    assert len(found.photos) == 12
    np.testing.assert_allclose(found.value, np.sort(truth, axis=0)[::-1][:9].T, rtol=1e-4, atol=1e-5)
    assert (found.photo == order).mean() > 0.99  # equal answers may stand in either order
    assert engine.patches(KEY, LAYER, photos_in(folder)) is found


def test_nothing_outside_of_the_box_matters(folder):
    engine = Engine(device="cpu")
    found, model = engine.patches(KEY, LAYER, photos_in(folder)), engine.model(KEY)
    for channel in (3, 40, 100):
        seen = model.preprocess.see(Photo.open(found.photos[found.photo[channel, 0]]))
        left, top, right, bottom = found.box[channel, 0]
        inside = np.zeros_like(seen)
        inside[top:bottom, left:right] = seen[top:bottom, left:right]
        with torch.no_grad():
            maps = tap(model.net, model.preprocess.tensor(inside), [LAYER], stop=True)[1][LAYER][0, channel]
        assert (maps - float(found.value[channel, 0])).abs().min() < 1e-3


def test_the_box_is_drawn_bright():
    seen = np.full((112, 112, 3), 200, np.uint8)
    shown = drawn(seen, (10, 20, 40, 60))
    assert (shown[30, 20] == 200).all()
    assert (shown[5, 5] == 80).all()
    assert (shown[20:60, 10:40] == 200).all()  # the whole field, also one of three pixels
    assert (shown[19, 10] == (255, 200, 40)).all()
    assert (shown[60, 39] == (255, 200, 40)).all()
    assert (drawn(seen, (0, 0, 112, 112)) == 200).all()


def test_folders_without_photos_are_refused(tmp_path):
    with pytest.raises(RequestError, match="no photos"):
        photos_in(tmp_path)
    with pytest.raises(RequestError, match="no folder"):
        photos_in(tmp_path / "absent")
    with pytest.raises(RequestError, match="not feature maps"):
        Engine(device="cpu").patches(KEY, "hidden", (Photo.sample("cat"),))


def test_photos_that_leave_a_channel_at_zero_are_no_activating_ones():
    photos = [Photo.sample(name) for name in ("cat", "coffee")]
    relu = torch.zeros(2, 4, 4)

    def run(x: torch.Tensor) -> torch.Tensor:
        relu[1, 0, 0] += 1  # channel 1 is above 0 for both, channel 0 for none
        return relu[None]

    found = patches("relu", run, Engine(device="cpu").model(KEY).preprocess, None, photos)
    assert found.active.tolist() == [0, 2]
    assert found.value.tolist() == [[0, 0], [2, 1]]
