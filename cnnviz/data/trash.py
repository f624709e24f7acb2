"""The trash beside the data sets: what cnnviz made goes there before it goes for good, and comes back from there.

A deleted data set lies in .trash/<time in ms>-<random>/<name>. Nothing without the mark of `staging` is put there, and
nothing else that may lie there is ever removed. Links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cnnviz.data import staging
from cnnviz.options import RequestError

FOLDER = ".trash"
DAYS = 7  # so long a deleted data set can be brought back
ROOM = 4 << 30  # bytes in all, the newest aside; beyond, the oldest go first
_HOLDER = re.compile(r"(\d{13})-[0-9a-f]{8}")


class TrashError(RequestError):
    """A data set cannot be deleted, or not be brought back; the message says why."""


@dataclass(frozen=True)
class Trashed:
    """A data set in the trash: its id there, its name, where it lies, and when it was deleted, in seconds."""

    id: str
    name: str
    folder: Path
    when: float


def put(folder: Path) -> Trashed:
    """The data set, moved to the trash beside it.

    Raises `TrashError` for what cnnviz did not make, and for what was changed since: that is somebody's own.
    """
    made = staging.origin(folder)
    if made is None:
        raise TrashError(f"cnnviz did not make {folder.name} and does not delete it; it lies in {folder.absolute()}.")
    if staging.listing(folder) != made.files:
        raise TrashError(
            f"{folder.name} was changed after cnnviz made it: files were added, renamed or removed. "
            f"Delete it by hand; it lies in {folder.absolute()}."
        )
    holder = folder.parent / FOLDER / f"{time.time_ns() // 1_000_000:013d}-{secrets.token_hex(4)}"
    try:
        holder.parent.mkdir(exist_ok=True)
        if holder.parent.is_symlink():
            raise TrashError(f"{holder.parent.absolute()} is a link; remove it, then delete again.")
        holder.mkdir()
        try:
            os.rename(folder, holder / folder.name)
        except OSError:
            holder.rmdir()
            raise
    except OSError as error:
        raise TrashError(f"{folder.name} cannot be deleted ({error.strerror}); check who owns it.") from None
    empty(folder.parent)
    return next(one for one in listing(folder.parent) if one.id == holder.name)


def listing(shelf: Path) -> tuple[Trashed, ...]:
    """What lies in the trash of a folder of data sets, the newest first."""
    trash, found = shelf / FOLDER, []
    with contextlib.suppress(OSError):
        for holder in () if trash.is_symlink() else sorted(trash.iterdir(), reverse=True):
            named = _HOLDER.fullmatch(holder.name)
            inside = list(holder.iterdir()) if named and holder.is_dir() and not holder.is_symlink() else []
            if named and len(inside) == 1 and staging.origin(inside[0]):
                found.append(Trashed(holder.name, inside[0].name, inside[0], int(named[1]) / 1000))
    return tuple(found)


def restore(shelf: Path, id: str) -> str:
    """Brings a data set back; its name. Raises `TrashError` where it is gone, or another has its name by now."""
    one = next((one for one in listing(shelf) if one.id == id), None)
    if one is None:
        raise TrashError("It is not in the trash any more.")
    if os.path.lexists(shelf / one.name):
        raise TrashError(f"There is another data set {one.name} by now; rename that folder, then bring this one back.")
    try:
        os.rename(one.folder, shelf / one.name)
        one.folder.parent.rmdir()
    except OSError as error:
        raise TrashError(f"{one.name} cannot be brought back ({error.strerror}); check who owns it.") from None
    return one.name


def empty(shelf: Path, days: float = DAYS, room: int | None = ROOM) -> None:
    """Removes for good what was deleted more than so many days ago, and the oldest of what takes more than `room`.

    The newest stays whatever its size; 0 days remove all. Without a `room` nothing is measured, which takes a look at
    every file.
    """
    total = 0
    for i, one in enumerate(listing(shelf)):
        total += _bytes(one.folder) if i and room is not None else 0
        if days <= 0 or time.time() - one.when > days * 86_400 or (room is not None and total > room):
            shutil.rmtree(one.folder.parent, ignore_errors=True)


def _bytes(folder: Path) -> int:
    """Bytes of all files in a folder and below."""
    total = 0
    for at, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(at, name)).st_size
    return total
