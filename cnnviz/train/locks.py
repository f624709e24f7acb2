"""Locks of open files, which the system lets go of however the process that holds them ends."""

from __future__ import annotations

import sys
from typing import BinaryIO


def take(file: BinaryIO) -> bool:
    """Takes the lock of an open file if nobody has it; it is let go when the file is closed."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return True
        except OSError:
            return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
