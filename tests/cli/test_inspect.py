"""Commands that ask about nets and photos: documents on standard output, pictures in files."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.cli import inspect
from cnnviz.inference.predict import Prediction
from cnnviz.models import build
from cnnviz.models import weights as shelf

KEY = "lecture/cats_gap"


def test_models_lists_every_net(document, told):
    rows = document("models")
    assert {"resnet18", "vgg16", "lecture/cats_gap"} <= {row["key"] for row in rows}
    assert all(set(row) == {"key", "title", "parameters", "bytes", "where", "data", "knows"} for row in rows)
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


def test_predict_says_how_grays_of_twelve_bits_were_scaled(told, tmp_path):
    path = tmp_path / "scan.png"
    Image.fromarray(np.tile(np.linspace(0, 4095, 200), (150, 1)).astype(np.uint16)).save(path)
    code, _, said = told("predict", path, "--model", KEY)
    assert (code, said) == (
        0,
        "cnnviz: The grey values of scan.png are at most 4,095; they were read as 12-bit values.\n",
    )


def test_predict_rounds_no_probability_to_nothing_or_all(monkeypatch, told, picture):
    sure = SimpleNamespace(
        predict_batch=lambda *asked: [(Prediction(0, "cat", 0.99999, 9.0), Prediction(1, "dog", 0.00001, -9.0))]
    )
    monkeypatch.setattr(inspect, "engine_for", lambda *asked: sure)
    assert told("predict", picture, "--model", KEY)[1].splitlines()[1:] == ["  > 99.9%  cat", "   < 0.1%  dog"]


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


def test_evaluate_matches_folders_to_labels_and_uses_val(document, told, data):
    found = document("evaluate", data, "--model", KEY)
    assert list(found)[:6] == ["model", "images", "accuracy", "loss", "classes", "confusion"]
    assert list(found)[6:] == ["skipped", "left_out", "interval", "recall", "precision", "f1", "confused"]
    assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
    assert (found["images"], found["classes"]) == (6, ["cat", "dog"])
    counts = np.array(found["confusion"])
    assert counts.sum(axis=1).tolist() == [3, 3]
    assert found["accuracy"] == pytest.approx(np.trace(counts) / 6)
    assert found["loss"] == pytest.approx(np.log(2), abs=0.1)  # an untrained net knows nothing
    assert "of 6 photos correct" in told("evaluate", data, "--model", KEY)[1]


def test_evaluate_agrees_with_predict(document, data):
    table = document("evaluate", data / "train", "--model", KEY)
    right = 0
    for name, wanted in (("cats", "cat"), ("Dogs", "dog")):
        best = document("predict", data / "train" / name / "0.png", "--model", KEY)[0]["predictions"][0]
        right += best["label"] == wanted
    assert table["accuracy"] == right / 2


@pytest.mark.parametrize("crop", ["centre", "0.1", "pad", "squash"])
def test_evaluate_takes_the_crop_that_predict_takes(document, told, tmp_path, rng, crop):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2):
            wide = rng.integers(0, 256, (40, 200, 3), dtype=np.uint8)
            Image.fromarray(wide).save(tmp_path / name / f"{i}.png")
    photos = sorted(tmp_path.rglob("*.png"))
    losses = []
    for photo, one in zip(photos, document("predict", *photos, "--model", KEY, "--crop", crop), strict=True):
        (chance,) = (p["probability"] for p in one["predictions"] if p["label"] == photo.parent.name)
        losses.append(-np.log(chance))
    found = document("evaluate", tmp_path, "--model", KEY, "--crop", crop)
    assert found["loss"] == pytest.approx(np.mean(losses), abs=1e-6)
    assert found.get("crop", "centre") == (float(crop) if crop == "0.1" else crop)
    assert (f", crop {crop}" in told("evaluate", tmp_path, "--model", KEY, "--crop", crop)[1]) == (crop != "centre")


def test_a_matrix_too_wide_to_be_read_is_printed_as_the_pairs_confused_most(told, document, data, monkeypatch):
    monkeypatch.setattr(inspect, "WIDEST", 1)
    counts = document("evaluate", data, "--model", KEY)["confusion"]
    lines = told("evaluate", data, "--model", KEY)[1].splitlines()
    assert lines[1].startswith("2 classes; the pairs confused most")
    wrong = {("cat", "dog", str(counts[0][1])), ("dog", "cat", str(counts[1][0]))}
    assert {tuple(line.split()) for line in lines[3:]} <= {pair for pair in wrong if pair[2] != "0"}
    assert len(lines) == 4


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


def test_evaluate_counts_answers_outside_the_folders_as_other(document, data, tmp_path):
    from cnnviz.models import load

    net = build.torchvision_net("squeezenet1_1").to_empty(device="cpu")
    load._initialise(net, 0)
    torch.save(net.state_dict(), tmp_path / "squeezenet1_1.pth")
    for split in ("train", "val"):
        (data / split / "cats").rename(data / split / "Egyptian_cats")
        (data / split / "Dogs").rename(data / split / "zebra")
    found = document("evaluate", data, "--model", "squeezenet1_1", "--weights", tmp_path)
    assert found["classes"] == ["Egyptian cat", "zebra", "(other)"]
    assert np.array(found["confusion"]).sum() == 6


def test_folders_that_fit_no_label_are_refused(refused, data, tmp_path):
    assert "nowhere" in refused("evaluate", tmp_path / "nowhere", "--model", KEY)
    for split in ("train", "val"):
        (data / split / "cats").rename(data / split / "cow")
    assert "'cow' is no class of this net" in refused("evaluate", data, "--model", KEY)
    for split in ("train", "val"):
        (data / split / "cow").rename(data / split / "dog")
    assert "both mean dog" in refused("evaluate", data, "--model", KEY)
    for split in ("train", "val"):
        (data / split / "dog").rename(data / split / "cat")
    (data / "val" / "cat").rename(data / "val" / "owl")
    (data / "val" / "Dogs").rename(data / "val" / "cow")
    assert "val (cow, owl) is of a class that train has (Dogs, cat)" in refused("evaluate", data, "--model", KEY)


def test_evaluate_says_what_of_the_folder_is_left_out(told, data):
    (data / "val" / "Dogs" / "new.CR2").touch()
    (data / "val" / "Dogs" / "ß.bmp").write_text("no photo")
    _, out, err = told("evaluate", data, "--model", KEY, "--json")
    found = json.loads(out)
    assert found["skipped"] == ["Dogs/ß.bmp"]
    (left,) = found["left_out"]
    assert left == {"reason": "images of a format that is not read", "count": 1, "names": ["val/Dogs/new.CR2"]}
    assert "cnnviz: Left out, images of a format that is not read: 1 (val/Dogs/new.CR2)." in err


def test_evaluate_and_train_take_labels_from_names_or_a_list(document, refused, data, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in data.rglob("*.png"):
        path.rename(
            flat
            / f"{path.parent.name}.{path.parent.parent.name}{path.stem}.png".replace("train", "9").replace("val", "")
        )
    for command in (("evaluate", flat, "--model", KEY), ("train", flat, "--out", tmp_path / "runs")):
        assert "set labels to names" in refused(*command)
    assert document("evaluate", flat, "--model", KEY, "--labels", "names")["images"] == 8
    (flat / "which.csv").write_text("\n".join(f"{path.name},{path.name[:3]}" for path in flat.glob("*.png")))
    found = document("evaluate", flat, "--model", KEY, "--labels", "which.csv")
    assert (found["images"], found["classes"]) == (8, ["cat", "dog"])
    (flat / "which.csv").unlink()
    run = ("train", flat, "--net", "lecture/mnist_gap", "--size", "32", "--epochs", "1", "--out", tmp_path / "runs")
    assert document(*run, "--labels", "names", "--name", "named")["state"] == "finished"
    assert json.loads((tmp_path / "runs" / "named" / "plan.json").read_text())["labels"] == "names"
