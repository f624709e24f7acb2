"""The names of all files in a folder and below, with links followed where that is safe."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cnnviz.data.layout import FolderError
from cnnviz.data.left_out import BROKEN, CLOSED, LINKED, ODD, Parts, hidden
from cnnviz.data.staging import MARK

MOST = 10_000_000  # files that are looked at


@dataclass
class Listing:
    """The files and folders below a folder, and what is left out at once, by reason."""

    files: list[Parts] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    left: dict[str, list[Parts]] = field(default_factory=dict)

    def leave(self, reason: str, parts: Parts) -> None:
        """One more that is left out."""
        self.left.setdefault(reason, []).append(parts)


def listing(root: Path) -> Listing:
    """What lies in a folder. Hidden folders are named and not entered, no file is opened.

    A link counts as the file or folder it leads to, wherever that is, and nothing counts twice: a link to what is here
    already is left out, and so is one that leads back up. Raises `FolderError`.
    """
    top = os.path.realpath(root)
    found = Listing()
    entered, links = {top}, _walk(found, (), top, set())
    real = {os.path.join(top, *parts) for parts in found.files} if links else set()
    entered |= {os.path.join(top, *parts) for parts in found.folders} if links else set()
    while links:
        parts = links.pop()
        target = os.path.realpath(os.path.join(top, *parts))
        if not os.path.exists(target):
            found.leave(BROKEN, parts)
        elif target in real or target in entered or os.path.commonpath((target, top)) == target:
            found.leave(LINKED, parts)
        elif os.path.isdir(target):
            entered.add(target)
            links += _walk(found, parts, target, entered)
        elif os.path.isfile(target):
            real.add(target)
            found.files.append(parts)
        else:
            found.leave(ODD, parts)
    return found


def _walk(found: Listing, at: Parts, place: str, entered: set[str]) -> list[Parts]:
    """Adds what lies in a folder and below; the links there, the last by name first. Folders `entered` are left out."""
    waiting, links = [(at, place)], list[Parts]()
    while waiting:
        at, place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                inside = list(entries)
        except OSError:
            found.leave(CLOSED, at)
            continue
        for entry in inside:
            parts = (*at, entry.name)
            if entry.is_symlink():
                links.append(parts)
            elif entry.is_file(follow_symlinks=False):
                if parts != (MARK,):
                    found.files.append(parts)
            elif not entry.is_dir(follow_symlinks=False):
                found.leave(ODD, parts)
            elif entry.path in entered:
                found.leave(LINKED, parts)
            else:
                found.folders.append(parts)
                if not hidden(entry.name):
                    waiting.append((parts, entry.path))
        if len(found.files) > MOST:
            raise FolderError(f"This folder holds more than {MOST:,} files; take a part of it.")
    return sorted(links, reverse=True)
