"""Images in folders: which class each belongs to, which split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnnviz import image_file
from cnnviz.data.decode import decode
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError

SUFFIXES = image_file.SUFFIXES
SPLITS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
MAX_PICTURES = 500_000
PHOTO = 64  # px; what is smaller is a digit or an icon
COLOUR = 4  # of 255, the mean distance of the largest channel from the smallest in what is not gray
FEW = 9  # images that tell what a folder is of


class FolderError(RequestError):
    """A folder is no data set that can be used; the message says what it should look like."""


@dataclass(frozen=True)
class Split:
    """The images of one split and the index of each one's class."""

    paths: tuple[Path, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def counts(self, classes: int) -> tuple[int, ...]:
        """Images per class."""
        return tuple(int(n) for n in np.bincount(np.array(self.labels, np.int64), minlength=classes))


@dataclass(frozen=True)
class DataSet:
    """A data set on disk: its folder, class names in order, and its splits; `test` may be empty."""

    root: Path
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split

    def splits(self) -> dict[str, Split]:
        """The splits that have images, by name."""
        found = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in found.items() if len(split)}


def read(root: Path | str, *, share: float = 0.2, seed: int = 0) -> DataSet:
    """The data set in a folder: train/<class>/, val/<class>/ and test/<class>/, or <class>/ with a seeded split.

    Where there is no val, a `share` of each class's training images becomes it, drawn with `seed`. Class names that
    are whole numbers are ordered as numbers. Nothing but names is read. Raises `FolderError`.
    """
    root = Path(root)
    if not root.is_dir():
        raise FolderError(f"There is no folder {root.name or root}; check its name, or upload the images as a zip.")
    root = _unwrapped(root)
    named = {split: next((root / n for n in names if (root / n).is_dir()), None) for split, names in SPLITS.items()}
    whole = named["train"] or root
    classes = tuple(sorted((p.name for p in _folders(whole) if _pictures(p)), key=order))
    if len(classes) < 2:
        raise FolderError(
            f"{root.name} holds {len(classes)} folders with images, which have to be at least two classes; "
            "make one folder per class, or train/<class> and val/<class>."
        )
    train, val = _split(whole, classes), _split(named["val"], classes)
    test = _split(named["test"], classes)
    if not len(val):
        train, val = _divided(train, len(classes), share, seed)
    if not len(train) or not len(val):
        raise FolderError(f"{root.name} has too few images for a training and a validation split; add some.")
    return DataSet(root, classes, train, val, test)


def of_photos(data: DataSet) -> bool:
    """Whether most of a few training images are photos in colour: PHOTO px or more on each side, and not gray."""
    few = data.train.paths[:: max(1, len(data.train) // FEW)][:FEW]
    return sum(map(_is_photo, few)) > len(few) / 2


def _is_photo(path: Path) -> bool:
    try:
        small = min(image_file.size_of(path)) < PHOTO
        pixels = None if small else decode(path, Preprocess(PHOTO, PHOTO)).astype(np.int16)
    except RequestError:
        return False
    return pixels is not None and bool(np.ptp(pixels, axis=2).mean() > COLOUR)


def _unwrapped(root: Path) -> Path:
    """The folder inside when a folder holds nothing but one other, as zips often do."""
    for _ in range(4):
        inside = _folders(root)
        if len(inside) != 1 or _has_pictures(root) or _has_pictures(inside[0]):
            return root
        if any(inside[0].name.lower() in names for names in SPLITS.values()):
            return root
        root = inside[0]
    return root


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def _pictures(folder: Path) -> list[Path]:
    """The picture files of a folder and of folders in it, by name."""
    found = sorted(
        p
        for p in folder.rglob("*")
        if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and not p.is_symlink() and p.is_file()
    )
    if len(found) > MAX_PICTURES:
        raise FolderError(f"{folder.name} holds more than {MAX_PICTURES:,} images; take a part of them.")
    return found


def _has_pictures(folder: Path) -> bool:
    return any(p.suffix.lower() in SUFFIXES and not p.name.startswith(".") for p in folder.iterdir())


def _split(folder: Path | None, classes: Sequence[str]) -> Split:
    if folder is None:
        return Split((), ())
    found = [
        (path, i) for i, name in enumerate(classes) if (folder / name).is_dir() for path in _pictures(folder / name)
    ]
    return Split(tuple(path for path, _ in found), tuple(i for _, i in found))


def _divided(whole: Split, classes: int, share: float, seed: int) -> tuple[Split, Split]:
    """A split in two: `share` of each class (at least one picture) for the second, drawn with `seed`."""
    rng = np.random.default_rng(seed)
    labels = np.array(whole.labels)
    second = np.zeros(len(whole), bool)
    for i in range(classes):
        members = np.flatnonzero(labels == i)
        count = min(max(1, round(len(members) * share)), len(members) - 1)
        second[rng.permutation(members)[: max(0, count)]] = True
    return _part(whole, ~second), _part(whole, second)


def _part(whole: Split, chosen: np.ndarray) -> Split:
    picked = np.flatnonzero(chosen)
    return Split(tuple(whole.paths[i] for i in picked), tuple(whole.labels[i] for i in picked))


def order(name: str) -> tuple[int, int, str]:
    """What class names are sorted by: whole numbers as numbers, before all other names."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)
