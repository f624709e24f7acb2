"""How a new data set gets its folder: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from cnnviz.options import RequestError

ABANDONED = 3600.0  # seconds after which a draft in which nothing was written belongs to a process that was killed


@contextlib.contextmanager
def arriving(folder: Path, refusal: type[RequestError]) -> Iterator[Path]:
    """A draft beside the folder: it becomes the folder when the block ends well, and is gone otherwise.

    Drafts that a killed process left are removed. Raises `refusal` where the folder is there already or nothing can be
    written beside it.
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
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Removes the drafts that nobody writes to any more."""
    for old in parent.glob(".arriving-*"):
        with contextlib.suppress(OSError):
            if time.time() - max(path.stat().st_mtime for path in (old, *old.rglob("*"))) > ABANDONED:
                shutil.rmtree(old)
