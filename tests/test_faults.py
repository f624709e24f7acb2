"""Disks that are full or only to be read, processes killed while they write, neighbours, clocks and networks that fail:
each time the answer is right, nothing that was saved is lost, and no half a file is left.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from cnnviz import drafts
from cnnviz.inference.device import DeviceError
from cnnviz.models import catalog, weights
from cnnviz.models.catalog import ASSETS
from cnnviz.models.weights import DownloadError
from cnnviz.photo import Photo
from cnnviz.runtime.cache import Cache, Codec
from cnnviz.runtime.engine import Engine
from cnnviz.train import events, run
from cnnviz.train.plan import Plan
from cnnviz.ui.server import jobs, runs

NET = "lecture/cats_gap"
ARRAY: Codec[np.ndarray] = Codec(lambda value: {"value": value}, lambda arrays: arrays["value"])
NOBODY = 65534
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def apart(*acts: Callable[[], object]) -> list[int]:
    """The ends of processes that do this at once: 0 where all went well, minus the signal where one was killed."""
    begun = []
    for act in acts:
        begun.append(os.fork())
        if begun[-1] == 0:
            try:
                act()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in begun]


def answer(seed: int = 0, size: int = 5000) -> np.ndarray:
    """What is computed for a seed."""
    return np.random.default_rng(seed).random(size)


def asked(cache: Cache, seed: int = 0, size: int = 5000) -> np.ndarray:
    """The answer for a seed by the cache."""
    return cache.get(("net", seed, size), lambda: answer(seed, size), codec=ARRAY)


def files(folder: Path) -> list[str]:
    """What lies there."""
    return sorted(path.name for path in folder.iterdir())


# full disks


@contextmanager
def little_room(folder: Path) -> Iterator[Path]:
    """A disk of 64 KiB; without the right to mount one, the test is skipped."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_cache_on_a_full_disk_answers_and_leaves_no_half_a_file(tmp_path: Path):
    with little_room(tmp_path / "disk") as disk:
        cache = Cache(0, disk)
        small, large = asked(cache, 1, 3000), asked(cache, 2, 50_000)
        assert len(files(disk)) == 1  # the small one
        np.testing.assert_array_equal(small, answer(1, 3000))
        np.testing.assert_array_equal(large, answer(2, 50_000))
        np.testing.assert_array_equal(asked(Cache(0, disk), 1, 3000), small)


@posix
def test_files_that_may_not_grow_cost_nothing_but_time(tmp_path: Path):
    def act() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        np.testing.assert_array_equal(asked(Cache(0, tmp_path)), answer())
        log = run.Log(tmp_path / "run")
        for step in range(200):
            log("step", step=step, loss=0.5)

    (tmp_path / "run").mkdir()
    assert apart(act) == [0]
    assert files(tmp_path) == ["run"]
    kept = run.events_of(tmp_path / "run")
    assert [event["step"] for event in kept] == [*range(len(kept))]  # whole lines, as far as there was room
    assert 20 < len(kept) < 200


def test_a_download_on_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch):
    with little_room(tmp_path / "disk") as disk:
        monkeypatch.setattr(weights, "cache", lambda: disk)
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Transfer(bytes(200_000)))
        with pytest.raises(DownloadError, match="No space left"):
            weights.fetch("tinynet", "tinynet-12345678")
        assert files(disk) == []


# folders that may only be read


@posix
def test_a_cache_that_may_only_be_read_is_read_and_one_that_may_not_be_made_is_done_without(tmp_path: Path):
    asked(Cache(0, tmp_path / "cache"), 1)
    before = files(tmp_path / "cache")
    for folder in (tmp_path / "cache", tmp_path):
        folder.chmod(0o555)

    def act() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        cache = Cache(0, tmp_path / "cache")
        found = cache.get(("net", 1, 5000), lambda: pytest.fail("computed again"), codec=ARRAY)
        np.testing.assert_array_equal(found, answer(1))
        np.testing.assert_array_equal(asked(cache, 2), answer(2))
        np.testing.assert_array_equal(asked(Cache(0, tmp_path / "none"), 1), answer(1))

    for above in tmp_path.parents:  # whoever is nobody has to come this far
        if above.stat().st_uid == os.geteuid() and len(above.parts) > 2:
            above.chmod(above.stat().st_mode | 0o055)
    try:
        assert apart(act) == [0]
        assert files(tmp_path / "cache") == before
    finally:
        for folder in (tmp_path, tmp_path / "cache"):
            folder.chmod(0o755)


