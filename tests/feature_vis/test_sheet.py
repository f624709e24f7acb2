"""Channels as people write them, and filter images side by side."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.sheet import archive, channels, contact_sheet, file_name, layers
from cnnviz.options import RequestError


def test_channels_as_people_write_them():
    assert channels("0-3", 8) == (0, 1, 2, 3)
    assert channels("3, 7,1-2,3", 8) == (3, 7, 1, 2)
    assert channels("random:6", 64, seed=1) == channels("random:6", 64, seed=1)
    assert channels("random:6", 64, seed=1) != channels("random:6", 64, seed=2)
    assert channels("random:99", 4) == (0, 1, 2, 3)
    assert channels("top:2", 8, top=lambda: [5, 1, 3]) == (5, 1)


@pytest.mark.parametrize("wrong", ["", "a", "8", "3-1", "-1", "1-", "random:0", "random:x", "top:9", "0-8", "1e3"])
def test_what_names_no_channels_is_refused(wrong):
    with pytest.raises(RequestError):
        channels(wrong, 8)


def test_layers_that_learn_nothing_are_left_out():
    kinds = {"conv1": "Conv2d", "relu1": "ReLU", "pool1": "MaxPool2d", "bn": "BatchNorm2d"}
    assert layers(["conv1", "relu1", "pool1", "bn", "block"], kinds) == ("conv1", "block")


def test_a_contact_sheet_holds_every_picture_where_it_belongs():
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(pictures, columns=2, gap=1)
    assert sheet.shape == (19, 19, 3)
    assert (sheet[1:9, 1:9] == 10).all()
    assert (sheet[1:9, 10:18] == 20).all()
    assert (sheet[10:18, 1:9] == 30).all()
    assert (sheet[10:18, 10:18] == 255).all()


def test_an_archive_holds_every_picture_exactly_under_its_name():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    with zipfile.ZipFile(io.BytesIO(archive({"conv1_0": pixels, "conv1_1": 255 - pixels}))) as packed:
        assert packed.namelist() == ["conv1_0.png", "conv1_1.png"]
        assert np.array_equal(np.asarray(Image.open(packed.open("conv1_0.png"))), pixels)


def test_files_are_named_layer_filter():
    assert file_name("features.7", 12) == "features.7_12"
    assert "/" not in file_name("a/b", "../c")


def test_the_command_line_grows_writes_and_remembers(tmp_path, capsys):
    from cnnviz.cli.main import main

    wanted = ["filters", "--model", "lecture/mnist_gap", "--layer", "conv2", "--channels", "random:3", "--steps", "3"]
    assert main([*wanted, "--out", str(tmp_path / "one")]) == 0
    assert "3 filters of 28 px" in capsys.readouterr().out
    assert len(list((tmp_path / "one").glob("conv2_*.png"))) == 4
    assert main([*wanted, "--out", str(tmp_path / "two")]) == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert main([*wanted[:4], "conv2", "--channels", "99", "--out", str(tmp_path)]) == 2
    assert "channels 0 to 63" in capsys.readouterr().err
    assert main([*wanted[:4], "conv2", "--channels", "top:3", "--out", str(tmp_path)]) == 2
    assert "photo" in capsys.readouterr().err


def test_the_whole_net_is_one_command(tmp_path, capsys):
    from cnnviz.cli.main import main

    wanted = ["filters", "--model", "lecture/mnist_base", "--layer", "all", "--steps", "1", "--focus", "0"]
    assert main([*wanted, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines()] == ["conv1", "conv2", "conv3"]
    assert "64 filters" in out


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
        assert len(events) == width, f"the atlas has no {layer}; write it again: python tools/render_bundled_images.py"
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
