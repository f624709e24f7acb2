"""What is wrong with a data set before a network finds out: unreadable files, imbalance, odd sizes, twins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnnviz.data import twins
from cnnviz.data.decode import gray
from cnnviz.data.folder import DataSet
from cnnviz.data.left_out import LeftOut
from cnnviz.data.twins import Look, Twin
from cnnviz.image_file import PhotoError, contents

PAIRS = 500  # reported at most, those under two classes and in two splits first
DETAIL = 64  # px of the shorter side, below which an image has too little detail to be found as a crop
KINDS = {
    "identical": "the same file twice",
    "format": "the same image in another format",
    "size": "the same image in another size",
    "saved": "the same image saved again",
    "flipped": "one image flipped horizontally",
    "cropped": "one image cropped",
    "mirrored": "one image flipped horizontally and cropped",
}


@dataclass(frozen=True)
class Pair:
    """Two images that show the same: paths, splits, class indices, mean difference in gray levels, and one of KINDS."""

    one: Path
    other: Path
    one_split: str
    other_split: str
    difference: float
    kind: str
    one_class: int
    other_class: int

    @property
    def leaks(self) -> bool:
        """Whether they lie in different splits, so that one is trained on and the other one evaluated."""
        return self.one_split != self.other_split

    @property
    def conflicts(self) -> bool:
        """Whether they lie under different classes."""
        return self.one_class != self.other_class


@dataclass(frozen=True)
class Audit:
    """Findings about a data set.

    `counts` is split -> images per class; `sizes` int64 (N, 2) are widths and heights of all readable images; `twins`
    are the pairs that show the same, at most `PAIRS` of `every` one, of which there are `pairs`.
    """

    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    sizes: np.ndarray = field(repr=False)
    unreadable: tuple[tuple[Path, str], ...]
    twins: tuple[Pair, ...]
    pairs: int
    left_out: tuple[LeftOut, ...] = ()  # what of the folder is no part of the data set
    every: tuple[Pair, ...] = field(default=(), repr=False)

    @property
    def groups(self) -> tuple[tuple[Path, ...], ...]:
        """Images that show the same, directly or by others between them, each group in the order of its names."""
        of: dict[Path, set[Path]] = {}
        for pair in self.every:
            both = of.get(pair.one, {pair.one}) | of.get(pair.other, {pair.other})
            of.update(dict.fromkeys(both, both))
        whole = {id(group): tuple(sorted(group)) for group in of.values()}
        return tuple(sorted(whole.values()))

    @property
    def unsearched(self) -> int:
        """The images beyond `twins.MOST`, among which no crops are looked for: whole images of them are compared."""
        return max(0, len(self.sizes) - twins.MOST)

    @property
    def duplicates(self) -> tuple[Pair, ...]:
        """The twins in different splits."""
        return tuple(pair for pair in self.twins if pair.leaks)

    @property
    def conflicts(self) -> tuple[Pair, ...]:
        """The twins under different classes, in the same split or in two."""
        return tuple(pair for pair in self.twins if pair.conflicts)

    @property
    def inside(self) -> tuple[Pair, ...]:
        """The twins of one class inside of one split."""
        return tuple(pair for pair in self.twins if not pair.leaks and not pair.conflicts)

    @property
    def imbalance(self) -> float:
        """The largest training class over the smallest."""
        counts = self.counts["train"]
        return max(counts) / max(1, min(counts))


@dataclass(frozen=True, eq=False)
class _Image:
    """A readable image of a data set."""

    path: Path
    split: str
    label: int
    look: Look
    size: tuple[int, int]
    digest: bytes


def audit(data: DataSet, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Findings about every image of a data set, each read once; `progress` hears (done, in all)."""
    listed = [
        (path, name, label)
        for name, split in data.splits().items()
        for path, label in zip(split.paths, split.labels, strict=True)
    ]
    images, bad = list[_Image](), list[tuple[Path, str]]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(lambda one: _looked(*one), listed)
        for done, ((path, *_), found) in enumerate(zip(listed, looked, strict=True), start=1):
            if isinstance(found, str):
                bad.append((path, found))
            else:
                images.append(found)
            if progress and (done % 50 == 0 or done == len(listed)):
                progress(done, len(listed))
    alike = twins.find([one.look for one in images], lambda place: _opened(images[place].path)[1])
    pairs = sorted(
        (_pair(twin, images[twin.one], images[twin.other]) for twin in alike),
        key=lambda pair: (not pair.conflicts, not pair.leaks, pair.difference),
    )
    return Audit(
        data.classes,
        {name: split.counts(len(data.classes)) for name, split in data.splits().items()},
        np.array([one.size for one in images], np.int64).reshape(-1, 2),
        tuple(bad),
        tuple(pairs[:PAIRS]),
        len(pairs),
        data.left_out,
        tuple(pairs),
    )


def _pair(twin: Twin, one: _Image, other: _Image) -> Pair:
    kind = twin.kind if twin.kind != "same" else _saved(one, other)
    return Pair(one.path, other.path, one.split, other.split, twin.difference, kind, one.label, other.label)


def _saved(one: _Image, other: _Image) -> str:
    """How two files come to show the same whole image."""
    if one.digest == other.digest:
        return "identical"
    if one.size != other.size:
        return "size"
    return "saved" if one.path.suffix.lower() == other.path.suffix.lower() else "format"


def _looked(path: Path, split: str, label: int) -> _Image | str:
    """What is remembered of an image, or why it cannot be read."""
    try:
        data, pixels, size = _opened(path)
    except PhotoError as error:
        return str(error)
    look = twins.look(pixels, local=min(size) >= DETAIL)
    return _Image(path, split, label, look, size, hashlib.blake2b(data, digest_size=16).digest())


def _opened(path: Path) -> tuple[bytes, np.ndarray, tuple[int, int]]:
    """The bytes of a file, and what `data.decode.gray` makes of them. Raises `PhotoError`."""
    data, name = contents(path)
    return data, *gray(data, name, twins.SIDE)
