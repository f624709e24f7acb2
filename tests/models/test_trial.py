"""Hostile files end no process but the one that was started for them, take no time, and leave nothing."""

from __future__ import annotations

import errno
import itertools
import subprocess
import time
from pathlib import Path

import pytest
import torch

from cnnviz.models import trial
from cnnviz.models.checkpoint import CheckpointError
from cnnviz.models.load import load
from cnnviz.runtime.engine import Engine
from tests.hostile_checkpoints import CORPUS, READABLE, net, saved, write

SHORT = 300  # characters of a refusal
SECONDS = 5.0  # of processor time


@pytest.mark.parametrize("name", [name for name in CORPUS if name not in READABLE])
def test_a_hostile_file_is_refused_in_a_short_sentence(tmp_path, name):
    write(name, tmp_path)
    start = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        load("file/hostile", tmp_path, tmp_path)
    assert time.process_time() - start < SECONDS
    sentence = str(caught.value)
    assert len(sentence) < SHORT
    assert "\n" not in sentence
    assert sentence.startswith("hostile")


@pytest.mark.parametrize("name", sorted(READABLE))
def test_what_is_odd_around_sound_weights_changes_no_answer(tmp_path, name):
    write(name, tmp_path)
    (tmp_path / "hostile.json").write_text('{"net": "lecture/mnist_gap"}')
    model = load("file/hostile", tmp_path, tmp_path)
    odd, plain = dict(model.net.state_dict()), net().state_dict()
    if name == "negated views":
        plain["conv2.weight"] = -plain["conv2.weight"]
    assert all(torch.equal(odd[key], value) for key, value in plain.items())
    assert model.fingerprint


def test_a_process_of_its_own_reads_what_is_sound(tmp_path):
    (tmp_path / "mine.pth").write_bytes(saved(net().state_dict()))
    (tmp_path / "mine.json").write_text('{"net": "lecture/mnist_gap"}')
    assert trial.refused("file/mine", tmp_path) == ""


def test_so_it_reads_a_network_of_torchvision(tmp_path, monkeypatch):
    from torchvision.models import squeezenet1_1

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)  # torch has set it here, and asks no more
    torch.save(squeezenet1_1(num_classes=1000).state_dict(), tmp_path / "squeezenet1_1-imagenet.pth")
    assert trial.refused("squeezenet1_1", tmp_path) == ""


