"""Data sets and training runs behind the pages: where they lie, and the processes that this server started.

A process is held here and nowhere else: when the server ends, the process's standard input closes, and it stops.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnviz import settings
from cnnviz.options import RequestError
from cnnviz.printable import printable
from cnnviz.train import events, extend, remembered, run
from cnnviz.train.plan import Plan
from cnnviz.train.run import Run
from cnnviz.ui.server import capabilities, startup

MOST = 50  # runs that are read for a list
ROOM = 4 << 20  # bytes: with fewer, not even a small net is kept
_processes: dict[str, subprocess.Popen[bytes]] = {}
_sought: dict[str, Run] = {}  # searches for a rate that ended, the last one last
_seeking: set[str] = set()  # those of which it is not yet known how they end
_begun: dict[str, int] = {}  # bytes of its events when a run's process was started
_exiting: list[subprocess.Popen[bytes]] = []  # processes whose runs have ended
_lock = threading.Lock()
public = startup.public


def names() -> list[str]:
    """The ids of all runs, the newest first; none of them is read."""
    capabilities.require("folders")
    return [folder.name for folder in run.folders(settings.runs())]


def listing(most: int = MOST) -> list[Run]:
    """The newest runs as they stand, in outline, the newest first; what cannot be read is left out."""
    capabilities.require("folders")
    found: list[Run] = []
    for folder in run.folders(settings.runs()):
        if len(found) == most:
            break
        with contextlib.suppress(RequestError):
            found.append(look_at(folder, outline=True))
    return found


def look(name: str) -> Run:
    """One run as it stands. Raises `RequestError`."""
    capabilities.require("folders")
    return look_at(run.find(name, settings.runs()))


def look_at(folder: Path, outline: bool = False) -> Run:
    """The run in a folder as it stands; in outline, it is read without its single steps. Raises `RequestError`."""
    capabilities.require("folders")
    name, stamp = folder.name, _size(folder)
    try:
        found = _sought.get(name) or _look(str(folder), stamp, run.alive(folder), outline)
    except RequestError:
        if (ended := _sought.get(name)) is not None:  # its folder went while it was read
            return ended
        raise
    silent = spawned(name) and stamp == _begun.get(name)  # importing torch takes seconds
    if not found.active and (silent or (name in _seeking and found.state not in events.ENDS)):
        found = dataclasses.replace(found, state="starting")
    return _sought.get(name) or found


def _size(folder: Path) -> int:
    """Bytes of a run's events; 0 where there are none, or no longer."""
    try:
        return (folder / run.EVENTS).stat().st_size
    except FileNotFoundError:
        return 0


def busy(name: str) -> bool:
    """Whether a process works on a run, or will in a moment."""
    return look(name).state in ("starting", "queued", "running")


def spawned(name: str) -> bool:
    """Whether a process that this server started for a run is there, also while it still imports torch, or exits."""
    process = _processes.get(name)
    return process is not None and process.poll() is None


def at_work(folder: Path) -> bool:
    """Whether a process holds a run, or is about to; one that has let go of it takes seconds to exit."""
    return run.alive(folder) or (spawned(folder.name) and _size(folder) == _begun.get(folder.name))


def begin(plan: Plan, name: str = "") -> str:
    """Starts training a plan in a process of its own; the run's id, which is the name in small letters and dashes.

    Raises `RequestError`.
    """
    capabilities.require("training")
    folder = run.create(plan, settings.runs(), _spelt(name) or name.strip() or None)
    _start(folder)
    return folder.name


def _spelt(name: str) -> str:
    """A name as a run's id: small letters and dashes."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.strip().lower()).strip("-._")


def rename(name: str, new: str) -> str:
    """Gives a run another name, which becomes its id; the new id. Raises `RequestError`.

    A run whose weights another one began with keeps its name, for the other's plan says it.
    """
    capabilities.require("training")
    folder, spelt = run.find(name, settings.runs()), _spelt(new)
    if not run.NAME.fullmatch(spelt):
        raise RequestError(f"{new!r} is no name for a run; use letters, digits and - . _ alone.")
    if busy(name):
        raise RequestError(f"Run {name} is training; rename it once it has ended.")
    if later := next((one.id for one in listing(sys.maxsize) if one.plan.start.startswith(f"run/{name}@")), ""):
        raise RequestError(f"Run {later} began with the weights of {name}, so {name} keeps its name.")
    target = folder.with_name(spelt)
    if target.exists():
        raise RequestError(f"There is already a run {spelt}; choose another name.")
    try:
        folder.rename(target)
    except OSError as error:
        raise RequestError(f"Run {name} cannot be renamed ({error.strerror}); check who owns it.") from None
    return spelt


def go_on(name: str) -> None:
    """Goes on with a run that was stopped or interrupted."""
    capabilities.require("training")
    _start(run.find(name, settings.runs()))


def more(name: str, epochs: int) -> None:
    """Trains a run that has ended to so many epochs in all, its optimizer kept. Raises `RequestError`."""
    capabilities.require("training")
    folder = run.find(name, settings.runs())
    extend.extend(folder, epochs)
    _start(folder)


def find_rate(plan: Plan) -> Path:
    """Starts looking for a learning rate; the folder to watch. Raises `RequestError`.

    When its process ends, the folder goes, and `look_at` remembers what was in it.
    """
    capabilities.require("training")
    folder = run.trial(plan, settings.runs())
    try:
        process = _start(folder, "--find-rate")
    except RequestError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _seeking.add(folder.name)
    threading.Thread(target=_gather, args=(folder, process), name=folder.name, daemon=True).start()
    return folder


def forget_rate(folder: Path) -> None:
    """Ends a search that nobody waits for any more; its folder goes with it."""
    capabilities.require("training")
    if folder.is_dir():
        with contextlib.suppress(RequestError):
            run.stop(folder)


def _gather(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits for the end of a search, remembers what it found, and removes its folder."""
    process.wait()
    with contextlib.suppress(RequestError):  # somebody has removed it
        found = run.read(folder)
        if found.state not in events.ENDS:
            why = complaint(folder) or "The learning rate finder ended without a result; try again."
            found = Run(found.id, folder, found.plan, "failed", (*found.events, {"event": "failed", "message": why}))
        _sought[folder.name] = found
    _seeking.discard(folder.name)
    for name in list(_sought)[:-MOST]:
        _sought.pop(name, None)
    shutil.rmtree(folder, ignore_errors=True)


