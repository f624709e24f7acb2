"""Work over folders: every image once, whatever is stopped or killed on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.runtime import folder_work
from cnnviz.runtime.folder_layers import Statistics
from cnnviz.runtime.folder_numbers import Logits
from cnnviz.runtime.folder_questions import HeatMaps, Predictions
from cnnviz.runtime.folder_work import Here, Worker, items, run, spread

KEY = "lecture/cats_gap"


@pytest.fixture
def photos(tmp_path, rng):
    folder = tmp_path / "photos"
    for i in range(12):
        path = folder / "abc"[i % 3] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def counted(monkeypatch):
    """How many files were worked on since the last look."""
    counts = [0]
    plain = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda self, batch: counts.append(len(batch)) or plain(self, batch))

    def look() -> int:
        total = sum(counts)
        counts.clear()
        return total

    return look


def test_every_image_has_the_row_of_the_single_photo_engine(engine, photos, tmp_path):
    out, heard = tmp_path / "out", []
    found = run(engine, HeatMaps(KEY), items([photos], out), out, progress=lambda *news: heard.append(news), together=5)
    assert (found.files, found.computed, found.unreadable) == (12, 12, ())
    assert heard == [(0, 12), (5, 12), (10, 12), (12, 12)]
    rows = parquet.read_table(out / "results.parquet").to_pylist()
    assert rows == found.rows.to_pylist()
    assert [row["file"] for row in rows] == sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))
    for row in rows:
        heat = engine.heatmap(KEY, Photo.open(photos / row["file"]))
        np.testing.assert_allclose(row["map"], heat.raw.ravel(), atol=1e-6 * np.abs(heat.raw).max())
        assert (out / row["image"]).is_file()


def test_only_what_was_added_changed_or_gone_makes_a_difference(engine, photos, tmp_path, counted):
    out = tmp_path / "out"

    def again():
        return run(engine, Predictions(KEY), items([photos], out), out, together=5)

    first = again()
    assert (counted(), first.computed) == (12, 12)
    assert (again().computed, counted()) == (0, 0)
    (photos / "a" / "00.png").unlink()
    shutil.copy(photos / "b" / "01.png", photos / "b" / "new.png")
    changed = photos / "c" / "02.png"
    shutil.copy(photos / "b" / "01.png", changed)
    os.utime(changed, (1, 1))
    second = again()
    assert (second.files, second.computed, counted()) == (12, 2, 2)
    rows = {row["file"]: row for row in second.rows.to_pylist()}
    assert "a/00.png" not in rows
    for name in ("c/02.png", "b/new.png"):
        assert rows[name]["logit"] == pytest.approx(rows["b/01.png"]["logit"], abs=1e-6)


def test_broken_images_are_named_and_counted_and_not_tried_again(engine, photos, tmp_path, counted):
    (photos / "b" / "01.png").write_bytes(b"no photo")
    (photos / "b" / "empty.jpg").write_bytes(b"")
    (photos / "notes.txt").write_text("no image either")
    out = tmp_path / "out"
    found = run(engine, Predictions(KEY), items([photos], out), out, together=4)
    assert [name for name, _ in found.unreadable] == ["b/01.png", "b/empty.jpg"]
    assert "empty" in found.unreadable[1][1]
    assert (found.files, found.rows.num_rows, counted()) == (13, 11, 13)
    again = run(engine, Predictions(KEY), items([photos], out), out)
    assert (again.unreadable, again.computed) == (found.unreadable, 0)


@pytest.fixture
def closed(monkeypatch):
    """Names of files that this process may not open, until they are taken out of it."""
    names, plain = set(), Path.open

    def opened(path, *how, **more):
        if path.name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *how, **more)

    monkeypatch.setattr(Path, "open", opened)
    return names


@pytest.mark.parametrize("question", [Predictions(KEY), Logits(KEY), Statistics(KEY, ("conv2",))])
def test_images_that_could_not_be_opened_are_named_and_tried_again(engine, photos, tmp_path, closed, question):
    out = tmp_path / "out"
    (photos / "b" / "broken.png").write_bytes(b"no photo")

    def again(**more):
        return run(engine, question, items([photos], out), out, together=5, **more)

    closed.update(("00.png", "01.png"))
    for computed in (13, 2, 2):
        found = again()
        assert (found.files, found.computed) == (13, computed)
        assert [name for name, _ in found.unreadable] == ["a/00.png", "b/01.png", "b/broken.png"]
        assert "Permission denied" in found.unreadable[0][1]
    closed.discard("01.png")
    assert [name for name, _ in again().unreadable] == ["a/00.png", "b/broken.png"]
    closed.clear()
    found = again()
    assert (found.computed, [name for name, _ in found.unreadable]) == (1, ["b/broken.png"])
    assert again().computed == 0
    whole = run(engine, question, items([photos], tmp_path / "whole"), tmp_path / "whole")
    name = "photos_active" if isinstance(question, Statistics) else "file"
    assert found.rows[name].equals(whole.rows[name])
    if isinstance(question, Statistics):
        assert set(found.rows["photos"].to_pylist()) == {12}


def test_the_last_reason_is_told_of_an_image_that_could_not_be_opened(engine, photos, tmp_path, monkeypatch):
    out, plain = tmp_path / "out", Path.open
    for number in (24, 13, 24, 5):

        def opened(path, *how, number=number, **more):
            if path.name == "00.png":
                raise OSError(number, os.strerror(number))
            return plain(path, *how, **more)

        monkeypatch.setattr(Path, "open", opened)
        ((_, why),) = run(engine, Predictions(KEY), items([photos], out), out).unreadable
        assert os.strerror(number) in why


def test_what_another_machine_does_not_find_is_no_image_that_could_not_be_opened(engine, photos, tmp_path):
    def elsewhere(question, out, batches):
        yield from map(len, batches)

    with pytest.raises(RequestError, match="12 files are not in"):
        run(engine, Predictions(KEY), items([photos], tmp_path / "o"), tmp_path / "o", elsewhere)


def test_results_of_other_options_are_refused(engine, photos, tmp_path):
    out = tmp_path / "out"
    run(engine, Predictions(KEY, top=2), items([photos], out), out)
    with pytest.raises(RequestError, match="top 2, not 1"):
        run(engine, Predictions(KEY, top=1), items([photos], out), out)


def test_results_that_lie_among_the_photos_are_no_photos(engine, photos, counted):
    out = photos / "out"
    assert run(engine, HeatMaps(KEY), items([photos], out), out).files == 12
    assert run(engine, HeatMaps(KEY), items([photos], out), out).computed == 0
    assert counted() == 12


def test_files_and_folders_are_named_by_what_they_lie_in(photos, tmp_path):
    out = tmp_path / "out"
    names = [item.name for item in items([photos / "a", photos / "b" / "01.png", photos / "a" / "00.png"], out)]
    assert names == ["a/00.png", "a/03.png", "a/06.png", "a/09.png", "b/01.png"]
    assert [item.name for item in items([photos / "a" / "00.png"], out)] == ["00.png"]
    with pytest.raises(RequestError, match="nowhere"):
        items([photos / "nowhere"], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no images"):
        items([tmp_path / "empty"], out)


def test_a_step_up_behind_a_link_is_above_what_the_link_leads_to(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos / "a")
    (tmp_path / "b").mkdir()
    shutil.copy(photos / "a" / "00.png", tmp_path / "b" / "other.png")
    up = tmp_path / "link" / ".." / "b"
    for paths, before in (([up], ""), ([up, photos / "b" / "01.png"], "b/")):
        found = items(paths, tmp_path / "out")
        assert [item.name for item in found] == [f"{before}{i}.png" for i in ("01", "04", "07", "10")]
        assert [item.path for item in found] == [str(photos / "b" / f"{i}.png") for i in ("01", "04", "07", "10")]
    names = [item.name for item in items([tmp_path / "link", photos / "b" / ".." / "c"], tmp_path / "out")]
    assert names == [f"link/{i}.png" for i in ("00", "03", "06", "09")] + [
        f"photos/c/{i}.png" for i in ("02", "05", "08", "11")
    ]


def test_what_progress_raises_stops_the_work_and_keeps_what_is_done(engine, photos, tmp_path):
    out = tmp_path / "out"

    def stop(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, Predictions(KEY), items([photos], out), out, progress=stop, together=5)
    assert run(engine, Predictions(KEY), items([photos], out), out).computed == 7


def test_each_of_several_workers_has_one_batch_at_a_time():
    from concurrent.futures import ThreadPoolExecutor

    busy, most = [0, 0], [0]

    def worker(i):
        def work(batch):
            busy[i] += 1
            most[0] = max(most[0], busy[i])
            time.sleep(0.005)
            busy[i] -= 1
            return len(batch)

        return work

    batches = [[None] * n for n in range(1, 20)]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(spread(batches, [worker(0), worker(1)], pool)) == list(range(1, 20))
    assert most == [1]


def test_one_device_works_in_this_thread(engine, photos, tmp_path):
    assert Here(engine, every_gpu=True).count == (1 if engine.torch_device.type == "cpu" else Here(engine, True).count)


@pytest.mark.parametrize(("device", "count"), [("cuda", 4), ("cuda:2", 1), ("cuda:0", 1), ("cpu", 1), ("mps", 1)])
def test_a_gpu_that_is_named_works_alone(monkeypatch, device, count):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    backend = SimpleNamespace(torch_device=torch.device(device))
    assert Here(backend, every_gpu=True).count == count
    assert Here(backend).count == 1


KILLED = """
import sys
from pathlib import Path
from cnnviz.runtime import folder_work
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.folder_questions import HeatMaps
photos, out = map(Path, sys.argv[1:])
plain = folder_work.Worker.__call__
def slow(self, batch):
    done = plain(self, batch)
    print("batch", flush=True)
    sys.stdin.readline()
    return done
