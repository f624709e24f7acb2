"""What is wrong with a data set before a network finds out: unreadable files, imbalance, odd sizes, leaks into val."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cnnviz.data.folder import DataSet, decode
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import FORMATS, PhotoError

THUMB = Preprocess(resize=(32, 32), crop=32, mean=(0.0,), std=(1.0,), channels=1)
BITS = 4  # two hashes that differ in no more bits may be the same picture
TONE = 0.05  # and are, if their thumbnails differ by no more than this share of their contrast on average
PAIRS = 200  # reported at most
BLOCK = 256  # images compared with all others at a time


@dataclass(frozen=True)
class Pair:
    """Two images in different splits that look the same: paths, splits, and mean difference in grey levels."""

    one: Path
    other: Path
    one_split: str
    other_split: str
    difference: float


@dataclass(frozen=True)
class Audit:
    """Findings about a data set.

    `counts` is split -> images per class; `sizes` int64 (N, 2) are widths and heights of all readable images.
    """

    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    sizes: np.ndarray = field(repr=False)
    unreadable: tuple[tuple[Path, str], ...]
    duplicates: tuple[Pair, ...]
    conflicts: tuple[Pair, ...] = ()  # one image under two classes, in the same split or in two

    @property
    def imbalance(self) -> float:
        """The largest training class over the smallest."""
        counts = self.counts["train"]
        return max(counts) / max(1, min(counts))


def audit(data: DataSet, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Findings about every image of a data set, each opened once; `progress` hears (done, in all)."""
    listed = [(name, path) for name, split in data.splits().items() for path in split.paths]
    labels = [label for split in data.splits().values() for label in split.labels]
    thumbs, sizes, splits, paths, classes, bad = [], [], [], [], [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(_look, (path for _, path in listed))
        rows = zip(listed, labels, found, strict=True)
        for done, ((name, path), label, (thumb, size)) in enumerate(rows, start=1):
            if isinstance(thumb, str):
                bad.append((path, thumb))
            else:
                thumbs.append(thumb)
                sizes.append(size)
                splits.append(name)
                paths.append(path)
                classes.append(label)
            if progress and (done % 50 == 0 or done == len(listed)):
                progress(done, len(listed))
    counts = {name: split.counts(len(data.classes)) for name, split in data.splits().items()}
    alike = _alike(np.array(thumbs, np.float32)) if thumbs else []
    pairs = [(Pair(paths[a], paths[b], splits[a], splits[b], tone), classes[a] != classes[b]) for a, b, tone in alike]
    return Audit(
        data.classes,
        counts,
        np.array(sizes, np.int64).reshape(-1, 2),
        tuple(bad),
        tuple(pair for pair, _ in pairs if pair.one_split != pair.other_split)[:PAIRS],
        tuple(pair for pair, differ in pairs if differ)[:PAIRS],
    )


def fingerprint(thumb: np.ndarray) -> int:
    """The 64-bit perceptual hash of a grey thumbnail (32, 32): which low frequencies lie above their median.

    pHash (Zauner, 2010).
    """
    import cv2

    waves = cv2.dct(thumb.astype(np.float32))[:8, :8].ravel()
    above = waves > np.median(waves[1:])  # the first is the mean brightness
    return int(np.packbits(above).view(">u8")[0])


def _look(path: Path) -> tuple[np.ndarray | str, tuple[int, int]]:
    """A picture's thumbnail (32, 32) and its size, or why there is none."""
    try:
        thumb = decode(path, THUMB)[..., 0]
        with Image.open(path, formats=FORMATS) as image:
            return thumb, image.size
    except PhotoError as error:
        return str(error), (0, 0)


def _alike(thumbs: np.ndarray) -> list[tuple[int, int, float]]:
    """Images that look the same, each pair once: both indices and the mean difference, the most alike first."""
    hashes = np.array([fingerprint(thumb) for thumb in thumbs], np.uint64)
    found = []
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        apart = np.bitwise_count(block[:, None] ^ hashes[None, start:])  # (B, N - start)
        for i, j in zip(*np.nonzero(apart <= BITS), strict=True):
            a, b = start + int(i), start + int(j)
            if a >= b:
                continue
            tone = float(np.abs(thumbs[a] - thumbs[b]).mean())
            if tone <= TONE * max(float(thumbs[b].std()), 1.0):
                found.append((a, b, tone))
    return sorted(found, key=lambda pair: pair[2])