# processes that are killed


@posix
def test_a_server_killed_while_it_writes_leaves_no_damage_and_its_draft_is_swept(tmp_path: Path, monkeypatch):
    asked(Cache(0, tmp_path), 1)

    def act() -> None:
        def half(file, **arrays: np.ndarray) -> None:
            file.write(b"PK\x03\x04 half of it")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        np.savez_compressed = half  # of this process alone
        asked(Cache(0, tmp_path), 2)

    assert apart(act) == [-signal.SIGKILL]
    (left,) = tmp_path.glob("*.draft")
    for seed in (1, 2):
        np.testing.assert_array_equal(asked(Cache(0, tmp_path), seed), answer(seed))
    assert left.exists()  # it might be another server's, which is writing just now
    os.utime(left, (0, time.time() - drafts.ABANDONED - 1))
    asked(Cache(0, tmp_path), 3)
    assert not left.exists()
    assert len(files(tmp_path)) == 3


# neighbours


@posix
def test_servers_on_one_cache_answer_right_and_keep_to_its_limit(tmp_path: Path):
    limit = 200_000

    def act(turn: int) -> None:
        cache, order = Cache(0, tmp_path, disk_limit=limit), np.random.default_rng(turn)
        for seed in order.integers(0, 12, 60):
            np.testing.assert_array_equal(asked(cache, int(seed)), answer(int(seed)))

    assert apart(*(functools.partial(act, turn) for turn in range(3))) == [0] * 3
    asked(Cache(0, tmp_path, disk_limit=limit), 99)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit
    assert not list(tmp_path.glob("*.draft"))


def folder_of_run(place: Path, name: str, lines: list[dict] | None = None) -> Path:
    """A run as a finished training leaves it."""
    folder = place / name
    folder.mkdir(parents=True)
    (folder / run.PLAN).write_text(Plan("pets", net="lecture/mnist_gap").json())
    (folder / run.ALIVE).touch()
    os.link(CARD, folder / "card.json") if CARD.stat().st_dev == place.stat().st_dev else shutil.copy(CARD, folder)
    (folder / "best.safetensors").symlink_to(ASSETS / "cats_dogs.safetensors")
    (folder / run.EVENTS).write_text("".join(json.dumps(line) + "\n" for line in lines or told(2)))
    (folder / "card.json").exists() or shutil.copy(CARD, folder / "card.json")
    return folder


CARD = ASSETS / "cats_dogs.json"


def told(epochs: int, steps: int = 2) -> list[dict]:
    """What a training says in so many epochs of so many steps."""
    size = {"parameters": 10, "trainable": 10, "device": "cpu", "val": 40, "classes": ["cat", "dog"]}
    found: list[dict] = [{"event": "start", "time": 1.0, "step": 0, "steps": epochs * steps, **size}]
    for epoch in range(1, epochs + 1):
        found += [
            {"event": "step", "time": 1.0 + epoch, "step": (epoch - 1) * steps + k, "epoch": epoch, "loss": 0.5}
            for k in range(steps)
        ]
        results = {"train_loss": 0.5, "train_accuracy": 0.9, "valid_loss": 0.4, "accuracy": 0.9, "error_rate": 0.1}
        found.append({"event": "epoch", "time": 2.0, "epoch": epoch, "step": epoch * steps, "seconds": 1.0, **results})
    best = {"event": "best", "time": 9.0, "step": epochs * steps, "valid_loss": 0.4, "accuracy": 0.9}
    return [*found, best, {"event": "finished", "time": 9.0, "step": epochs * steps}]


