"""Features of a folder: those of training, kept by the batch, and computed anew only where a file changed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cnnviz.data.folder import FolderError, survey
from cnnviz.data.loader import Pictures
from cnnviz.models.preprocess import Preprocess
from cnnviz.runtime import embedding
from cnnviz.runtime.engine import Engine
from cnnviz.train import recipes, setup
from cnnviz.train.plan import Plan

KEY = "lecture/mnist_gap"


@pytest.fixture
def cached(tmp_path):
    return lambda: Engine(device="cpu", cache_dir=tmp_path / "cache")


@pytest.fixture
def computed(monkeypatch):
    """How many images were computed since the last look."""
    counts = [0]
    plain = embedding.features

    def counting(backend, model, run, pixels):
        counts[0] += len(pixels)
        return plain(backend, model, run, pixels)

    monkeypatch.setattr(embedding, "features", counting)

    def look() -> int:
        found, counts[0] = counts[0], 0
        return found

    return look


def test_features_are_those_of_recipe_features_in_the_order_of_the_files(circles, engine):
    found = engine.embed(KEY, circles)
    data = survey(circles)
    model = engine.model(KEY)
    trunk, _ = recipes.split(recipes.prepare(Plan("data", net=KEY, recipe="scratch"), 10))
    trunk.load_state_dict(model.net.state_dict(), strict=False)
    wanted = [
        setup.embed(trunk, "flatten", Pictures(part, model.preprocess), model.preprocess, torch.device("cpu")).values
        for part in data.splits().values()
    ]
    np.testing.assert_allclose(found.values, torch.cat(wanted).numpy(), rtol=1e-4, atol=1e-6)
    assert found.values.dtype == np.float32
    assert found.paths == tuple(path for part in data.splits().values() for path in part.paths)
    assert found.labels.tolist() == [label for part in data.splits().values() for label in part.labels]
    assert found.splits == ("train",) * len(data.train) + ("val",) * len(data.val)
    assert found.classes == ("1", "2")


def test_what_cannot_be_read_is_named_and_left_out(circles, tmp_path, engine):
    folder = shutil.copytree(circles, tmp_path / "data")
    broken = sorted((folder / "train" / "1").iterdir())[3]
    whole = engine.embed(KEY, folder)
    broken.write_bytes(b"no image")
    found = engine.embed(KEY, folder)
    assert [path for path, _ in found.unreadable] == [broken]
    assert broken.name in found.unreadable[0][1]
    at = whole.paths.index(broken)
    assert found.paths == whole.paths[:at] + whole.paths[at + 1 :]
    np.testing.assert_array_equal(found.values, np.delete(whole.values, at, 0))
    assert len(found.labels) == len(found.splits) == len(found.values)


def test_a_folder_of_nothing_but_broken_files_is_refused(tmp_path, engine):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"no image")
    with pytest.raises(FolderError, match="None of the images can be read"):
        engine.embed(KEY, tmp_path)


def test_only_a_changed_or_added_file_is_computed_anew(circles, tmp_path, cached, computed):
    folder = shutil.copytree(circles, tmp_path / "data")
    first = cached().embed(KEY, folder)
    assert computed() == len(first.values)
    again = cached().embed(KEY, folder)
    assert computed() == 0
    np.testing.assert_array_equal(again.values, first.values)
    changed, added = first.paths[5], folder / "val" / "2" / "zz.png"
    Image.new("L", (32, 32), 90).save(changed)
    Image.new("L", (32, 32), 30).save(added)
    now = cached().embed(KEY, folder)
    assert computed() == 2
    assert now.paths == (*first.paths, added)
    same = [i for i, path in enumerate(first.paths) if path != changed]
    np.testing.assert_array_equal(now.values[same], first.values[same])
    assert not np.array_equal(now.values[5], first.values[5])
    np.testing.assert_allclose(now.values, Engine(device="cpu").embed(KEY, folder).values, rtol=1e-5, atol=1e-6)


def test_another_network_or_preprocessing_has_features_of_its_own(circles, cached, computed, tmp_path):
    engine = cached()
    one = engine.embed(KEY, circles)
    other = engine.embed("lecture/mnist_flatten", circles)
    assert computed() == len(one.values) + len(other.values)
    assert one.values.shape[1] != other.values.shape[1]
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 2


def test_stopping_keeps_every_whole_batch(circles, cached, computed, monkeypatch):
    monkeypatch.setattr(embedding, "TOGETHER", 8)
    told = []

    def stop(done: int, of: int) -> None:
        told.append((done, of))
        if done >= 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached().embed(KEY, circles, stop)
    assert told == [(0, 48), (8, 48), (16, 48), (24, 48)]
    assert computed() == 24
    told.clear()
    found = cached().embed(KEY, circles, lambda *news: told.append(news))
    assert told[0] == (24, 48)
    assert told[-1] == (48, 48)
    assert computed() == 24
    np.testing.assert_allclose(found.values, Engine(device="cpu").embed(KEY, circles).values, rtol=1e-5, atol=1e-6)


LINES = """
import sys, time
from cnnviz.runtime import embedding
from cnnviz.runtime.engine import Engine
embedding.TOGETHER = 8
def told(done, of):
    print(done, flush=True)
    time.sleep(0.2)
Engine(device="cpu", cache_dir=sys.argv[1]).embed("lecture/mnist_gap", sys.argv[2], told)
"""


def test_a_process_that_is_killed_loses_at_most_one_batch(circles, tmp_path, cached, computed, monkeypatch):
    given = [sys.executable, "-c", LINES, str(tmp_path / "cache"), str(circles)]
    done = 0
    with subprocess.Popen(given, stdout=subprocess.PIPE, text=True) as process:
        while done < 24:
            done = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    monkeypatch.setattr(embedding, "TOGETHER", 8)
    cached().embed(KEY, circles)
    assert computed() <= 48 - done


def test_nothing_of_a_network_of_the_program_itself_reaches_the_disk(circles, cached, computed, tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    engine = cached()
    key = engine.add(net, "mine", preprocess=Preprocess(28, 28, (0.0,), (1.0,), channels=1))
    first = engine.embed(key, circles)
    assert not (tmp_path / "cache").exists()
    assert computed() == 48
    engine.embed(key, circles)
    assert computed() == 0
    with torch.no_grad():
        net[0].weight.add_(1)
    assert not np.array_equal(engine.embed(key, circles).values, first.values)
    assert computed() == 48


def test_two_who_ask_at_once_compute_once(circles, engine, computed):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: engine.embed(KEY, circles, lambda *_: time.sleep(0.05)), range(2))
    assert computed() == 48
    np.testing.assert_array_equal(one.values, other.values)
