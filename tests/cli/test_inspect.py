"""Commands that ask about nets and photos: documents on standard output, pictures in files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz import places, settings
from cnnviz.cli import inspect
from cnnviz.models import build
from cnnviz.models import weights as shelf
from cnnviz.runtime.engine import Engine


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


KEY = "lecture/cats_gap"


def test_models_lists_every_net(document, told):
    rows = document("models")
    assert {"resnet18", "vgg16", "lecture/cats_gap"} <= {row["key"] for row in rows}
    assert all(set(row) == {"key", "title", "parameters", "bytes", "where"} for row in rows)
    assert "squeezenet1_1" in told("models")[1]


def test_layers_has_the_lectures_numbers(document, told):
    found = document("layers", "--model", KEY)
    assert list(found) == ["model", "input", "layers", "total_parameters", "trainable_parameters", "total_mult_adds"]
    assert (found["model"], found["input"]) == (KEY, [3, 150, 150])
    assert found["layers"][0] == {
        "name": "conv1",
        "kind": "Conv2d",
        "shape": [32, 148, 148],
        "parameters": 896,
        "mult_adds": 896 * 148 * 148,
    }
    assert found["total_parameters"] == found["trainable_parameters"] == 307_393
    assert round(found["total_mult_adds"] / 1e6, 2) == 234.16
    assert "307,393 parameters, 234.16 M mult-adds" in told("layers", "--model", KEY)[1]


def test_layers_needs_no_weights_and_follows_the_size(document, monkeypatch):
    monkeypatch.setattr(shelf, "fetch", None)
    found = document("layers", "--model", "resnet18", "--size", 64)
    assert found["input"] == [3, 64, 64]
    assert found["total_parameters"] == 11_689_512
    assert found["layers"][0]["shape"] == [64, 32, 32]


def test_predict_answers_for_each_photo(document, told, picture):
    found = document("predict", picture, picture, "--model", KEY, "--top", 1)
    assert [list(one) for one in found] == [["photo", "predictions"]] * 2
    assert found[0]["photo"] == str(picture)
    assert [list(one) for one in found[0]["predictions"]] == [["index", "label", "probability"]]
    both = document("predict", picture, "--model", KEY)[0]["predictions"]
    assert sum(one["probability"] for one in both) == pytest.approx(1)
    assert {one["label"] for one in both} == {"cat", "dog"}
    assert "%" in told("predict", picture, "--model", KEY)[1]


def test_the_real_squeezenet_sees_an_african_elephant(document, shared, tmp_path, told):
    photo, weights = shared / "photos" / "african_elephant.jpg", shared / "weights"
    given = ("--model", "squeezenet1_1", "--weights")
    best = document("predict", photo, *given, weights / "squeezenet1_1-imagenet.pth")[0]["predictions"][0]
    assert (best["index"], best["label"]) == (386, "African elephant")
    out = tmp_path / "heat.png"
    assert told("heatmap", photo, *given, weights, "--class", "african_elephant", "--out", out, "--npy")[0] == 0
    values = np.load(tmp_path / "heat.npy")
    assert (values.dtype, values.shape) == (np.float32, (224, 224))
    assert 0 <= values.min() < values.max() <= 1
    assert "African elephant" in told("heatmap", photo, *given, weights, "--class", "african elefant", "--out", out)[2]


def test_weights_may_be_named_before_or_after_the_command(tmp_path, document, refused, picture):
    from cnnviz.models import load

    net = build.torchvision_net("squeezenet1_1").to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), tmp_path / "squeezenet1_1.pth")
    before = document("--weights", tmp_path, "predict", picture, "--model", "squeezenet1_1")
    assert before == document("predict", picture, "--model", "squeezenet1_1", "--weights", tmp_path)
    assert "nowhere" in refused("predict", picture, "--model", "squeezenet1_1", "--weights", tmp_path / "nowhere")
    assert "nowhere" in refused("models", "--weights", tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".PNG"])
def test_a_heat_map_is_a_picture_of_the_photos_size(told, picture, tmp_path, suffix):
    out = tmp_path / "new" / f"heat{suffix}"
    code, said, err = told("heatmap", picture, "--model", KEY, "--class", "dog", "--out", out)
    assert (code, err) == (0, "")
    assert "dog" in said
    with Image.open(out) as made:
        assert made.size == (200, 160)
    assert not out.with_suffix(".npy").exists()


@pytest.mark.parametrize("command", ["predict", "heatmap"])
def test_photos_are_opened_one_at_a_time(told, picture, tmp_path, monkeypatch, command):
    from cnnviz.runtime.engine import Engine

    events: list[str] = []

    def noted(name, function):
        def call(*arguments, **more):
            events.append(name)
            return function(*arguments, **more)

        return call

    monkeypatch.setattr(inspect.Photo, "open", noted("open", inspect.Photo.open))
    monkeypatch.setattr(Engine, command, noted("ask", getattr(Engine, command)))
    out = ("--out", tmp_path / "maps") if command == "heatmap" else ()
    assert told(command, picture, picture, picture, "--model", KEY, *out)[0] == 0
    assert events == ["open", "ask"] * 3


@pytest.mark.parametrize("command", ["predict", "heatmap"])
def test_a_missing_photo_is_told_before_any_answer(refused, picture, tmp_path, command):
    out = ("--out", tmp_path / "maps") if command == "heatmap" else ()
    assert "gone.jpg" in refused(command, picture, tmp_path / "gone.jpg", "--model", KEY, *out)
    assert not (tmp_path / "maps").exists()


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


def test_evaluate_matches_folders_to_labels_and_uses_val(document, told, data):
    found = document("evaluate", data, "--model", KEY)
    assert list(found) == ["model", "images", "accuracy", "loss", "classes", "confusion"]
    assert (found["images"], found["classes"]) == (6, ["cat", "dog"])
    counts = np.array(found["confusion"])
    assert counts.sum(axis=1).tolist() == [3, 3]
    assert found["accuracy"] == pytest.approx(np.trace(counts) / 6)
    assert found["loss"] == pytest.approx(np.log(2), abs=0.1)  # an untrained net knows nothing
    assert "of 6 photos right" in told("evaluate", data, "--model", KEY)[1]


def test_evaluate_agrees_with_predict(document, data):
    table = document("evaluate", data / "train", "--model", KEY)
    right = 0
    for name, wanted in (("cats", "cat"), ("Dogs", "dog")):
        best = document("predict", data / "train" / name / "0.png", "--model", KEY)[0]["predictions"][0]
        right += best["label"] == wanted
    assert table["accuracy"] == right / 2


def test_evaluate_skips_what_is_no_photo_and_says_so(told, data):
    (data / "val" / "cats" / "broken.jpg").write_text("no photo")
    code, out, err = told("evaluate", data, "--model", KEY, "--json")
    assert code == 0
    assert json.loads(out)["images"] == 6
    assert "broken.jpg" in err


@pytest.mark.parametrize("content", [b"just text", b"", b"\xff\xd8\xff\xe0 cut off", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("command", ["predict", "heatmap", "activations"])
def test_what_is_no_photo_is_one_sentence(refused, tmp_path, command, content):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    more = {
        "predict": (),
        "heatmap": ("--out", tmp_path / "o.png"),
        "activations": ("--layer", "conv1", "--out", tmp_path / "o.png"),
    }
    assert "bad.jpg" in refused(command, bad, "--model", KEY, *more[command])
    assert not (tmp_path / "o.png").exists()


def test_a_png_of_50000_by_50000_is_refused_before_it_is_decoded(refused, tmp_path):
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b""))
    assert "50 megapixels" in refused("predict", tmp_path / "huge.png", "--model", KEY)


def test_a_wrong_checkpoint_and_a_bomb_are_one_sentence_each(refused, picture, tmp_path):
    import os

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "resnet18.pth")
    torch.save(Bomb(), tmp_path / "vgg16.pth")
    predict = ("predict", picture, "--weights", tmp_path, "--model")
    assert "does not fit ResNet" in refused(*predict, "resnet18")
    assert "program code" in refused(*predict, "vgg16")
    assert not (tmp_path / "exploded").exists()


def test_no_network_and_no_weights_is_a_failure_in_one_line(refused, picture, monkeypatch, tmp_path):
    monkeypatch.setattr(shelf, "SITE", f"{tmp_path.as_uri()}/nothing/")
    assert "put resnet18-f37072fd.pth" in refused("predict", picture, "--model", "resnet18", code=1)


def test_serve_stays_on_this_machine_unless_it_is_public(tmp_path):
    arguments, variables = inspect.serving(False, 8600, tmp_path)
    assert arguments[:2] == ["run", str(places.APP)]
    assert "--server.address=127.0.0.1" in arguments
    assert "--server.port=8600" in arguments
    assert variables == {"CNNVIZ_WEIGHTS": str(tmp_path)}
    arguments, variables = inspect.serving(True, 8501, None)
    assert "--server.address=0.0.0.0" in arguments
    assert "--server.maxUploadSize=10" in arguments
    assert variables == {"CNNVIZ_PUBLIC": "1"}
    assert inspect.serving(False, 8501, None, "cuda:1")[1] == {"CNNVIZ_DEVICE": "cuda:1"}


def test_serve_hands_over_to_streamlit(monkeypatch, told):
    from streamlit.web import cli

    handed: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: handed.append(arguments))
    monkeypatch.delenv("CNNVIZ_PUBLIC", raising=False)
    monkeypatch.setattr(settings.os, "environ", dict(settings.os.environ))
    assert told("serve", "--port", 8601)[0] == 0
    assert handed[0][1].endswith("app.py")


def test_serve_refuses_to_start_where_it_cannot_tell_whether_strangers_are_served(refused, monkeypatch):
    from streamlit.web import cli

    monkeypatch.setattr(cli, "main", lambda *_, **__: pytest.fail("it started"))
    monkeypatch.setenv("CNNVIZ_PUBLIC", "maybe")
    assert "CNNVIZ_PUBLIC is 'maybe'" in refused("serve", "--port", 8602)


def test_serve_refuses_a_port_that_is_none(refused):
    assert "--port" in refused("serve", "--port", 99_999)


def test_evaluate_counts_answers_outside_the_folders_as_other(document, data, tmp_path):
    from cnnviz.models import load

    net = build.torchvision_net("squeezenet1_1").to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), tmp_path / "squeezenet1_1.pth")
    (data / "val" / "cats").rename(data / "val" / "Egyptian_cats")
    (data / "val" / "Dogs").rename(data / "val" / "zebra")
    found = document("evaluate", data, "--model", "squeezenet1_1", "--weights", tmp_path)
    assert found["classes"] == ["Egyptian cat", "zebra", "(other)"]
    assert np.array(found["confusion"]).sum() == 6


def test_folders_that_fit_no_label_are_refused(refused, data, tmp_path):
    assert "nowhere" in refused("evaluate", tmp_path / "nowhere", "--model", KEY)
    (data / "val" / "cats").rename(data / "val" / "cow")
    assert "'cow' is no class of this net" in refused("evaluate", data, "--model", KEY)
    (data / "val" / "cow").rename(data / "val" / "dog")
    assert "both mean dog" in refused("evaluate", data, "--model", KEY)
