"""A run is a directory: its plan, its events, its weights. Reading it needs no torch, and nothing here trains."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnviz import settings
from cnnviz.models import catalog, lecture
from cnnviz.options import RequestError
from cnnviz.train import events as written
from cnnviz.train import locks
from cnnviz.train import plan as plans
from cnnviz.train.events import ENDS, Event
from cnnviz.train.plan import Plan

PLAN, EVENTS, STOP, ALIVE, VERDICT = "plan.json", "events.jsonl", "stop", "alive", "verdict.json"
TRIAL = ".trial-"  # how the folders of searches for a learning rate begin
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
ABANDONED = 600.0  # seconds after which no process takes up a search for a rate any more


class RunError(RequestError):
    """A run cannot be created, found, continued or deleted."""


@dataclass(frozen=True)
class Run:
    """One run as it stands: its id, folder, plan, state and events that count.

    `state` is waiting, queued, running, finished, stopped, failed, or interrupted (it ended without a word).
    """

    id: str
    folder: Path
    plan: Plan
    state: str
    events: tuple[Event, ...]

    def of(self, kind: str) -> list[Event]:
        """The events of a kind, in order."""
        return [event for event in self.events if event.get("event") == kind]

    def last(self, kind: str) -> Event:
        """The last event of a kind; empty where there is none."""
        return next((event for event in reversed(self.events) if event.get("event") == kind), {})

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes it was last trained with; empty before."""
        return tuple((self.last("resume") or self.last("start")).get("classes", ()))

    @property
    def active(self) -> bool:
        """Whether a process works on it, or is about to."""
        return self.state in ("queued", "running")


def create(plan: Plan, runs: Path | str, name: str | None = None) -> Path:
    """The folder of a new run with its plan in it; data named from the working directory are named from the root.

    A run of that name that was refused before its first step is replaced. Raises `RunError` where it cannot be written.
    """
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    title = re.sub(r"[^a-z0-9]+", "-", plan.net.rpartition("/")[2].lower())
    name = name or f"{stamp}-{title}-{secrets.token_hex(2)}"
    if not NAME.fullmatch(name):
        raise RunError(f"{name!r} is no name for a run; use small letters, digits and - . _ alone.")
    folder = Path(runs) / name
    if folder.is_dir() and _was_refused(folder):
        shutil.rmtree(folder, ignore_errors=True)
    return _made(plan, folder)


def _was_refused(folder: Path) -> bool:
    """Whether a run failed before its first step, so that nothing of it is worth its name."""
    kinds = {event["event"] for event in events_of(folder)}
    return "failed" in kinds and not kinds & {"start", "resume"} and not alive(folder)


def trial(plan: Plan, runs: Path | str) -> Path:
    """The folder of a search for a learning rate, hidden among the runs as it may start from one. Raises `RunError`."""
    return _made(plan, Path(runs) / f"{TRIAL}{secrets.token_hex(4)}")


def is_trial(folder: Path) -> bool:
    """Whether a folder is that of a search for a learning rate."""
    return folder.resolve().name.startswith(TRIAL)


def _sweep(runs: Path) -> None:
    """Removes the searches for a rate that a killed process, or a visitor who went away, left behind."""
    for old in runs.glob(f"{TRIAL}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > ABANDONED and not alive(old):
                shutil.rmtree(old)


def _made(plan: Plan, folder: Path) -> Path:
    _sweep(folder.parent)
    if not (catalog.entry(plan.net) or plan.net in (f"lecture/{name}" for name in lecture.NETS)):
        raise catalog.unknown(plan.net)  # before there is a run of it
    try:
        folder.mkdir(parents=True)
        try:
            plan = plan.but(data=str(Path(plan.data).absolute()))  # it goes on from any working directory
            (folder / PLAN).write_text(plan.json(), encoding="utf-8")
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)  # whole or not at all
            raise
    except FileExistsError:
        raise RunError(f"There is already a run {folder.name}; choose another name.") from None
    except OSError as error:
        raise RunError(
            f"Nothing can be written to the runs folder {folder.parent} ({error.strerror}); free some space, or choose "
            "another with CNNVIZ_RUNS."
        ) from None
    return folder


def find(name: str, runs: Path | str) -> Path:
    """The folder of a run; the name is looked up and never joined to a path. Raises `RunError`."""
    with contextlib.suppress(OSError):
        if name in os.listdir(runs) and _made_at(found := Path(runs, name)) is not None:
            return found
    raise RunError(f"There is no run {name!r}; it may have been deleted.")


def folders(runs: Path | str) -> list[Path]:
    """The folders of all runs, the newest first."""
    if not os.path.isdir(runs):
        return []
    with os.scandir(runs) as listed:  # there may be thousands, and a page asks several times
        found = [(made, one.name) for one in listed if (made := _made_at(one)) is not None]
    return [Path(runs, name) for _, name in sorted(found, reverse=True)]


