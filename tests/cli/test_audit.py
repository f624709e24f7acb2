"""What is wrong with a data set, on the command line: for people, and as JSON."""

from __future__ import annotations

import pytest

from tests.data.test_twins import part, scene


@pytest.fixture
def folder(tmp_path):
    seed = 0
    for split in ("train", "val"):
        for label in "ab":
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(3):
                scene(seed := seed + 1).save(tmp_path / split / label / f"{i}.jpg")
    scene(1).save(tmp_path / "train" / "b" / "copy.png")
    part(scene(2), 0.1, 0.1, 0.9, 0.9).save(tmp_path / "val" / "a" / "crop.jpg")
    (tmp_path / "train" / "a" / "broken.jpg").write_bytes(b"no image")
    return tmp_path


def test_the_audit_lists_near_duplicates_with_their_kind(folder, document, told):
    found = document("audit", folder)
    assert found["classes"] == ["a", "b"]
    assert found["counts"] == {"train": [4, 4], "val": [4, 3]}
    assert [one["file"] for one in found["unreadable"]] == ["train/a/broken.jpg"]
    pairs = found["near_duplicates"]["pairs"]
    assert found["near_duplicates"]["found"] == len(pairs) == 2
    assert [(p["one"], p["other"], p["kind"]) for p in pairs] == [
        ("train/a/0.jpg", "train/b/copy.png", "format"),
        ("train/a/1.jpg", "val/a/crop.jpg", "cropped"),
    ]
    assert [(p["one_class"], p["other_class"]) for p in pairs] == [("a", "b"), ("a", "a")]
    code, words, _ = told("audit", folder)
    assert code == 0
    assert "train/a/0.jpg and train/b/copy.png: the same image in another format (two classes)" in words
    assert "train/a/1.jpg and val/a/crop.jpg: one image cropped (two splits)" in words
    assert "14 images read, 1 unreadable, 2 pairs of near-duplicates" in words


def test_a_folder_that_is_no_data_set_is_refused(tmp_path, told):
    code, _, error = told("audit", tmp_path / "nowhere")
    assert code == 2
    assert "There is no folder nowhere" in error
