"""A run remembers its data: what changed meanwhile is said or refused, and shifts no label and no split."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder as folders
from cnnviz.options import RequestError
from cnnviz.train import checkpoints, remembered, run
from cnnviz.train.loop import fit
from tests.train.runs import same, trained


def draw(root, count, first=0):
    """Images of a class, all of them different."""
    root.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        pixels = np.random.default_rng(hash_of(root.name, i)).integers(0, 255, (32, 32), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{i:02}.png")


def hash_of(name, i):
    return 1000 * ord(name[0]) + i


@pytest.fixture
def pets(tmp_path):
    """Two classes of 18 images, without a split of their own."""
    for name in ("ant", "bee"):
        draw(tmp_path / "pets" / name, 18)
    return tmp_path / "pets"


@pytest.fixture
def small(plan, pets):
    """Three epochs of four steps."""
    return plan.but(data=str(pets))


def halved(plan, runs, at=6):
    """A run that was stopped on the way."""
    folder = run.create(plan, runs, "halves")
    fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "step" and v["step"] == at else None)
    assert run.read(folder).state == "stopped"
    return folder


def split_of(folder, name):
    return {item.path for item in remembered.read(folder).splits[name]}


def told(folder):
    return [event["message"] for event in run.read(folder).of("warning")]


def test_what_a_run_remembers_is_written_before_its_first_step_and_read_without_torch(small, pets, tmp_path):
    folder = run.create(small, tmp_path / "runs", "first")
    seen = {}
    fit(folder, heard=lambda kind, v: seen.setdefault(kind, remembered.read(folder)))
    then = seen["step"]
    assert (then.classes, then.root) == (("ant", "bee"), str(pets))
    assert {name: len(items) for name, items in then.splits.items()} == {"train": 28, "val": 8}
    assert all((pets / item.path).stat().st_size == item.size for item in then.items)
    assert all(item.path.startswith(then.classes[item.label]) for item in then.items)
    data = folders.read(pets, share=small.share, seed=small.seed)
    assert remembered.note(data).fingerprint == then.fingerprint == json.loads(then.json())["fingerprint"]
    script = "import sys; from pathlib import Path; from cnnviz.train import remembered; "
    script += f"assert remembered.read(Path({str(folder)!r})); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_images_and_classes_added_while_a_run_was_stopped_are_left_out_and_its_weights_are_the_very_same(
    small, pets, tmp_path, spoken
):
    whole = trained(small, tmp_path / "runs", "whole")
    folder = halved(small, tmp_path / "runs")
    before = {name: split_of(folder, name) for name in ("train", "val")}
    draw(pets / "ant", 9, first=50)
    draw(pets / "bat", 6)  # between the two, where it would shift the label of bees
    assert fit(folder) == "finished"
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")
    assert same(folder / "snapshots" / "12.safetensors", whole.folder / "snapshots" / "12.safetensors")
    assert {name: split_of(folder, name) for name in ("train", "val")} == before
    said = run.verdict(folder)
    assert said["classes"] == ["ant", "bee"]
    assert {p["path"] for p in said["val"]["pictures"]} == before["val"]
    (line,) = told(folder)
    assert "1 class is new and left out (bat), 15 images are new and left out (ant/50.png," in line


@pytest.mark.parametrize(("now", "why"), [("cat", "bee is named cat now"), ("", "bee has no images any more")])
def test_a_class_renamed_or_removed_is_refused_by_its_name_and_the_run_goes_on_once_it_is_back(
    small, pets, tmp_path, spoken, now, why
):
    whole = trained(small, tmp_path / "runs", "whole")
    folder = halved(small, tmp_path / "runs")
    draw(pets / "dog", 5)
    (pets / "bee").rename(pets / now if now else tmp_path / "away")
    with pytest.raises(RequestError, match=f"{why}; make them as they were, or train a new run"):
        fit(folder)
    assert run.read(folder).state == "failed"
    (pets / now if now else tmp_path / "away").rename(pets / "bee")
    shutil.rmtree(pets / "dog")
    assert fit(folder) == "finished"
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")


@pytest.mark.parametrize("kind", ["swapped", "others"])
def test_classes_that_changed_places_or_got_other_images_are_refused(small, pets, tmp_path, spoken, kind):
    for path in (pets / "bee").iterdir():
        path.rename(path.with_stem(f"bee-{path.stem}"))
    folder = halved(small, tmp_path / "runs")
    if kind == "swapped":
        for old, new in (("ant", "away"), ("bee", "ant"), ("away", "bee")):
            (pets / old).rename(pets / new)
    else:
        for path in (pets / "bee").iterdir():
            Image.new("L", (9, 9)).save(path)
    why = {
        "swapped": "ant is named bee now, bee is named ant now",
        "others": "most images of bee are gone or others now",
    }
    with pytest.raises(RequestError, match=why[kind]):
        fit(folder)


def test_images_gone_or_changed_are_named_and_epochs_keep_their_steps(small, pets, tmp_path, spoken):
    folder = halved(small.but(batch=3), tmp_path / "runs", at=12)  # ten steps in an epoch
    kept = shutil.copytree(folder, tmp_path / "kept")
    gone = [path for path in sorted(split_of(folder, "train")) if path.startswith("ant")][:7]
    other = min(split_of(folder, "val"))
    for path in gone:
        (pets / path).unlink()
    bytes_before = (pets / other).read_bytes()
    (pets / other).write_bytes(bytes_before[:-9] + bytes(9))  # as many bytes as before
    assert fit(folder) == "finished"
    done = run.read(folder)
    assert [(e["epoch"], e["step"]) for e in done.of("epoch")] == [(1, 10), (2, 20), (3, 30)]
    assert [e["step"] for e in done.of("step")] == list(range(1, 31))
    (line,) = told(folder)
    assert f"7 images are gone ({gone[0]}, {gone[1]}, {gone[2]} and 4 more)" in line
    assert f"1 image is changed ({other})" in line
    assert "halves" in line
    (first, last) = (json.loads((one / "card.json").read_text())["preprocess"] for one in (kept, folder))
    assert first == last  # the mean of fewer images is another one


def test_all_images_of_a_split_gone_is_one_sentence(small, pets, tmp_path, spoken):
    folder = halved(small, tmp_path / "runs")
    for path in split_of(folder, "val"):
        (pets / path).unlink()
    with pytest.raises(RequestError, match="All val images of pets are gone; bring them back"):
        fit(folder)


def test_a_run_that_saved_nothing_begins_anew_with_the_data_as_they_are(small, pets, tmp_path):
    folder = run.create(small, tmp_path / "runs", "first")
    remembered.keep(folder, folders.read(pets), print)
    draw(pets / "cat", 6)
    assert fit(folder) == "finished"
    assert remembered.read(folder).classes == ("ant", "bee", "cat")
    assert not told(folder)


def test_a_run_from_before_goes_on_and_remembers_from_now_on_unless_its_classes_are_others(
    small, pets, tmp_path, spoken
):
    whole = trained(small, tmp_path / "runs", "whole")
    folder = halved(small, tmp_path / "runs")
    (folder / remembered.DATA).unlink()
    draw(pets / "cat", 6)
    with pytest.raises(RequestError, match="was trained with the classes ant, bee, and pets has ant, bee, cat now"):
        fit(folder)
    shutil.rmtree(pets / "cat")
    assert fit(folder) == "finished"
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")
    assert remembered.read(folder) == remembered.read(whole.folder)


@pytest.mark.parametrize("damage", ["{", "[]", '{"root": 1}', "swapped"])
def test_a_damaged_file_is_one_sentence_that_says_what_to_do(small, pets, tmp_path, damage):
    folder = run.create(small, tmp_path / "runs", "first")
    remembered.keep(folder, folders.read(pets), print)
    whole = (folder / remembered.DATA).read_text()
    (folder / remembered.DATA).write_text(whole.replace('"bee"', '"cat"') if damage == "swapped" else damage)
    with pytest.raises(RequestError, match=r"data.json\) is damaged; delete that file"):
        remembered.read(folder)


def test_a_disk_that_is_full_is_said_and_costs_no_training(small, pets, tmp_path, monkeypatch):
    def full(*_args, **_how):
        raise OSError(28, os.strerror(28))

    folder, said = run.create(small, tmp_path / "runs", "first"), []
    monkeypatch.setattr(Path, "write_text", full)
    remembered.keep(folder, folders.read(pets), lambda kind, message: said.append((kind, message)))
    assert (said[0][0], remembered.read(folder)) == ("warning", None)
    assert "free some space" in said[0][1]


def test_names_that_are_not_utf8_and_links_are_remembered_as_they_are(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    for name in ("a", odd):
        draw(tmp_path / "odd" / name, 4)
    folder = tmp_path / "run"
    folder.mkdir()
    data = folders.read(tmp_path / "odd")
    remembered.keep(folder, data, print)
    then = remembered.read(folder)
    assert (then, then.classes) == (remembered.note(data), ("a", "caf\\xe9"))
    assert remembered.changes(then, data, "run") == ""


def test_a_run_that_begins_with_another_ones_weights_judges_itself_on_no_image_the_other_learned(small, pets, tmp_path):
    first = trained(small.but(epochs=1), tmp_path / "runs", "first")
    draw(pets / "ant", 9, first=50)
    draw(pets / "bee", 9, first=50)
    later = small.but(epochs=1, start="run/first@best", seed=3)
    drawn = folders.read(pets, share=later.share, seed=later.seed)
    learned = split_of(first.folder, "train")
    assert learned & {path.relative_to(pets).as_posix() for path in drawn.val.paths}  # what would happen
    second = trained(later, tmp_path / "runs", "second")
    assert not learned & split_of(second.folder, "val")
    assert split_of(first.folder, "val") <= split_of(second.folder, "val")
    assert len(remembered.read(second.folder).items) == 54
    (line,) = told(second.folder)
    assert "The split is that of run first" in line
    elsewhere = trained(later.but(data=str(pets), start=""), tmp_path / "runs", "alone")
    assert not told(elsewhere.folder)
    assert checkpoints.RESUME in {path.name for path in elsewhere.folder.iterdir()}
