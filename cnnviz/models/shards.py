"""Weights in several files, <name>-00001-of-00003.<ending> and so on: found by the first of them, read as one."""

from __future__ import annotations

import re
from pathlib import Path

from cnnviz.options import RequestError

MARK = re.compile(r"-(\d{5})-of-(\d{5})(?=\.|$)")


def later(path: Path) -> bool:
    """Whether a file is one of several parts, and not the first."""
    found = MARK.search(path.name)
    return found is not None and int(found[1]) != 1


def parts(path: Path) -> tuple[Path, ...]:
    """The files that a checkpoint consists of, in order; those that are there."""
    return tuple(part for part in _named(path) if part.is_file())


def whole(path: Path) -> tuple[Path, ...]:
    """The files that a checkpoint consists of, in order. Raises `RequestError` where one is missing."""
    named = _named(path)
    if len(named) > 1 and (lacking := [part.name for part in named if not part.is_file()]):
        raise RequestError(
            f"{path.name} is one of {len(named)} parts, and {lacking[0]} is not beside it; put all of them into the "
            "weights folder, or save the weights in one file."
        )
    return named


def _named(path: Path) -> tuple[Path, ...]:
    found = MARK.search(path.name)
    if found is None or not 1 < int(found[2]) < 1000:
        return (path,)
    before, after = path.name[: found.start()], path.name[found.end() :]
    return tuple(path.with_name(f"{before}-{i:05}-of-{found[2]}{after}") for i in range(1, int(found[2]) + 1))
