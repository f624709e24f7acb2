"""The audit names what is wrong, and nothing that is right."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.audit import audit


def scene(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((180, 140), Image.Resampling.BICUBIC)


@pytest.fixture
def data(tmp_path):
    for split, count in (("train", 12), ("val", 4)):
        for label in "ab":
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(count if label == "a" else count // 2):
                scene(hash((split == "val", label == "a", i)) % 2**31).save(tmp_path / split / label / f"{i}.jpg")
    with Image.open(tmp_path / "train" / "a" / "3.jpg") as original:
        original.resize((120, 93)).save(tmp_path / "val" / "b" / "copy.jpg", quality=60)
    (tmp_path / "train" / "b" / "broken.png").write_bytes(b"\x89PNG....")
    return folder.read(tmp_path)


def test_it_finds_the_copy_the_broken_file_and_the_imbalance(data):
    found = audit(data)
    assert [(p.one.name, p.other.name, p.one_split, p.other_split) for p in found.duplicates] == [
        ("3.jpg", "copy.jpg", "train", "val")
    ]
    assert [(path.name, "broken.png" in why) for path, why in found.unreadable] == [("broken.png", True)]
    assert found.counts == {"train": (12, 7), "val": (4, 3)}
    assert found.imbalance == pytest.approx(12 / 7)
    assert found.sizes.shape == (25, 2)
    assert (found.sizes.min(0) == (120, 93)).all()


def test_different_digits_are_not_taken_for_copies(tmp_path):
    from cnnviz.data.counting import Counting, write

    found = audit(folder.read(write(tmp_path / "c", Counting(low=3, high=4, per_class=40, size=48, largest=6))))
    assert found.duplicates == ()
    assert found.unreadable == ()


def test_a_photo_that_lies_under_two_classes_is_found_also_within_a_split(data, tmp_path):
    with Image.open(tmp_path / "train" / "a" / "5.jpg") as original:
        original.save(tmp_path / "train" / "b" / "again.jpg", quality=70)
    found = audit(folder.read(tmp_path))
    names = {tuple(sorted((p.one.name, p.other.name))) for p in found.conflicts}
    assert names == {("5.jpg", "again.jpg"), ("3.jpg", "copy.jpg")}  # the latter in two splits, and under two classes
    assert [(p.one.name, p.other.name) for p in found.duplicates] == [("3.jpg", "copy.jpg")]