def read_by(place, monkeypatch, lines):
    """A weights folder with one network, for which processes of their own have these lines in the place of a reader."""
    weights = place / "weights"
    weights.mkdir()
    (weights / "mine.pth").write_bytes(saved(net().state_dict()))
    (place / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'cnnviz.models.trial' in ' '.join(sys.orig_argv):\n"
        "    import cnnviz.models.load as at\n"
        "    from cnnviz.options import RequestError\n"
        f"    place = {str(weights)!r}\n"
        "    def load(*_):\n"
        f"        {lines}\n"
        "    at.load = load\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(place))
    return weights


@pytest.mark.parametrize(
    ("fault", "bound"),
    [
        ("import ctypes; ctypes.string_at(0)", {}),
        ("held = [bytearray(64 << 20) for _ in range(100)]", {"MEMORY": 512 << 20}),
        ("while True: pass", {"SECONDS": 1.0}),
        ("import time; time.sleep(60)", {"SECONDS": 1.5}),
        ("import pathlib; pathlib.Path(place, 'left').write_text('x')", {}),
    ],
)
def test_a_process_that_crashes_fills_or_stalls_is_a_refusal(tmp_path, monkeypatch, fault, bound):
    """A reader at fault is put in the place of the one that has none known."""
    weights = read_by(tmp_path, monkeypatch, fault)
    for name, value in bound.items():
        monkeypatch.setattr(trial, name, value)
    sentence = trial.refused("file/mine", weights)
    assert sentence.startswith("mine takes too")
    assert len(sentence) < SHORT
    assert [path.name for path in weights.iterdir() if path.stat().st_size and path.suffix != ".pth"] == []


@pytest.fixture
def public(tmp_path, monkeypatch):
    """A public server's engine, with a weights folder of one sound and one hostile file."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "mine.pth").write_bytes(saved(net().state_dict()))
    (folder / "mine.json").write_text('{"net": "lecture/mnist_gap"}')
    write("a key that is a tuple a million deep", folder)
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    monkeypatch.setenv("CNNVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "_verdicts", {})
    return Engine(weights=folder, runs=tmp_path)


def test_a_public_server_loads_no_file_that_no_other_process_has_read(public, tmp_path, monkeypatch):
    asked: list[str] = []
    reads = trial.tried
    monkeypatch.setattr(trial, "tried", lambda key, *rest: asked.append(key) or reads(key, *rest))
    for _ in range(2):
        assert public.model("file/mine").labels
        with pytest.raises(CheckpointError, match="nested"):
            public.model("file/hostile")
        public.nets.forget(lambda _: True)
    public.model("bundled/cats_dogs")
    assert asked == ["file/mine", "file/hostile"]  # once each, and none for what is a part of cnnviz
    monkeypatch.setattr(trial, "_verdicts", {})  # as after another start
    public.model("file/mine")
    assert asked == ["file/mine", "file/hostile"]
    file = Path(public.weights) / "mine.pth"
    public.nets.forget(lambda _: True)
    file.write_bytes(saved(net().state_dict() | {"epoch": torch.tensor(1)}))
    with pytest.raises(CheckpointError):
        public.model("file/mine")
    assert asked[2:] == ["file/mine"]


@pytest.fixture
def clock(monkeypatch):
    """The seconds of the clock that verdicts expire by, as a list of one number."""
    seconds = [1000.0]
    monkeypatch.setattr(trial, "monotonic", lambda: seconds[0])
    return seconds


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        subprocess.TimeoutExpired("python", 60),
        subprocess.CompletedProcess("python", -9, b""),
        subprocess.CompletedProcess("python", 0, b'{"refusal": "It cannot be read.", "final": false}'),
    ],
    ids=["no memory for a process", "a busy machine", "a process that was killed", "a file that failed to open"],
)
def test_a_momentary_failure_refuses_no_network_for_good(public, clock, monkeypatch, fault):
    runs, times = subprocess.run, []

    def fails(*arguments, **options):
        times.append(clock[0])
        if isinstance(fault, Exception):
            raise fault
        return fault

    monkeypatch.setattr(subprocess, "run", fails)
    for _ in range(300):  # a link that is asked for every second
        with pytest.raises(CheckpointError):
            public.model("file/mine")
        clock[0] += 1
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert waits == [10, 20, 40, 80]  # and no link can have the machine try all the time
    monkeypatch.setattr(subprocess, "run", runs)
    clock[0] += 160
    assert public.model("file/mine").labels


def test_what_a_process_reports_of_a_file_itself_is_remembered(public, clock, monkeypatch):
    with pytest.raises(CheckpointError, match="nested"):
        public.model("file/hostile")
    monkeypatch.setattr(trial, "tried", None)
    clock[0] += 1e6
    with pytest.raises(CheckpointError, match="nested"):
        public.model("file/hostile")


@pytest.mark.parametrize(
    ("lines", "final"),
    [
        ("raise RequestError('No.')", True),
        ("open(place + '/none')", False),
        (
            "try:\n            open(place)\n        except OSError:\n            raise RequestError('No.') from None",
            False,
        ),
        (
            "try:\n            raise MemoryError\n        except Exception:\n            raise RequestError('No.')",
            False,
        ),
        ("try:\n            int('x')\n        except ValueError:\n            raise RequestError('No.')", True),
    ],
)
def test_a_refusal_that_is_made_of_a_failed_read_is_not_final(tmp_path, monkeypatch, lines, final):
    """As a network drive that is away for a moment, which the readers of files take for a damaged one."""
    weights = read_by(tmp_path, monkeypatch, lines)
    verdict = trial.tried("file/mine", weights)
    assert verdict.refusal
    assert len(verdict.refusal) < SHORT
    assert "\n" not in verdict.refusal
    assert verdict.final is final


def test_on_ones_own_machine_files_are_read_at_once(public, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "")
    monkeypatch.setattr(trial, "tried", None)
    assert public.model("file/mine").labels
