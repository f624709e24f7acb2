"""Commands over folders: results in a folder of their own, said in a line or as JSON."""

from __future__ import annotations

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
    assert "not empty" in refused("heatmap", photos / "a.jpg", photos, "--model", KEY, "--out", tmp_path)
    assert "nowhere" in refused("predict", tmp_path / "nowhere", photos, "--model", KEY)
    assert "no class 'elephant'" in refused(
        "heatmap", photos, "--model", KEY, "--class", "elephant", "--out", tmp_path / "o"
    )


def test_predictions_of_a_folder_are_printed_or_kept(told, photos, tmp_path):
    code, said, err = told("predict", photos, "--model", KEY, "--top", 1, "--json")
    assert code == 0
    assert "broken.jpg" in err
    engine = Engine(device="cpu")
    import json

    for answer in json.loads(said):
        (wanted,) = engine.predict(KEY, Photo.open(photos / answer["photo"]), top=1)
        assert answer["predictions"][0]["label"] == wanted.label
        assert answer["predictions"][0]["probability"] == pytest.approx(wanted.probability, abs=1e-6)
    assert told("predict", photos, "--model", KEY, "--top", 1)[1].splitlines()[0] == "a.jpg"
    out = tmp_path / "kept"
    assert told("predict", photos, "--model", KEY, "--out", out)[0] == 0
    assert parquet.read_table(out / "results.parquet").num_rows == 3
