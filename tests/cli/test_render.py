"""The commands that write images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.picture import OPACITY, overlay
from cnnviz.runtime.engine import Engine

KEY = "lecture/cats_gap"


def test_the_command_line_sets_a_methods_knobs_and_refuses_others_in_one_line(tmp_path, photo, capsys):
    from cnnviz.cli.main import main

    path, out = tmp_path / "photo.png", tmp_path / "o.png"
    photo.image().save(path)
    ask = ["heatmap", str(path), "--model", "lecture/cats_gap", "--out", str(out), "--npy", "--method", "occlusion"]
    assert main([*ask, "--set", "window=64", "--set", "stride=64", "--versus", "dog"]) == 0
    given = {"window": 64, "stride": 64}
    heat = Engine(device="cpu").heatmap("lecture/cats_gap", photo, method="occlusion", options=given, versus="dog")
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), heat.values, atol=1e-3)
    capsys.readouterr()
    assert main([*ask, "--set", "samples=3"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "window, stride" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".PNG"])
def test_a_heat_map_is_a_picture_of_the_photos_size(told, picture, tmp_path, suffix):
    out = tmp_path / "new" / f"heat{suffix}"
    code, said, err = told("heatmap", picture, "--model", KEY, "--class", "dog", "--out", out)
    assert (code, err) == (0, "")
    assert "dog" in said
    with Image.open(out) as made:
        assert made.size == (200, 160)
    assert not out.with_suffix(".npy").exists()


def test_the_opacity_follows_the_heat_or_is_uniform(told, refused, picture, tmp_path):
    from cnnviz import picture as draw
    from cnnviz.photo import Photo

    photo = Photo.open(picture)
    heat = Engine(device="cpu").heatmap(KEY, photo)
    given = ("heatmap", picture, "--model", KEY, "--out", tmp_path / "o.png")
    for more, opacity, alpha in (((), 0.7, "heat"), (("--alpha", "uniform"), 0.5, "uniform")):
        assert told(*given, *more)[0] == 0
        drawn = np.asarray(draw.overlay(photo, heat, opacity, alpha=alpha), int)
        with Image.open(tmp_path / "o.png") as made:
            assert np.abs(np.asarray(made, int) - drawn).max() <= 1
    assert "heat" in refused(*given, "--alpha", "cold")


def test_a_pixel_method_given_a_layer_says_that_it_takes_none(refused, picture, tmp_path):
    given = ("heatmap", picture, "--model", KEY, "--out", tmp_path / "o.png", "--layer", "conv1", "--method")
    for method in ("saliency", "occlusion"):
        assert "leave --layer out" in refused(*given, method)


def test_activations_are_one_mosaic_and_their_numbers(told, picture, tmp_path):
    out = tmp_path / "maps.png"
    code, said, err = told("activations", picture, "--model", KEY, "--layer", "relu2", "--out", out, "--npy")
    assert (code, err) == (0, "")
    assert "64 x 72 x 72" in said
    maps = np.load(tmp_path / "maps.npy")
    assert (maps.dtype, maps.shape) == (np.float32, (64, 72, 72))
    with Image.open(out) as made:
        assert min(made.size) > 72


@pytest.mark.parametrize("crop", ["centre", "0.1", "pad", "squash"])
def test_every_crop_is_the_engines_in_pictures_numbers_and_words(told, document, tmp_path, rng, crop):
    path, out = tmp_path / "wide.png", tmp_path / "o.png"
    Image.fromarray(rng.integers(0, 256, (100, 900, 3), dtype=np.uint8)).save(path)
    engine, photo = Engine(device="cpu"), Photo.open(path).with_crop(crop)
    words = "" if crop == "centre" else f", crop {crop},"
    _, said, _ = told("heatmap", path, "--model", KEY, "--crop", crop, "--out", out, "--npy")
    assert words in said
    heat = engine.heatmap(KEY, photo)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), heat.values, atol=1e-3)
    np.testing.assert_allclose(
        np.asarray(Image.open(out)), np.asarray(overlay(photo, heat, OPACITY, alpha="heat")), atol=2
    )
    _, said, _ = told("activations", path, "--model", KEY, "--layer", "conv1", "--crop", crop, "--out", out, "--npy")
    assert words in said
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), engine.activations(KEY, photo, "conv1").maps, atol=1e-3)
    (found,) = document("predict", path, "--model", KEY, "--crop", crop)
    assert found.get("crop", "centre") == photo.crop
    assert [one["probability"] for one in found["predictions"]] == pytest.approx(
        [one.probability for one in engine.predict(KEY, photo)]
    )


@pytest.mark.parametrize("command", ["heatmap", "activations"])
def test_a_crop_that_is_none_is_refused_in_one_line(refused, picture, tmp_path, command):
    err = refused(command, picture, "--model", KEY, "--layer", "conv1", "--crop", "left", "--out", tmp_path / "o.png")
    assert "choose centre, pad, squash, or a number from 0 to 1" in err
