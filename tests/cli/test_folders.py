"""Commands over folders: results in a folder of their own, said in a line or as JSON."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

KEY = "lecture/cats_gap"


@pytest.fixture
def photos(tmp_path, rng):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.jpg", "more/b.png", "more/c.png"):
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def test_heat_maps_of_a_folder_are_computed_once(told, photos, tmp_path, document):
    out = tmp_path / "out"
    command = ("heatmap", photos, "--model", KEY, "--class", "dog", "--out", out)
    code, said, err = told(*command)
    assert (code, err) == (0, "")
    assert said.splitlines()[0].startswith("broken.jpg: ")
    assert said.splitlines()[1] == f"3 images (4 computed now, 1 unreadable), in {out}"
    assert [row["file"] for row in parquet.read_table(out / "results.parquet").to_pylist()] == [
        "a.jpg",
        "more/b.png",
        "more/c.png",
    ]
    assert (out / "images" / "more" / "b.png.jpg").is_file()
    answer = document(*command)
    assert (answer["images"], answer["computed"], answer["model"]) == (3, 0, KEY)
    assert [one["file"] for one in answer["unreadable"]] == ["broken.jpg"]


def test_other_options_a_file_and_a_folder_of_other_things_are_refused(told, refused, photos, tmp_path):
    out = tmp_path / "out"
    assert told("heatmap", photos, "--model", KEY, "--out", out)[0] == 0
    assert "method gradcam, not hirescam" in refused(
        "heatmap", photos, "--model", KEY, "--out", out, "--method", "hirescam"
    )
    assert "is a file" in refused("heatmap", photos, "--model", KEY, "--out", photos / "a.jpg")
    assert "folder of the photos" in refused("heatmap", photos, "--model", KEY, "--out", photos)
    assert "not empty" in refused("heatmap", photos, "--model", KEY, "--out", tmp_path)
    assert "not empty" in refused("heatmap", photos / "a.jpg", photos, "--model", KEY, "--out", tmp_path)
    assert "nowhere" in refused("predict", tmp_path / "nowhere", photos, "--model", KEY)
    assert "no class 'elephant'" in refused(
        "heatmap", photos, "--model", KEY, "--class", "elephant", "--out", tmp_path / "o"
    )


@pytest.fixture
def beside(tmp_path, photos, monkeypatch):
    """The bytes of all photos in w/photos/cats/young and w/dogs; the current folder is w/photos/cats."""
    for place in ("photos/cats/young", "dogs"):
        shutil.copytree(photos, tmp_path / "w" / place)
    monkeypatch.chdir(tmp_path / "w" / "photos" / "cats")
    return {path: path.read_bytes() for path in (tmp_path / "w").rglob("*.*")}


@pytest.mark.parametrize(
    "command", ["heatmap --npy", "predict", "statistics", "top-images --images", "heatmap --format png"]
)
@pytest.mark.parametrize(
    "named", [("../../dogs", "young"), ("../../dogs/a.jpg", "young", "young/../../../dogs"), ("..",)]
)
def test_own_photos_stay_as_they_are_however_their_folders_are_named(told, beside, tmp_path, command, named):
    layer = ("--layer", "conv2") if command.startswith(("stat", "top")) else ()
    code, _, err = told(*command.split(), *named, "--model", KEY, *layer, "--out", "../../out")
    assert (code, err) == (0, "")
    out = tmp_path / "w" / "out"
    assert {path: path.read_bytes() for path in (tmp_path / "w").rglob("*.*") if out not in path.parents} == beside
    if command.startswith("heatmap"):
        (first, *_) = (row["image"] for row in parquet.read_table(out / "results.parquet").to_pylist())
        assert first.startswith("images/cats/young/a.jpg" if len(named) == 1 else "images/dogs/a.jpg")
        assert (out / first).is_file()


def test_photos_among_the_images_that_are_written_are_refused(told, refused, photos, tmp_path):
    out = tmp_path / "out"
    assert told("heatmap", photos, "--model", KEY, "--out", out)[0] == 0
    before = (out / "images" / "a.jpg").read_bytes()
    for named in ((out / "images",), (out / "images" / "a.jpg", photos)):
        assert "could be lost" in refused("heatmap", *named, "--model", KEY, "--out", out)
    shutil.rmtree(out / "images")
    (out / "images").symlink_to(photos)
    for command in ("heatmap", "top-images"):
        assert "could be lost" in refused(command, photos, "--model", KEY, "--out", out)
    assert (out / "images" / "a.jpg").read_bytes() != before


def test_predictions_of_a_folder_are_printed_or_kept(told, photos, tmp_path):
    code, said, err = told("predict", photos, "--model", KEY, "--top", 1, "--json")
    assert code == 0
    assert "broken.jpg" in err
    engine = Engine(device="cpu")
    for answer in json.loads(said):
        (wanted,) = engine.predict(KEY, Photo.open(photos / answer["photo"]), top=1)
        assert answer["predictions"][0]["label"] == wanted.label
        assert answer["predictions"][0]["probability"] == pytest.approx(wanted.probability, abs=1e-6)
    assert told("predict", photos, "--model", KEY, "--top", 1)[1].splitlines()[0] == "a.jpg"
    out = tmp_path / "kept"
    assert told("predict", photos, "--model", KEY, "--out", out)[0] == 0
    assert parquet.read_table(out / "results.parquet").num_rows == 3


def test_an_evaluation_that_is_kept_says_what_one_says_that_is_not(told, data, tmp_path):
    (data / "val" / "cats" / "broken.png").write_bytes(b"no photo")
    command = ("evaluate", data, "--model", KEY, "--json")
    for _ in range(2):
        one, other = (json.loads(told(*command, *more)[1]) for more in ((), ("--out", tmp_path / "kept")))
        assert abs(one.pop("loss") - other.pop("loss")) < 1e-6
        assert one == other
    assert parquet.read_table(tmp_path / "kept" / "results.parquet").num_rows == 6


def test_features_of_a_data_set_are_written_with_class_and_split(told, document, data, tmp_path):
    out = tmp_path / "features"
    answer = document("embed", data, "--model", KEY, "--out", out)
    assert (answer["images"], answer["computed"]) == (8, 8)
    rows = {row["file"]: row for row in parquet.read_table(out / "results.parquet").to_pylist()}
    assert (rows["val/Dogs/1.png"]["class"], rows["val/Dogs/1.png"]["split"]) == ("Dogs", "val")
    assert told("embed", data, "--model", KEY, "--out", tmp_path / "features.npz")[0] == 0
    held = np.load(tmp_path / "features.npz")
    for name, values in zip(held["files"], held["features"], strict=True):
        np.testing.assert_allclose(rows[name]["features"], values, atol=1e-6 * np.abs(held["features"]).max())
    assert document("embed", data, "--model", KEY, "--out", out)["computed"] == 0


@pytest.mark.parametrize("command", ["statistics", "top-images"])
def test_layers_are_measured_over_a_folder(document, refused, photos, tmp_path, command):
    out = tmp_path / "out"
    answer = document(command, photos, "--model", KEY, "--layer", "conv2", "--out", out)
    assert (answer["images"], len(answer["unreadable"])) == (3, 1)
    rows = parquet.read_table(out / "results.parquet").to_pylist()
    assert {row["layer"] for row in rows} == {"conv2"}
    assert "layers" in refused(command, photos, "--model", KEY, "--layer", "conv1", "--out", out)
    assert "nowhere" in refused(command, photos, "--model", KEY, "--layer", "nowhere", "--out", tmp_path / "other")


def test_workers_are_for_ray_and_parquet_is_for_folders(refused, photos, data, tmp_path):
    out = tmp_path / "out"
    assert "--ray" in refused("heatmap", photos, "--model", KEY, "--out", out, "--workers", 2)
    assert "no address" in refused("heatmap", photos, "--model", KEY, "--out", out, "--ray", "nowhere")
    assert "folder" in refused("embed", data, "--model", KEY, "--out", tmp_path / "f.npz", "--ray")