def verdict(one: Run) -> dict[str, Any] | None:
    """What a run's best weights say about val and test; None where nobody judged those that are the best now."""
    with contextlib.suppress(OSError):
        if one.state == "finished" or _changed(one, run.VERDICT) >= _changed(one, "best.safetensors"):
            return run.verdict(one.folder)
    return None


def image_of(name: str, root: str, path: str) -> Path:
    """The file of an image in the verdict of a run. Raises `RequestError` where it lies outside of the run's data."""
    one, place = look(name), Path(root).resolve()
    known = [one.plan.data]
    with contextlib.suppress(RequestError):
        if (then := remembered.read(one.folder)) is not None:
            known.append(then.root)
    file = (place / path).resolve()
    if place not in [Path(data).resolve() for data in known] or not file.is_relative_to(place):
        raise RequestError(f"{printable(file.name)} lies outside of the data of run {name} and is not shown.")
    return file


def _changed(one: Run, name: str) -> int:
    return (one.folder / name).stat().st_mtime_ns


def judge(one: Run, told: Callable[[str, float], object]) -> None:
    """Judges the best weights of a run as the end of training does; `told` hears the stage and its share done.

    Raises `RequestError`.
    """
    capabilities.require("training")
    from cnnviz.train.checkpoints import Keeper, seen
    from cnnviz.train.setup import prepare

    changed: list[str] = []  # about the data

    def log(kind: str, **values: Any) -> None:
        if kind == "prepare":
            told(values["stage"], values["done"] / max(1, values["of"]))
        elif kind == "warning":
            changed.append(values["message"])

    plan = one.plan.but(recipe="frozen") if one.plan.recipe == "features" else one.plan  # whole pictures are judged
    with run.holding(one.folder):
        data = remembered.follow(one.folder, plan, log, one.classes)
        told_of_data = " ".join(changed)
        task = prepare(plan, data, one.folder.parent, None, log, lambda: False, seen(one.folder))
        Keeper(one.folder, task, log).judge(told_of_data)
    if verdict(one) is None:
        raise RequestError("The results could not be written; free some space, then evaluate again.")


def crowded(folder: Path) -> str:
    """Where there is no room left to write a run: one sentence that says so; else nothing."""
    with contextlib.suppress(OSError):
        if (free := shutil.disk_usage(folder).free) < ROOM:
            return f"The disk with the runs is full ({free / 2**20:.1f} MiB are free): free some space, then resume."
    return ""


def complaint(folder: Path) -> str:
    """What a run's process said last on standard error, in one line."""
    with contextlib.suppress(OSError):
        lines = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("cnnviz: ")[:400] if lines else ""
    return ""


def _ended(folder: Path) -> bool:
    """Whether the process of a run has written its end and let go of it, though it may not have exited yet."""
    wrote = _size(folder) != _begun.get(folder.name)
    return wrote and not run.alive(folder) and run.read(folder).state in events.ENDS


def _start(folder: Path, *extra: str) -> subprocess.Popen[bytes]:
    capabilities.require("training")
    with _lock:
        for name, process in list(_processes.items()):
            if process.poll() is not None:  # so that nothing is left of those that ended
                if process.stdin is not None:
                    process.stdin.close()
                del _processes[name]
        _exiting[:] = [process for process in _exiting if process.poll() is None]
        if (old := _processes.get(folder.name)) is not None:
            if not _ended(folder):
                raise RequestError(f"Run {folder.name} is training already.")
            _exiting.append(old)  # torch takes seconds to exit, and the run is free already
        _begun[folder.name] = _size(folder)
        _processes[folder.name] = process = run.spawn(folder, *extra)
        settings.stand_back(process.pid)  # beside a training of equal rights a question takes 2 to 8 times as long
        return process


@functools.lru_cache(maxsize=256)
def _look(folder: str, _size: int, _alive: bool, outline: bool) -> Run:
    found = run.read(Path(folder), outline)
    return dataclasses.replace(found, events=tuple(filter(events.complete, found.events)))


def onnx(key: str, temperature: float = 1.0) -> bytes:
    """A net as an ONNX file: pixels 0..255 in, probabilities out, its logits divided by a temperature."""
    from cnnviz.train import onnx as export

    return export.onnx(startup.START.engine().model(key), temperature)
