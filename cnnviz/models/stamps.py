"""What tells one state of a network's files from another: their names, bytes and times."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

Stamp = tuple[str, int, int]  # of a file: its name, bytes, time in ns
_SEEN: ContextVar[dict[tuple[object, ...], tuple[Stamp, ...]] | None] = ContextVar("seen", default=None)


def of_file(path: Path) -> tuple[int, int] | None:
    """Size in bytes and time in ns of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def once() -> Iterator[None]:
    """Within the block the files of each network are looked at once: one answer asks for its network many times."""
    token = _SEEN.set({})
    try:
        yield
    finally:
        _SEEN.reset(token)


def seen(asked: tuple[object, ...], look: Callable[[], tuple[Stamp, ...]]) -> tuple[Stamp, ...]:
    """What `look` returns for what is `asked`; within a block of `once`, what it returned there the first time."""
    known = _SEEN.get()
    if known is None:
        return look()
    if asked not in known:
        known[asked] = look()
    return known[asked]
