"""The audit names what is wrong, and nothing that is right."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.audit import KINDS, audit
from tests.data.test_twins import scene


@pytest.fixture
def data(tmp_path):
    seed = 0
    for split, count in (("train", 12), ("val", 4)):
        for label in "ab":
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(count if label == "a" else count // 2):
                scene(seed := seed + 1, 180, 140).save(tmp_path / split / label / f"{i}.jpg")
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
    assert found.twins == ()
    assert found.unreadable == ()


def test_a_photo_that_lies_under_two_classes_is_found_also_within_a_split(data, tmp_path):
    with Image.open(tmp_path / "train" / "a" / "5.jpg") as original:
        original.save(tmp_path / "train" / "b" / "again.jpg", quality=70)
    found = audit(folder.read(tmp_path))
    names = {tuple(sorted((p.one.name, p.other.name))) for p in found.conflicts}
    assert names == {("5.jpg", "again.jpg"), ("3.jpg", "copy.jpg")}  # the latter in two splits, and under two classes
    assert [(p.one.name, p.other.name) for p in found.duplicates] == [("3.jpg", "copy.jpg")]
    assert found.inside == ()


def test_each_pair_has_its_kind_and_the_worst_come_first(data, tmp_path):
    a = tmp_path / "train" / "a"
    with Image.open(a / "0.jpg") as image:
        image.save(a / "0.png")
        image.resize((90, 70)).save(a / "0-small.jpg")
    with Image.open(a / "1.jpg") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(a / "1-flipped.jpg")
    with Image.open(a / "2.jpg") as image:
        image.crop((18, 14, 162, 126)).save(tmp_path / "val" / "a" / "2-cropped.jpg")
        turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        turned.crop((18, 14, 162, 126)).save(tmp_path / "val" / "a" / "2-turned.jpg")
    with Image.open(a / "4.jpg") as image:
        image.save(a / "4-again.jpg", quality=50)
    shutil.copy(a / "5.jpg", a / "5-copied.jpg")
    found = audit(folder.read(tmp_path))
    kinds = {frozenset((p.one.name, p.other.name)): p.kind for p in found.twins}
    assert kinds == {
        frozenset(("3.jpg", "copy.jpg")): "size",
        frozenset(("0.jpg", "0.png")): "format",
        frozenset(("0.jpg", "0-small.jpg")): "size",
        frozenset(("0.png", "0-small.jpg")): "size",
        frozenset(("1.jpg", "1-flipped.jpg")): "flipped",
        frozenset(("2.jpg", "2-cropped.jpg")): "cropped",
        frozenset(("2.jpg", "2-turned.jpg")): "mirrored",
        frozenset(("2-cropped.jpg", "2-turned.jpg")): "flipped",
        frozenset(("4.jpg", "4-again.jpg")): "saved",
        frozenset(("5.jpg", "5-copied.jpg")): "identical",
    }
    assert set(kinds.values()) == set(KINDS)
    assert found.pairs == len(found.twins) == 10
    assert [(p.conflicts, p.leaks) for p in found.twins[:2]] == [(True, True), (False, True)]
    assert len(found.inside) == 7
    assert np.all([p.difference < 20 for p in found.twins])
