"""What is wrong with a data set, on the command line: for people, and as JSON."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from cnnviz.data.folder import survey
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


def test_images_in_which_no_crop_was_looked_for_are_counted(folder, document, told, monkeypatch):
    monkeypatch.setattr("cnnviz.data.twins.MOST", 5)
    found = document("audit", folder)["near_duplicates"]
    assert (found["not_searched_for_crops"], [p["kind"] for p in found["pairs"]]) == (9, ["format"])
    assert "crops were looked for in all but the last 9 images" in told("audit", folder)[1]


def test_a_folder_that_is_no_data_set_is_refused(tmp_path, told):
    code, _, error = told("audit", tmp_path / "nowhere")
    assert code == 2
    assert "There is no folder nowhere" in error


def test_the_classes_come_from_a_list_where_one_is_named(folder, tmp_path, document, refused):
    flat = tmp_path / "flat"
    flat.mkdir()
    for label in "ab":
        for i, path in enumerate(sorted((folder / "train" / label).glob("*.jpg"))):
            shutil.copy(path, flat / f"{label}{i}.jpg")
    (flat / "list.csv").write_text("file,label\n" + "".join(f"{p.name},k{p.name[0]}\n" for p in flat.glob("*.jpg")))
    assert "set labels to" in refused("audit", flat)
    assert document("audit", flat, "--labels", "list.csv")["classes"] == ["ka", "kb"]


@pytest.fixture
def mixed(tmp_path, rng):
    """Warm and cold images, two of each under the other class, and one that cannot be read."""
    root = tmp_path / "mixed"
    for label, other, colour in (("cold", "warm", (40, 80, 200)), ("warm", "cold", (220, 120, 40))):
        for i in range(20):
            place = root / "train" / (other if i in (3, 11) else label) / f"{label}{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (40, 40, 3)) + rng.normal(0, 15, 3), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place)
    (root / "train" / "cold" / "broken.png").write_bytes(b"no image")
    return root


WRONG = {"train/warm/cold3.png", "train/warm/cold11.png", "train/cold/warm3.png", "train/cold/warm11.png"}


def test_suspects_become_a_list_that_makes_a_corrected_copy(mixed, tmp_path, document, told):
    fixes, out = tmp_path / "lists" / "fixes.csv", tmp_path / "out"
    found = document("audit", mixed, "--suspects", "--model", "lecture/cats_gap", "--fixes", fixes)
    assert found["fixes"] == str(fixes)
    suspects = found["suspects"]
    assert {one["file"] for one in suspects["found"]} == WRONG
    for one in suspects["found"]:
        assert one["file"].rpartition("/")[2].startswith(one["suggested"])
        assert one["probability"] < 0.5 < one["suggested_probability"]
        assert one["margin"] == pytest.approx(one["probability"] - one["suggested_probability"])
    assert (suspects["model"], suspects["images"], suspects["single"]) == ("lecture/cats_gap", 40, [])
    with fixes.open(newline="") as file:
        lines = {row["file"]: row for row in csv.DictReader(file)}
    assert {file: (row["action"], row["class"], row["to_class"]) for file, row in lines.items()} == {
        "train/cold/broken.png": ("remove", "cold", ""),
        **{file: ("move", file.split("/")[1], file.rpartition("/")[2][:4]) for file in WRONG},
    }
    assert "% cold, " in lines["train/warm/cold3.png"]["why"]
    done = document("apply", fixes, mixed, out)
    assert done == {"folder": str(out), "moved": 4, "removed": 1, "kept": 36}
    data = survey(out)
    assert [(len(data.train), data.classes)] == [(40, ("cold", "warm"))]
    for path, label in zip(data.train.paths, data.train.labels, strict=True):
        assert path.name.startswith(data.classes[label])
    code, words, _ = told("apply", fixes, mixed, tmp_path / "again", "--link")
    assert (code, words) == (0, f"{tmp_path / 'again'}: 4 moved to another class, 1 removed, 36 as they were\n")


def test_suspects_in_words_name_both_classes_and_probabilities(mixed, told):
    code, words, _ = told("audit", mixed, "--suspects", "--model", "lecture/cats_gap")
    assert code == 0
    line = next(line for line in words.splitlines() if line.startswith("train/warm/cold3.png"))
    assert line.split()[1] == "warm"
    assert line.split()[3] == "cold"
    assert "4 of 40 labels to check, an estimate by the features of lecture/cats_gap" in words


def test_what_does_not_fit_together_is_refused_before_the_audit(mixed, tmp_path, refused):
    for given in (("--suspects",), ("--model", "lecture/cats_gap")):
        assert "give --suspects together with --model KEY" in refused("audit", mixed, *given)
    assert "is not a CSV file" in refused("audit", mixed, "--fixes", tmp_path / "list.txt")
    assert "would lie in the data set" in refused("audit", mixed, "--fixes", mixed / "train" / "list.csv")
    (tmp_path / "edited.csv").write_text("by hand")
    assert "exists and may have been edited" in refused("audit", mixed, "--fixes", tmp_path / "edited.csv")
    assert (tmp_path / "edited.csv").read_text() == "by hand"
    assert "There is no network" in refused("audit", mixed, "--suspects", "--model", "nothing")
    assert "cannot be read" in refused("apply", tmp_path / "nowhere.csv", mixed, tmp_path / "out")
    (tmp_path / "list.csv").write_text("file,action\n../x.png,remove\n")
    assert "leads out of the data set" in refused("apply", tmp_path / "list.csv", mixed, tmp_path / "out")
    assert "lies in the data set" in refused("apply", tmp_path / "list.csv", mixed, mixed / "out")
    assert not (tmp_path / "out").exists()