def test_runs_that_come_and_go_while_others_list_them_break_no_list(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder_of_run(tmp_path, "stays")
    end, seen = time.monotonic() + 1.2, set()

    def come_and_go() -> None:
        turn = 0
        while time.monotonic() < end:
            shutil.rmtree(folder_of_run(tmp_path, f"passes-{turn % 5}"), ignore_errors=True)
            turn += 1

    other = threading.Thread(target=come_and_go)
    other.start()
    while time.monotonic() < end:
        for names in (runs.names(), [one.id for one in runs.listing()], [*run_keys()]):
            assert "stays" in names
            seen.update(names)
    other.join()
    assert len(seen) > 1


def test_a_run_that_goes_while_it_is_looked_at_is_no_error(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder = folder_of_run(tmp_path, "passes")
    (folder / run.EVENTS).unlink()
    monkeypatch.setattr(Path, "exists", lambda self: True)  # it was there when somebody asked
    assert not runs.at_work(folder)
    assert [one.id for one in runs.listing()] in ([], ["passes"])


def run_keys() -> list[str]:
    """The runs whose weights are offered."""
    listed = [row.key for row in catalog.rows() if row.key.startswith("run/")]
    return [key.removeprefix("run/").partition("@")[0] for key in listed]


# clocks


def test_a_cache_whose_clock_jumps_keeps_to_its_limit_and_answers(tmp_path: Path):
    cache = Cache(0, tmp_path, disk_limit=150_000)
    for seed, moment in enumerate((0, 4e9, time.time() + 86_400, 1, time.time())):
        asked(cache, seed)
        newest = max(tmp_path.glob("*.npz"), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (moment, moment))
    for seed in range(8):
        np.testing.assert_array_equal(asked(cache, seed), answer(seed))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 150_000 + len(answer().tobytes())


@pytest.mark.parametrize("seconds", [-5.0, -1e9, None, 0.0])
def test_a_clock_that_was_set_back_tells_no_time_left(seconds: float | None):
    assert jobs.remaining(seconds) == ""


# a GPU whose memory does not suffice


class LittleMemory(TorchDispatchMode):
    """As long as it lasts, every convolution finds too little memory on the GPU."""

    def __torch_dispatch__(self, operator, _types, given=(), options=None):
        if "conv" in str(operator) and given[0].device.type != "meta":  # which has no memory
            raise torch.OutOfMemoryError("CUDA out of memory")
        return operator(*given, **(options or {}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, photo, _: engine.predict(NET, photo),
        lambda engine, photo, _: engine.heatmap(NET, photo, method="gradcam"),
        lambda engine, photo, _: engine.heatmap(NET, photo, method="occlusion"),
        lambda engine, photo, _: engine.activations(NET, photo, "conv2"),
        lambda engine, _, folder: engine.evaluate(NET, folder),
        lambda engine, _, folder: engine.embed(NET, folder),
    ],
    ids=["predict", "heatmap", "occlusion", "activations", "evaluate", "embed"],
)
def test_too_little_gpu_memory_is_one_sentence_and_the_next_question_finds_its_answer(ask, tmp_path: Path):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            Image.fromarray(Photo.sample("cat").pixels[number:]).save(tmp_path / kind / f"{number}.png")
    engine, photo = Engine(device="cpu"), Photo.sample("cat")
    engine.model(NET)
    with LittleMemory(), pytest.raises(DeviceError, match="too little free memory"):
        ask(engine, photo, tmp_path)
    assert engine.busy() == (0, 0)
    assert ask(engine, photo, tmp_path) is not None


# networks that are lost


class Transfer(BytesIO):
    """An answer of a server that ends after so many bytes, as a connection does that is lost."""

    def __init__(self, content: bytes, after: int | None = None, lost: Exception | None = None) -> None:
        super().__init__(content)
        self.headers, self.after, self.lost = Message(), after, lost
        self.headers["Content-Length"] = str(len(content))

    def read(self, size: int | None = -1) -> bytes:
        if self.after is not None and self.tell() >= self.after:
            if self.lost is not None:
                raise self.lost
            return b""
        return super().read(min(size or -1, 1000) if size and size > 0 else 1000)


@pytest.mark.parametrize(
    "lost", [None, ConnectionResetError(104, "Connection reset by peer"), TimeoutError("timed out")]
)
def test_a_network_lost_in_a_download_is_one_sentence_and_the_next_try_is_whole(tmp_path: Path, monkeypatch, lost):
    content = bytes(range(256)) * 100
    name = f"tinynet-{hashlib.sha256(content).hexdigest()[:8]}"
    monkeypatch.setattr(weights, "cache", lambda: tmp_path)
    old = tmp_path / f"{name}.pth.0123.partial"  # of a process that was killed
    old.write_bytes(content[:99])
    os.utime(old, (0, 0))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Transfer(content, 5000, lost))
    with pytest.raises(DownloadError) as caught:
        weights.fetch("tinynet", name)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Transfer(content))
    assert weights.fetch("tinynet", name).read_bytes() == content
    assert files(tmp_path) == [f"{name}.pth"]


