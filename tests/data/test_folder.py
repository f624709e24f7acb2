"""Folders become data sets by convention."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder


def fill(root, counts, size=(12, 10)):
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(root / name / f"{i:03d}.png")
    return root


def test_train_and_val_folders_are_taken_as_they_are(tmp_path):
    fill(tmp_path, {"train/cats": 4, "train/dogs": 3, "val/cats": 2, "val/dogs": 1, "test/dogs": 1})
    data = folder.read(tmp_path)
    assert data.classes == ("cats", "dogs")
    assert [s.counts(2) for s in data.splits().values()] == [(4, 3), (2, 1), (0, 1)]


def test_one_folder_is_split_by_the_seed_and_every_class_lands_in_both(tmp_path):
    fill(tmp_path, {"a": 10, "b": 20, "c": 2})
    first, again, other = folder.read(tmp_path, seed=1), folder.read(tmp_path, seed=1), folder.read(tmp_path, seed=2)
    assert first.val.counts(3) == (2, 4, 1)
    assert first.train.counts(3) == (8, 16, 1)
    assert first == again
    assert first.val.paths != other.val.paths
    assert not set(first.train.paths) & set(first.val.paths)


def test_numbers_are_ordered_as_numbers_and_wrappers_are_looked_through(tmp_path):
    fill(tmp_path / "zip" / "inner", {"train/2": 2, "train/10": 2, "valid/2": 1, "valid/10": 1})
    (tmp_path / "zip" / "__MACOSX").mkdir()
    assert folder.read(tmp_path).classes == ("2", "10")


def test_hidden_files_links_and_other_files_are_left_out(tmp_path):
    fill(tmp_path, {"a": 3, "b": 3})
    (tmp_path / "a" / "._000.png").write_bytes(b"x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "a" / "link.png").symlink_to(tmp_path / "b" / "000.png")
    data = folder.read(tmp_path)
    assert len(data.train) + len(data.val) == 6


@pytest.mark.parametrize("counts", [{}, {"a": 3}, {"train/a": 3, "val/a": 1}])
def test_too_little_is_refused_in_one_sentence(tmp_path, counts):
    fill(tmp_path, counts)
    with pytest.raises(folder.FolderError, match="classes"):
        folder.read(tmp_path)
    with pytest.raises(folder.FolderError, match="no folder"):
        folder.read(tmp_path / "nowhere")


def test_photos_are_told_from_gray_and_from_small_images(tmp_path):
    assert folder.of_photos(folder.read(fill(tmp_path / "photos", {"a": 4, "b": 4}, (80, 96))))
    assert not folder.of_photos(folder.read(fill(tmp_path / "icons", {"a": 4, "b": 4}, (32, 32))))
    gray = fill(tmp_path / "gray", {"a": 4, "b": 4}, (80, 96))
    for path in gray.rglob("*.png"):
        Image.open(path).convert("L").convert("RGB").save(path)
    assert not folder.of_photos(folder.read(gray))
    for path in gray.rglob("*.png"):
        path.write_bytes(b"no image")
    assert not folder.of_photos(folder.read(gray))
