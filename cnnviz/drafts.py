"""Drafts: what is written under another name first, so that a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

ABANDONED = 3600.0  # seconds without a word, after which whoever wrote a draft was killed


def sweep(folder: Path, pattern: str) -> None:
    """Removes the drafts in a folder that nobody has written to for an hour: those of killed processes."""
    with contextlib.suppress(OSError):
        for draft in folder.glob(pattern):
            with contextlib.suppress(OSError):  # another process sweeps, too, or the folder is only to be read
                if time.time() - draft.stat().st_mtime > ABANDONED:
                    draft.unlink()
