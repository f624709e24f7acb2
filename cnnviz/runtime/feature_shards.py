"""Features on disk: a file for each batch, written whole or not at all, and put together when there are many.

A feature belongs to an image file by its path, size and time of change, so that whatever changed is computed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cnnviz import drafts

ROWS = 4096  # of a file into which smaller ones are put together
MANY = 16  # files of fewer rows from which on that is done
LIMIT = 4 * 2**30  # bytes of all networks' features; those of the network asked longest ago go first
WIDTH = 16  # bytes that a file is known by


def mark(path: Path) -> bytes:
    """What a file is known by, 16 bytes: where it lies, its size, and when it was changed."""
    try:
        found = path.stat()
        told = (os.fspath(path.absolute()), found.st_size, found.st_mtime_ns)
    except OSError:
        told = (os.fspath(path.absolute()), -1, 0)
    return hashlib.blake2b(repr(told).encode(), digest_size=WIDTH).digest()


class Shards:
    """The features of one network on disk, in a folder of their own; in no folder nothing is kept."""

    def __init__(self, folder: Path | None, limit: int = LIMIT) -> None:
        self.folder, self.limit = folder, limit

    def find(self, wanted: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """The features float32 (F,) of the files with these marks, as far as they are known."""
        found: dict[bytes, np.ndarray] = {}
        missing = set(wanted)
        for path in self._paths():
            for name, values in _rows(path, missing):
                found[name] = values
            missing.difference_update(found)
            if not missing:
                break
        if self.folder is not None and found:
            with contextlib.suppress(OSError):
                os.utime(self.folder)
        return found

    def add(self, names: Sequence[bytes], values: np.ndarray) -> None:
        """Keeps the features (n, F) of files; a full or read-only disk costs time later, not the answer now."""
        if self.folder is not None and len(names):
            with contextlib.suppress(OSError):
                _write(self.folder, names, values)

    def tidy(self) -> None:
        """Puts small files together, and lets go of other networks' features where all of them are too large."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            small = [path for path in self._paths() if _count(path) < ROWS]
            if len(small) >= MANY:
                self._merge(small)
            self._trim()

    def _paths(self) -> list[Path]:
        return [] if self.folder is None else sorted(self.folder.glob("*.npz"))

    def _merge(self, small: Sequence[Path]) -> None:
        """Small files as larger ones; they go when those are there."""
        assert self.folder is not None
        held: dict[bytes, np.ndarray] = {}
        gone: list[Path] = []
        for path in small:
            held.update(_rows(path))
            gone.append(path)
            if len(held) >= ROWS or path == small[-1]:
                if held:
                    _write(self.folder, list(held), np.stack(list(held.values())))
                for old in gone:
                    old.unlink(missing_ok=True)
                held, gone = {}, []

    def _trim(self) -> None:
        assert self.folder is not None
        others = [path for path in self.folder.parent.iterdir() if path.is_dir()]
        others.sort(key=lambda path: path.stat().st_mtime)
        sizes = {path: sum(one.stat().st_size for one in path.glob("*")) for path in others}
        total = sum(sizes.values())
        for path in others:
            if total <= self.limit:
                return
            if path != self.folder:
                shutil.rmtree(path, ignore_errors=True)
                total -= sizes[path]


def _rows(path: Path, wanted: set[bytes] | None = None) -> Iterator[tuple[bytes, np.ndarray]]:
    """The marks and features in a file, all or the wanted ones; nothing of one that is damaged or gone."""
    with contextlib.suppress(Exception), path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        names = [row.tobytes() for row in held["names"]]
        places = [i for i, name in enumerate(names) if wanted is None or name in wanted]
        if places:
            values = np.asarray(held["values"], np.float32)
            if values.ndim == 2 and len(values) == len(names):
                yield from [(names[i], values[i].copy()) for i in places]


def _count(path: Path) -> int:
    """How many rows a file has; 0 where it is damaged."""
    with contextlib.suppress(Exception), path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        return len(held["names"])
    return 0


def _write(folder: Path, names: Sequence[bytes], values: np.ndarray) -> None:
    """A file of marks uint8 (n, 16) and features float32 (n, F)."""
    folder.mkdir(parents=True, exist_ok=True)
    drafts.sweep(folder, "*.draft")
    draft = folder / f"{secrets.token_hex(8)}.draft"
    try:
        with draft.open("wb") as file:
            marks = np.frombuffer(b"".join(names), np.uint8).reshape(-1, WIDTH)
            np.savez(file, allow_pickle=False, names=marks, values=np.asarray(values, np.float32))
        os.replace(draft, draft.with_suffix(".npz"))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
