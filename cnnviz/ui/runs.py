"""Data sets and training runs behind the pages: where they lie, and the processes that this server started.

A process is held here and nowhere else: when the server ends, the process's standard input closes, and it stops.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cnnviz.data import folder as folders
from cnnviz.data.audit import Audit, audit
from cnnviz.data.augment import Augment, variants
from cnnviz.data.folder import DataSet
from cnnviz.nets import zoo
from cnnviz.nets.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import PhotoError
from cnnviz.train import run
from cnnviz.train.plan import Plan
from cnnviz.train.run import Run
from cnnviz.ui import start

ROOM = 4 << 20  # bytes: with fewer, not even a small net is kept
_processes: dict[str, subprocess.Popen] = {}
_begun: dict[str, int] = {}  # bytes of its events when a run's process was started
_lock = threading.Lock()
public = start.public


def shelf() -> Path:
    """The folder of data sets on this machine: CNNVIZ_DATA, or data/ in the working directory."""
    return Path(os.environ.get("CNNVIZ_DATA") or "data").expanduser()


def data_sets() -> tuple[str, ...]:
    """The names of the data sets on the shelf."""
    place = shelf()
    if not place.is_dir():
        return ()
    return tuple(sorted(p.name for p in place.iterdir() if p.is_dir() and not p.name.startswith(".")))


def data_set(name: str) -> DataSet:
    """A data set on the shelf; the name is looked up and never joined to a path. Raises `RequestError`."""
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more; choose another.")
    return _read(str(shelf() / name), stamp(name))


def stamp(name: str) -> float:
    """When a data set, or a folder right inside it, last changed; 0 where it is gone."""
    root = shelf() / name
    try:
        return max([root.stat().st_mtime, *(p.stat().st_mtime for p in root.iterdir())])
    except OSError:
        return 0.0


def place_for(name: str) -> Path:
    """Where a new data set goes. Raises `RequestError` for a name that is taken or unfit."""
    plain = re.sub(r"[^a-z0-9_-]+", "_", name.strip().lower()).strip("_")[:60]
    if not plain:
        raise RequestError("Give the data set a name of letters and digits.")
    if plain in data_sets():
        raise RequestError(f"There is already a data set {plain}; choose another name.")
    return shelf() / plain


def remove(name: str) -> None:
    """Deletes a data set from the shelf."""
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more.")
    place = shelf() / name
    try:
        if place.is_symlink():  # only the link is ours to remove
            place.unlink()
        else:
            shutil.rmtree(place)
    except OSError as error:
        raise RequestError(f"{name} cannot be deleted ({error.strerror}); check who owns it.") from None


def batch(data: DataSet, split: str, count: int, seed: int, side: int = 96) -> tuple[np.ndarray, list[str]]:
    """Pictures of a split drawn with a seed, uint8 (n, side, side, 3), and the class of each."""
    part = data.splits()[split]
    chosen = np.random.default_rng(seed).permutation(len(part))[:count]
    seen, names = [], []
    for i in chosen:
        with contextlib.suppress(PhotoError):
            seen.append(square(part.paths[int(i)], side))
            names.append(data.classes[part.labels[int(i)]])
    return np.stack(seen) if seen else np.zeros((0, side, side, 3), np.uint8), names


def square(path: Path, side: int) -> np.ndarray:
    """A picture's centre square, uint8 (side, side, 3). Raises `PhotoError`."""
    return folders.decode(path, Preprocess(side, side))


@functools.lru_cache(maxsize=8)
def _audited(root: str, stamp: float) -> Audit:
    return audit(_read(root, stamp))


def audited(name: str) -> Audit:
    """The audit of a data set, remembered until the folder changes."""
    return _audited(str(shelf() / name), stamp(name))


def runs_folder() -> Path:
    """The folder of training runs."""
    return zoo.runs_folder()


def listing() -> list[Run]:
    """All runs as they stand, the newest first; what cannot be read is left out."""
    found = []
    for folder in run.folders(runs_folder()):
        with contextlib.suppress(RequestError):
            found.append(look(folder.name))
    return found


def look(name: str) -> Run:
    """One run as it stands. Raises `RequestError`."""
    return look_at(run.find(name, runs_folder()))


def look_at(folder: Path) -> Run:
    """The run in a folder as it stands. Raises `RequestError`."""
    name, stamp = folder.name, _size(folder)
    found = _look(str(folder), stamp, run.alive(folder))
    if spawned(name) and stamp == _begun.get(name) and not found.active:
        return Run(found.id, found.folder, found.plan, "starting", found.events)  # importing torch takes seconds
    return found


