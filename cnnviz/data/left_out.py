"""What of a folder is no part of a data set, and why: by the name of a file alone, or by where it lies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnviz import image_file
from cnnviz.printable import printable

SUFFIXES = image_file.SUFFIXES
_OTHERS = """
.heic .heif .hif .avif .jp2 .j2k .jpx .jxl .svg .psd .ico .tga .exr .hdr .dcm .eps .pdf
.raw .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .webm .mp4 .mov .avi .npy .npz
"""
OTHERS = tuple(_OTHERS.split())  # images all the same, of formats that are not read
_SYSTEM = "__macosx __pycache__ @eadir #recycle $recycle.bin lost+found thumbs.db ehthumbs.db desktop.ini"
SYSTEM = (*_SYSTEM.split(), "system volume information", "icon\r")  # in small letters; so is all that begins with a dot
NAMED = 8  # files that are left out are named in a sentence, and at most
LISTED = 1000  # in a document

EMPTY = "classes without an image"
UNKNOWN = "images of classes that train does not have"
FORMAT = "images of a format that is not read"
BARE = "files whose names have no ending such as .jpg"
UNLISTED = "images that the list of labels does not name"
ABSENT = "named in the list of labels and not here"
NAMELESS = "images whose names say no class"
LOOSE = "images in no class folder"
BESIDE = "images beside the splits"
LINKED = "links to what is here already"
BROKEN = "links that lead nowhere"
PACKED = "links, which are not unpacked"
CLOSED = "folders that cannot be opened"
ODD = "neither files nor folders"
OTHER = "files that are no images"
HIDDEN = "hidden and system files"
REASONS = (
    EMPTY,
    UNKNOWN,
    UNLISTED,
    ABSENT,
    NAMELESS,
    FORMAT,
    BARE,
    LOOSE,
    BESIDE,
    LINKED,
    BROKEN,
    PACKED,
    CLOSED,
    ODD,
    OTHER,
    HIDDEN,
)

Parts = tuple[str, ...]  # the folders of a file, from the top down, and its name


@dataclass(frozen=True)
class LeftOut:
    """What of a folder is no part of the data set for one reason, by printable names with / between folders."""

    reason: str
    names: tuple[str, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return f"Left out, {self.reason}: {len(self):,} ({named(self.names)})."

    def document(self) -> dict[str, Any]:
        """For JSON: the reason, how many, and the names of the first of them."""
        return {"reason": self.reason, "count": len(self), "names": list(self.names[:LISTED])}


class LeftOuts:
    """What is left out, in the order of the reasons."""

    def __init__(self, known: Mapping[str, Iterable[Parts]]) -> None:
        self.names: dict[str, dict[str, None]] = {reason: {} for reason in REASONS}
        for reason, several in known.items():
            for parts in several:
                self.add(reason, parts)

    def add(self, reason: str, parts: Parts, end: str = "") -> None:
        """One more, a folder where it has the `end` of one."""
        self.names[reason].setdefault("/".join(map(printable, parts)) + end)

    def told(self) -> tuple[LeftOut, ...]:
        """All of it."""
        return tuple(LeftOut(reason, tuple(sorted(names))) for reason, names in self.names.items() if names)


def hidden(name: str) -> bool:
    """Whether a file or folder of that name is the business of a system or program, and nobody's image."""
    return name.startswith(".") or name.lower() in SYSTEM


def named(names: Sequence[str]) -> str:
    """The first few of printable names, separated by commas."""
    return ", ".join((*(name[:80] for name in names[:NAMED]), *("…",) * (len(names) > NAMED)))


def unfit(name: str) -> str | None:
    """Why a file of that name is left out wherever it lies; None for an image."""
    ending = os.path.splitext(name)[1].lower()
    if hidden(name):
        return HIDDEN
    if ending in SUFFIXES:
        return None
    return FORMAT if ending in OTHERS else OTHER if ending else BARE
