"""Features of a data set as a file, from the command line."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.runtime.engine import Engine

KEY = "lecture/mnist_gap"


def test_the_file_holds_the_features_with_files_classes_and_splits(circles, tmp_path, document, told):
    out = tmp_path / "new" / "circles.npz"
    found = document("embed", circles, "--model", KEY, "--out", out)
    wanted = Engine(device="cpu").embed(KEY, circles)
    assert found == {
        "model": KEY, "file": str(out), "images": 48, "features": 64, "unreadable": [], "left_out": [],
    }  # fmt: skip
    with np.load(out, allow_pickle=False) as held:
        np.testing.assert_allclose(held["features"], wanted.values, rtol=1e-5, atol=1e-6)
        assert held["files"].tolist() == [str(path.relative_to(circles)) for path in wanted.paths]
        assert held["labels"].tolist() == wanted.labels.tolist()
        assert held["classes"].tolist() == ["1", "2"]
        assert held["splits"].tolist() == list(wanted.splits)
    assert [path.name for path in out.parent.iterdir()] == ["circles.npz"]
    code, words, _ = told("embed", circles, "--model", KEY, "--out", out)
    assert code == 0
    assert f"64 features of 48 images in {out}" in words


def test_classes_come_from_the_names_where_that_is_asked_for(circles, tmp_path, document):
    folder = tmp_path / "flat"
    folder.mkdir()
    for label in ("1", "2"):
        for i, path in enumerate(sorted((circles / "train" / label).iterdir())):
            (folder / f"circle{label}.{i}.png").write_bytes(path.read_bytes())
    (folder / "circle1.99.png").write_bytes(b"no image")
    out = tmp_path / "flat.npz"
    found = document("embed", folder, "--model", KEY, "--out", out, "--labels", "names")
    assert [one["file"] for one in found["unreadable"]] == ["circle1.99.png"]
    with np.load(out) as held:
        assert held["classes"].tolist() == ["circle1", "circle2"]


@pytest.mark.parametrize(("out", "why"), [("circles.csv", "is not an NPZ file"), ("file/a.npz", "is a file")])
def test_what_cannot_be_written_is_refused_before_anything_is_computed(circles, tmp_path, refused, out, why):
    (tmp_path / "file").write_text("")
    assert why in refused("embed", circles, "--model", KEY, "--out", tmp_path / out)
    assert "There is no folder nowhere" in refused("embed", "nowhere", "--model", KEY, "--out", tmp_path / "a.npz")