def _made_at(folder: os.DirEntry[str] | Path) -> float | None:
    """When the plan of a run was written; None for what is no run."""
    with contextlib.suppress(OSError):
        found = os.stat(f"{os.fspath(folder)}/{PLAN}")
        if stat.S_ISREG(found.st_mode) and folder.name[0] != "." and not folder.is_symlink():
            return found.st_mtime
    return None


def read(folder: Path, outline: bool = False) -> Run:
    """A run as it stands; as an `outline`, without the events of single steps. Raises `PlanError` for a broken plan."""
    plan = plans.read(folder / PLAN)
    events = tuple(written.standing(written.read(folder / EVENTS, outline)))
    return Run(folder.name, folder, plan, _state(folder, events), events)


def events_of(folder: Path) -> list[Event]:
    """All events of a run in the order written; those that are broken or lack something are left out."""
    return written.read(folder / EVENTS)


def verdict(folder: Path) -> dict[str, Any] | None:
    """What the best weights say about val and test, image by image; None before the end."""
    try:
        said = json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def spawn(folder: Path, *extra: str) -> subprocess.Popen[bytes]:
    """The process that trains a run, or resumes it; it ends by itself when this process does.

    Keep it: when it is forgotten, its standard input closes, and that stops it after one batch. Raises `RunError`.
    """
    with contextlib.suppress(OSError):
        (folder / STOP).unlink()
    try:
        with (folder / "errors.txt").open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "cnnviz", "train", str(folder), "--attached", *extra],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=settings.environment(Path(__file__).resolve().parents[2]),
            )
    except OSError as error:
        raise RunError(f"Run {folder.name} cannot be trained here ({error.strerror}); check the runs folder.") from None


def stop(folder: Path) -> None:
    """Asks the run's process, wherever it is, to end after the batch it is at."""
    try:
        (folder / STOP).touch()
    except OSError as error:
        raise RunError(f"Run {folder.name} cannot be stopped from here ({error.strerror}); end its process.") from None


def delete(folder: Path) -> None:
    """Removes a run with all its weights. Raises `RunError` while it trains."""
    if alive(folder):
        raise RunError(f"Run {folder.name} is still training; stop it first.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise RunError(f"Run {folder.name} cannot be deleted ({error.strerror}); check who owns it.") from None


def alive(folder: Path) -> bool:
    """Whether a process on this machine holds the run."""
    try:
        with (folder / ALIVE).open("rb+") as file:
            return not locks.take(file)
    except OSError:
        return False


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Holds a run for this process; the system lets go of it however the process ends. Raises `RunError` if held."""
    try:
        file = (folder / ALIVE).open("wb+")
    except OSError as error:
        raise RunError(f"Run {folder.name} cannot be written ({error.strerror}); check the runs folder.") from None
    with file:
        for _ in range(20):  # who only asks whether the run is alive holds it for a moment, too
            if locks.take(file):
                break
            time.sleep(0.05)
        else:
            raise RunError(f"Run {folder.name} is training already; watch it, or stop it first.")
        yield


@contextlib.contextmanager
def turn(runs: Path, device: str, wait: Callable[[], bool]) -> Iterator[bool]:
    """Holds a device of this machine: one run of a runs folder at a time. `wait` is called twice a second; True gives
    up waiting. Yields whether it is one's turn.
    """
    path = runs / f".{socket.gethostname()}-{device}.lock"
    with path.open("ab+") as file:
        while not (mine := locks.take(file)):
            if wait():
                break
            time.sleep(0.5)
        yield mine


class Log:
    """Appends events to a run, one line each; a disk that is full costs lines, never the training."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / EVENTS
        self.broken = False
        with contextlib.suppress(OSError):
            old = self.path.read_bytes() if self.path.exists() else b""
            if old and not old.endswith(b"\n"):  # a crash broke its last line off
                self._append(b"\n")

    def __call__(self, kind: str, **values: object) -> None:
        """Writes an event with the time."""
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **values}).encode() + b"\n"
        try:
            self._append(b"\n" + line if self.broken else line)  # what was cut off must not swallow this line
            self.broken = False
        except OSError:
            self.broken = True

    def _append(self, line: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.write(handle, line) < len(line):  # one call, so that a reader sees a whole line or none
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(handle)


def _state(folder: Path, events: Sequence[Event]) -> str:
    if not events:
        return "running" if alive(folder) else "waiting"
    begins = ("queued", "prepare", "start", "resume")
    last = next((e["event"] for e in reversed(events) if e.get("event") in begins), "")
    if events[-1].get("event") in ENDS:  # nothing follows an end but going on
        end: str = events[-1]["event"]
        return end
    if alive(folder):
        return "queued" if last == "queued" else "running"
    return "interrupted"