# very many runs, very long runs, odd runs


def quick(act: Callable[[], object], seconds: float, times: int = 3) -> None:
    """Does something; the quickest of several times is below so many seconds, as other processes disturb only some."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
        if spent[-1] < seconds:
            return
    pytest.fail(f"{min(spent):.2f} s")


def test_two_thousand_runs_are_listed_at_once(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    for number in range(2000):
        folder_of_run(tmp_path, f"run-{number}")
    began = time.perf_counter()
    catalog.rows()  # every card is read once
    assert time.perf_counter() - began < 10
    quick(lambda: len(run_keys()) == 2000 or pytest.fail("some are missing"), 0.5)
    quick(lambda: len(runs.names()) == 2000 or pytest.fail("some are missing"), 0.3)
    quick(runs.listing, 0.5)
    quick(lambda: catalog.stamp("run/run-7@best"), 0.3)


def test_a_hundred_thousand_lines_of_a_run_are_read_once_and_then_only_what_is_new(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder = folder_of_run(tmp_path, "long", told(1000, 99))
    assert len((folder / run.EVENTS).read_bytes().splitlines()) > 100_000
    began = time.perf_counter()
    assert len(runs.look("long").of("step")) == 99_000
    assert time.perf_counter() - began < 8
    lines = []
    monkeypatch.setattr(events, "parsed", lambda line, known=events.parsed: lines.append(line) or known(line))
    with (folder / run.EVENTS).open("a") as file:
        file.write('{"event": "saved", "step": 4}\n')
    assert runs.look("long").last("saved") == {"event": "saved", "step": 4}
    assert len(lines) < 5


ODD = [None, True, "x", [], {"a": 1}, -1, 1e308, float("inf"), float("nan"), 10**30, [[[]]], -0.5, "9" * 50]


def test_a_run_of_odd_lines_breaks_no_list_and_hides_no_other_run(tmp_path: Path, monkeypatch):
    from cnnviz.ui.shell import activity
    from cnnviz.ui.views.train import run_list, run_view

    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    folder_of_run(tmp_path, "right")
    odd = folder_of_run(tmp_path, "odd")
    generator = np.random.default_rng(4)
    for turn in range(400):
        lines = [dict(line) for line in told(2)]
        for _ in range(int(generator.integers(1, 4))):
            line = lines[int(generator.integers(len(lines)))]
            line[str(generator.choice([*line, "val", "epochs", "step"]))] = ODD[int(generator.integers(len(ODD)))]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (odd / run.EVENTS).write_text(f"{text}{(turn % 3) * '{'}{turn * ' '}")  # of another size each time
        rows = {one.id: run_list._row(one) for one in runs.listing()}
        assert {*rows} == {"odd", "right"}
        assert rows["right"]["accuracy"] == "90.0%"
        now = runs.look("odd")
        assert run_view.best(now)
        run_view.ended_badly(now)
        with run.holding(odd):  # the sidebar of every page has it then
            (work,) = activity._trainings()
        assert 0 <= work.share <= 1