folder_work.Worker.__call__ = slow
files = folder_work.items([photos], out)
folder_work.run(Engine(device="cpu"), HeatMaps("lecture/cats_gap"), files, out, together=3)
"""


def test_a_process_killed_between_batches_loses_none_and_the_next_goes_on(engine, photos, tmp_path, counted):
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, photos, out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            assert process.stdout.readline() == "batch\n"
            if _ < 2:
                process.stdin.write("\n")
                process.stdin.flush()
        process.send_signal(signal.SIGKILL)
    assert not (out / "results.parquet").exists()
    found = run(engine, HeatMaps(KEY), items([photos], out), out, together=3)
    assert (found.computed, counted()) == (3, 3)
    whole = run(engine, HeatMaps(KEY), items([photos], tmp_path / "whole"), tmp_path / "whole", together=3)
    assert found.rows.drop_columns("map").equals(whole.rows.drop_columns("map"))
    for one, other in zip(found.rows["map"].to_pylist(), whole.rows["map"].to_pylist(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6 * np.abs(other).max())
    for row in whole.rows.to_pylist():
        assert (out / row["image"]).read_bytes() == (tmp_path / "whole" / row["image"]).read_bytes()


def test_a_full_disk_stops_the_work_and_keeps_what_is_done(engine, photos, tmp_path, monkeypatch):
    out, plain, calls = tmp_path / "out", folder_work.Results.add, []

    def full(self, *asked):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        plain(self, *asked)

    monkeypatch.setattr(folder_work.Results, "add", full)
    with pytest.raises(OSError, match="No space left"):
        run(engine, Predictions(KEY), items([photos], out), out, together=4)
    monkeypatch.undo()
    assert run(engine, Predictions(KEY), items([photos], out), out).computed == 4
