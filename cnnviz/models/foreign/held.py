"""A file that lies in memory alone, read wherever one on disk is."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Held:
    """The name and the content of a file that has no place on the disk."""

    name: str
    data: bytes


File = Path | Held


def size(file: File) -> int:
    """Its bytes."""
    return len(file.data) if isinstance(file, Held) else file.stat().st_size


def content(file: File) -> bytes:
    """All of it."""
    return file.data if isinstance(file, Held) else file.read_bytes()


def opened(file: File) -> Path | io.BytesIO:
    """What `zipfile.ZipFile` takes."""
    return io.BytesIO(file.data) if isinstance(file, Held) else file
