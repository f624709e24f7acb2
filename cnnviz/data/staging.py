"""How a new data set gets its folder: whole or not at all, whatever happens on the way, and marked as made here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnviz.options import RequestError

ABANDONED = 3600.0  # seconds after which a draft in which nothing was written belongs to a process that was killed
MARK = ".cnnviz.json"  # in each folder that cnnviz made, and in no other
LARGEST_MARK = 1 << 16  # bytes
BESIDE = (MARK, ".DS_Store", "Thumbs.db", "desktop.ini")  # what may come and go without anybody's work being in it


@dataclass(frozen=True)
class Origin:
    """How cnnviz made a folder: `zip`, `circles` or `download`, sentences on it, and a hash of its files' names."""

    made: str
    notes: tuple[str, ...]
    files: str


@contextlib.contextmanager
def arriving(folder: Path, refusal: type[RequestError], made: str, notes: Sequence[str] = ()) -> Iterator[Path]:
    """A draft beside the folder: it becomes the folder when the block ends well, and is gone otherwise.

    Its mark says how it was `made`, with the `notes` as they are by then. Drafts that a killed process left are
    removed. Raises `refusal` where the folder is there already or nothing can be written beside it.
    """
    if folder.exists():
        raise refusal(f"There is already a folder {folder.name}; choose another name or delete it.")
    draft = folder.parent / f".arriving-{secrets.token_hex(4)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent)
        draft.mkdir()
    except OSError as error:
        raise refusal(f"Nothing can be written to {folder.parent} ({error.strerror}); choose another.") from None
    try:
        yield draft
        mark = {"made": made, "name": folder.name, "notes": list(notes), "files": listing(draft)}
        (draft / MARK).write_text(json.dumps(mark))  # whole or not at all, as the folder is
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def origin(folder: Path) -> Origin | None:
    """How cnnviz made a folder; None for one that is somebody's own: a link, without a mark, or under another name."""
    mark = folder / MARK
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode) or not stat.S_ISREG(mark.lstat().st_mode):
            return None
        with mark.open("rb") as file:
            values = json.loads(file.read(LARGEST_MARK))
        made, name, notes, files = (values[key] for key in ("made", "name", "notes", "files"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = isinstance(notes, list) and all(isinstance(text, str) for text in (made, files, *notes))
    return Origin(made, tuple(notes), files) if texts and name == folder.name else None


def listing(folder: Path) -> str:
    """A hash of the names of all files in a folder and below; links are not followed, and count as files."""
    names = []
    for at, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(at, name))]
        names += [os.path.relpath(os.path.join(at, name), folder) for name in (*files, *links) if name not in BESIDE]
    return hashlib.blake2b(b"\0".join(sorted(map(os.fsencode, names))), digest_size=16).hexdigest()


def _sweep(parent: Path) -> None:
    """Removes the drafts that nobody writes to any more."""
    for old in parent.glob(".arriving-*"):
        with contextlib.suppress(OSError):
            if time.time() - max(path.stat().st_mtime for path in (old, *old.rglob("*"))) > ABANDONED:
                shutil.rmtree(old)
