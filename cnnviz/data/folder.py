"""Images in folders: which class each belongs to, which split."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnnviz import image_file
from cnnviz.data import label_lists
from cnnviz.data.decode import decode
from cnnviz.data.layout import SPLITS as SPLITS
from cnnviz.data.layout import FolderError as FolderError
from cnnviz.data.layout import order as order
from cnnviz.data.left_out import SUFFIXES as SUFFIXES
from cnnviz.data.left_out import LeftOut
from cnnviz.data.listing import listing
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.printable import printable

PHOTO = 64  # px; what is smaller is a digit or an icon
COLOUR = 4  # of 255, the mean distance of the largest channel from the smallest in what is not gray
FEW = 9  # images that tell what a folder is of


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
    """A data set on disk: its folder, printable class names in order, its splits, and what of the folder is left out.

    `test` may be empty. `homes` are the folders of splits and classes: (split, class, folder), class -1 for a split's
    own; none where no folders say the classes.
    """

    root: Path
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    left_out: tuple[LeftOut, ...] = ()
    homes: tuple[tuple[str, int, Path], ...] = field(default=(), repr=False)

    def splits(self) -> dict[str, Split]:
        """The splits that have images, by name."""
        found = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in found.items() if len(split)}


def read(root: Path | str, *, share: float = 0.2, seed: int = 0, labels: str = "") -> DataSet:
    """The data set in a folder: train/<class>/, val/<class>/ and test/<class>/, or <class>/ with a seeded split.

    `docs/data_sets.md` has the rules. `labels` is "names" where the names of the images say the classes (cat.1.jpg), or
    the CSV file that does (file, label, perhaps split), in the folder or elsewhere. Where there is no val, a `share` of
    each class's training images becomes it, drawn with `seed`. Nothing but names is read. Raises `FolderError`.
    """
    data = survey(root, labels)
    if not len(data.val):
        train, val = _divided(data.train, len(data.classes), share, seed)
        data = dataclasses.replace(data, train=train, val=val)
    if not len(data.train) or not len(data.val):
        raise FolderError(
            f"{_title(Path(root))} has too few images for a training and a validation split; add some in train/<class>."
        )
    return data


def survey(root: Path | str, labels: str = "") -> DataSet:
    """As `read`, with the splits as they lie in the folder: where there is no val, `val` is empty.

    Raises `FolderError`.
    """
    root = Path(root)
    if not root.is_dir():
        raise FolderError(f"There is no folder {_title(root)}; check its name, or upload the images as a zip.")
    found = listing(root)
    text = _text(root, labels) if labels else b""
    layout = label_lists.arrange(_title(root), found.files, found.folders, found.left, labels, text)
    splits = {
        name: Split(tuple(root.joinpath(*parts) for parts, _ in images), tuple(index for _, index in images))
        for name, images in layout.splits.items()
    }
    train, val, test = (splits.get(name, Split((), ())) for name in SPLITS)
    homes = tuple((split, index, root.joinpath(*at)) for (split, index), at in layout.homes.items())
    return DataSet(root.joinpath(*layout.root), layout.classes, train, val, test, layout.left_out, homes)


def _text(root: Path, labels: str) -> bytes:
    """A CSV file of labels, in the folder or elsewhere; nothing where names are the labels. Raises `FolderError`."""
    if labels == label_lists.NAMES:
        return b""
    for place in (root / labels, Path(labels)):
        if place.is_file():
            with contextlib.suppress(OSError), place.open("rb") as file:
                return file.read(label_lists.LARGEST + 1)
    raise FolderError(f"There is no list of labels {labels} in {_title(root)}; name a CSV file in it, or names.")


def of_photos(data: DataSet) -> bool:
    """Whether most of a few training images are photos in colour: PHOTO px or more on each side, and not gray."""
    return _most(data, lambda small, gray: not small and not gray)


def of_digits(data: DataSet) -> bool:
    """Whether most of a few training images are as digits are scanned: gray, and fewer than PHOTO px on a side."""
    return _most(data, lambda small, gray: small and gray)


def _most(data: DataSet, such: Callable[[bool, bool], bool]) -> bool:
    """Whether most of a few training images are such: small, gray."""
    few = data.train.paths[:: max(1, len(data.train) // FEW)][:FEW]
    return sum(_is(path, such) for path in few) > len(few) / 2


def _is(path: Path, such: Callable[[bool, bool], bool]) -> bool:
    try:
        small = min(image_file.size_of(path)) < PHOTO
        if not such(small, True) and not such(small, False):
            return False
        pixels = decode(path, Preprocess(PHOTO, PHOTO)).astype(np.int16)
    except RequestError:
        return False
    return such(small, bool(np.ptp(pixels, axis=2).mean() <= COLOUR))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


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


def _title(root: Path) -> str:
    return printable(root.name or str(root))
