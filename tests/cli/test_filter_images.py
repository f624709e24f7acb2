"""Filter images from the command line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

KEY = "lecture/cats_gap"


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


def test_of_all_layers_the_channels_asked_for_are_made_where_a_layer_has_them(told, tmp_path):
    given = ("filters", "--model", KEY, "--layer", "all", "--steps", 1)
    code, said, _ = told(*given, "--channels", "0,100", "--out", tmp_path)
    assert code == 0
    assert "conv1: left out. 100 does not fit: the layer has channels 0 to 31." in said.splitlines()
    made = sorted(p.name for p in tmp_path.glob("conv*_*.png") if "sheet" not in p.name)
    assert made == ["conv3_0.png", "conv3_100.png", "conv4_0.png", "conv4_100.png"]
    assert told(*given, "--channels", "many", "--out", tmp_path)[0] == 2


@pytest.mark.parametrize("crop", ["centre", "0.1", "pad", "squash"])
def test_the_crop_is_that_of_the_photo_for_its_channels_and_for_what_begins_with_it(told, tmp_path, rng, crop):
    from cnnviz.photo import Photo
    from cnnviz.runtime.engine import Engine

    path, out = tmp_path / "wide.png", tmp_path / "out"
    Image.fromarray(rng.integers(0, 256, (100, 900, 3), dtype=np.uint8)).save(path)
    engine, photo = Engine(device="cpu"), Photo.open(path).with_crop(crop)
    given = ("filters", "--model", KEY, "--layer", "conv1", "--photo", path, "--crop", crop, "--steps", 1)
    assert told(*given, "--channels", "top:3", "--out", out)[0] == 0
    best = np.argsort(-engine.activations(KEY, photo, "conv1").mean, kind="stable")[:3]
    assert {f"conv1_{n}.png" for n in best} <= {p.name for p in out.iterdir()}
    code, said, err = told(*given, "--channels", "0", "--start", "photo", "--out", tmp_path / "from")
    assert (code, err) == (0, "")
    assert (f", crop {crop}" in said) == (crop != "centre")
    ascent = replace(engine.recipe(KEY), steps=1, start="photo")
    (image,) = (e.image for e in engine.filters(KEY, "conv1", [0], ascent, photo) if e.image is not None)
    made = np.asarray(Image.open(tmp_path / "from" / "conv1_0.png"))
    np.testing.assert_allclose(made, image.picture, atol=1)


def test_a_crop_without_a_photo_is_refused_and_names_the_other_crop(refused, told, tmp_path):
    given = ("filters", "--model", "lecture/mnist_gap", "--layer", "conv2", "--channels", "0", "--steps", 2)
    assert "--random-crop" in refused(*given, "--crop", "0.2", "--out", tmp_path / "none")
    pictures = []
    for more in ((), ("--random-crop", 0.4)):
        out = tmp_path / f"out{len(more)}"
        assert told(*given, *more, "--out", out)[0] == 0
        pictures.append((out / "conv2_0.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_no_image_is_written_over_the_photo_it_is_asked_with(refused, tmp_path):
    from cnnviz.cli.main import main

    mine = tmp_path / "conv2_0.png"
    Image.new("RGB", (28, 28), "red").save(mine)
    before = mine.read_bytes()
    wanted = ["filters", "--model", "lecture/mnist_gap", "--layer", "conv2", "--channels", "0", "--steps", "1"]
    assert "another folder" in refused(*wanted, "--photo", mine, "--out", tmp_path)
    assert mine.read_bytes() == before
    assert main([*wanted, "--photo", str(mine), "--out", str(tmp_path / "images")]) == 0


def test_one_gpu_is_not_shared_among_devices(refused, tmp_path):
    given = ("filters", "--model", KEY, "--layer", "all", "--devices", 2, "--device", "cuda:1", "--out", tmp_path)
    assert "cuda:1 is one device" in refused(*given)