def _size(folder: Path) -> int:
    """Bytes of a run's events."""
    events = folder / run.EVENTS
    return events.stat().st_size if events.exists() else 0


def busy(name: str) -> bool:
    """Whether a process works on a run, or will in a moment."""
    return look(name).state in ("starting", "queued", "running")


def spawned(name: str) -> bool:
    """Whether a process that this server started for a run is there, also while it still imports torch."""
    process = _processes.get(name)
    return process is not None and process.poll() is None


def begin(plan: Plan) -> str:
    """Starts training a plan in a process of its own; the run's id. Raises `RequestError`."""
    folder = run.create(plan, runs_folder())
    _start(folder)
    return folder.name


def go_on(name: str) -> None:
    """Goes on with a run that was stopped or interrupted."""
    _start(run.find(name, runs_folder()))


def find_rate(plan: Plan) -> Path:
    """Starts looking for a learning rate; the folder to watch. Raises `RequestError`."""
    folder = run.trial(plan, runs_folder())
    _start(folder, "--find-rate")
    return folder


def verdict(one: Run) -> dict[str, Any] | None:
    """What a run's best weights say about val and test; None where nobody judged those that are the best now."""
    with contextlib.suppress(OSError):
        if one.state == "finished" or _changed(one, run.VERDICT) >= _changed(one, "best.safetensors"):
            return run.verdict(one.folder)
    return None


def _changed(one: Run, name: str) -> int:
    return (one.folder / name).stat().st_mtime_ns


def judge(one: Run, told: Callable[[str, float], Any]) -> None:
    """Judges the best weights of a run as the end of training does; `told` hears the stage and its share done.

    Raises `RequestError`.
    """
    from cnnviz.train.keep import Keeper
    from cnnviz.train.task import prepare

    def log(kind: str, **values: Any) -> None:
        if kind == "prepare":
            told(values["stage"], values["done"] / max(1, values["of"]))

    plan = one.plan.but(recipe="frozen") if one.plan.recipe == "features" else one.plan  # whole pictures are judged
    with run.holding(one.folder):
        Keeper(one.folder, prepare(plan, one.folder.parent, None, log, lambda: False), log).judge()
    if verdict(one) is None:
        raise RequestError("The verdict could not be written; free some space, then judge again.")


def crowded(folder: Path) -> str:
    """Where there is no room left to write a run: one sentence that says so; else nothing."""
    with contextlib.suppress(OSError):
        if (free := shutil.disk_usage(folder).free) < ROOM:
            return f"The disk with the runs is full ({free / 2**20:.1f} MiB are free): free some space, then go on."
    return ""


def complaint(folder: Path) -> str:
    """What a run's process said last on standard error, in one line."""
    with contextlib.suppress(OSError):
        lines = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("cnnviz: ")[:400] if lines else ""
    return ""


def _start(folder: Path, *extra: str) -> None:
    with _lock:
        for name, process in list(_processes.items()):
            if process.poll() is not None:  # so that nothing is left of those that ended
                del _processes[name]
        if (old := _processes.get(folder.name)) is not None and old.poll() is None:
            raise RequestError(f"Run {folder.name} is training already.")
        _begun[folder.name] = _size(folder)
        _processes[folder.name] = run.spawn(folder, *extra)


@functools.lru_cache(maxsize=256)
def _look(folder: str, _size: int, _alive: bool) -> Run:
    return run.read(Path(folder))


@functools.lru_cache(maxsize=32)
def _read(root: str, _stamp: float) -> DataSet:
    return folders.read(root)


def varied(small: np.ndarray, wanted: Augment, seed: int) -> np.ndarray:
    """A picture uint8 (side, side, 3) and eleven variants of it, uint8 (12, side, side, 3)."""
    import torch

    channels_first = torch.from_numpy(small.transpose(2, 0, 1).copy())
    many = variants(channels_first, wanted, 11, seed).permute(0, 2, 3, 1).numpy()  # (11, C, H, W) -> (11, H, W, C)
    return np.concatenate([small[None], many])


def onnx(key: str) -> bytes:
    """A net as an ONNX file: pixels 0..255 in, probabilities out."""
    from cnnviz.train import export

    return export.onnx(start.START.engine().model(key))
