"""What a plan comes to: pictures decoded, features computed, sizes changed."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cnnviz.models import load
from cnnviz.options import RequestError
from cnnviz.train import run
from tests.train.runs import same, trained


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["decoded once", "decoded as needed"])
def test_a_corrupt_picture_costs_that_picture_alone(circles, plan, tmp_path, memory, remembering):
    remembering(memory)
    data = shutil.copytree(circles, tmp_path / "data")
    next((data / "train" / "1").iterdir()).write_bytes(b"\x89PNG\r\n")
    done = trained(plan.but(data=str(data), epochs=2), tmp_path / "runs")
    assert done.state == "finished"
    assert len(done.of("unreadable")) == 1
    broken = done.last("unreadable")
    assert broken["path"].startswith(os.path.join("train", "1") + os.sep)
    assert broken["message"].count(broken["path"]) == 1


def test_a_class_of_which_no_image_can_be_read_is_refused_by_its_name(circles, plan, tmp_path):
    data = shutil.copytree(circles, tmp_path / "data")
    for path in (data / "train" / "2").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(RequestError, match="None of the training images of 2 can be read; repair them"):
        trained(plan.but(data=str(data)), tmp_path / "runs")


def test_what_is_left_out_and_what_is_unreadable_are_said_with_their_folders(circles, plan, tmp_path):
    data = shutil.copytree(circles, tmp_path / "data")
    next((data / "train" / "1").iterdir()).write_bytes(b"no image")
    (data / "train" / "fox").mkdir()
    (data / "train" / "fox" / "IMG_1.CR2").touch()
    done = trained(plan.but(data=str(data), epochs=1), tmp_path / "runs")
    assert done.last("unreadable")["path"].startswith("train/1/")
    assert done.last("unreadable")["message"].startswith("train/1/")
    said = [event["message"] for event in done.of("left_out")]
    assert said[0] == "Left out, classes without an image: 1 (train/fox/)."
    assert said[1] == "Left out, images of a format that is not read: 1 (train/fox/IMG_1.CR2)."


def test_decoding_once_or_as_needed_trains_the_same(plan, tmp_path, remembering):
    once = trained(plan.but(epochs=1), tmp_path, "once")
    remembering(0)
    each = trained(plan.but(epochs=1), tmp_path, "each")
    assert same(once.folder / "best.safetensors", each.folder / "best.safetensors")


def test_features_are_computed_once_and_only_the_head_learns(plan, tmp_path):
    first = trained(plan.but(dropout=0.0, hidden=8), tmp_path, "first")
    second = trained(
        plan.but(recipe="features", start="run/first@best", hidden=8, dropout=0.0, epochs=5), tmp_path, "second"
    )
    assert second.state == "finished"
    a, b = load_file(first.folder / "best.safetensors"), load_file(second.folder / "best.safetensors")
    changed = {key for key in a if not torch.equal(a[key], b[key])}
    assert changed
    assert all(key.startswith(("hidden", "out")) for key in changed)
    assert run.verdict(second.folder)["val"]["accuracy"] == pytest.approx(second.last("best")["accuracy"])


def test_small_pictures_first_then_larger_ones(plan, tmp_path):
    trained(plan, tmp_path, "small")
    large = trained(plan.but(start="run/small@best", size=40, epochs=1), tmp_path, "large")
    small, large = (load.load(f"run/{name}@best", runs=tmp_path).preprocess for name in ("small", large.id))
    assert (small.size, large.size) == ((1, 32, 32), (1, 40, 40))
    assert (small.mean, small.std) == (large.mean, large.std)


def test_pictures_of_any_size_train_and_gray_ones_become_colour(tmp_path, rng, plan):
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(6):
            shape = tuple(rng.integers(20, 90, 2))
            Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(tmp_path / "data" / label / f"{i}.jpg")
    for kind in ("crop", "squash", "pad"):
        done = trained(plan.but(data=str(tmp_path / "data"), fit=kind, channels=3, epochs=1), tmp_path, kind)
        assert done.state == "finished"
