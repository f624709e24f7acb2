"""Classes that no folders say: from a CSV file of labels, or from the names of the images (cat.1.jpg).

Both are asked for and never guessed: `labels` is the name of a CSV file, or NAMES.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from cnnviz.data import layout, zip_names
from cnnviz.data.layout import MAX_PICTURES, FolderError, Layout, images_below, order, split_named
from cnnviz.data.left_out import ABSENT, NAMELESS, UNLISTED, LeftOuts, Parts, hidden, unfit
from cnnviz.printable import printable

NAMES = "names"  # the labels that the names of images begin with
LARGEST = 64 << 20  # bytes of a CSV file
OFFERED = 4  # lists and classes that are named
FILES = {
    "file",
    "filename",
    "filepath",
    "path",
    "image",
    "imageid",
    "imagename",
    "imagepath",
    "img",
    "id",
    "name",
    "photo",
}
LABELS = {"label", "labels", "class", "classname", "category", "target", "species", "breed", "y"}
SPLITS = {"split", "set", "subset", "partition"}

Found = tuple[str, str]  # the class of an image and the split it is in; "" where its folder says


def arrange(
    title: str,
    files: Sequence[Parts],
    folders: Iterable[Parts] = (),
    left: Mapping[str, Iterable[Parts]] = MappingProxyType({}),
    labels: str = "",
    data: bytes = b"",
) -> Layout:
    """The data set of files, by class folders or by `labels`: NAMES, or a CSV file with these `data`.

    Where class folders make none, the `FolderError` says which labels would.
    """
    if not labels:
        try:
            return layout.arrange(title, files, folders, left)
        except FolderError as error:
            raise FolderError(" ".join((str(error), *offers(files).values()))) from None
    if labels == NAMES:
        return labelled(title, files, by_names(files), NAMELESS, left)
    name = os.path.basename(labels)
    own = [parts for parts in files if parts[-1] != name]
    found, absent = by_rows(printable(name), data, own)
    return labelled(title, own, found, UNLISTED, {**left, ABSENT: absent})


def offers(files: Iterable[Parts]) -> dict[str, str]:
    """What `labels` could be for files that no folders divide, with a sentence on each."""
    images = [parts for parts in files if not any(map(hidden, parts)) and unfit(parts[-1]) is None]
    lists = ["/".join(parts) for parts in files if parts[-1].lower().endswith(".csv") and not any(map(hidden, parts))]
    found = {
        path: f"For the classes in {printable(path)}, set labels to that file." for path in sorted(lists)[:OFFERED]
    }
    named = Counter(label for label, _ in by_names(images).values())
    if len(named) > 1 and 2 * len(named) <= len(images):
        most = sorted(named.items(), key=lambda one: (-one[1], order(one[0])))
        some = ", ".join(f"{printable(label)}: {count:,}" for label, count in most[:OFFERED])
        more = ", …" if len(named) > OFFERED else ""
        found[NAMES] = f"For the {len(named):,} classes in the names of the images ({some}{more}), set labels to names."
    return found


def labelled(
    title: str,
    files: Sequence[Parts],
    label_of: Mapping[Parts, Found],
    unnamed: str,
    left: Mapping[str, Iterable[Parts]] = MappingProxyType({}),
) -> Layout:
    """The data set of images whose class is known one by one; others are left out for the reason `unnamed`.

    Without a split of its own, an image is in that of the folder it lies in, else in train. Raises `FolderError`.
    """
    out = LeftOuts(left)
    found: dict[str, list[tuple[Parts, str]]] = {}
    for parts in sorted(images_below(files, out)):
        if parts not in label_of:
            out.add(unnamed, parts)
            continue
        label, split = label_of[parts]
        found.setdefault(split or _split_of(parts), []).append((parts, label))
    per_class = Counter(label for images in found.values() for _, label in images)
    if any(count > MAX_PICTURES for count in per_class.values()):
        raise FolderError(f"{title} has a class of more than {MAX_PICTURES:,} images; take a part of them.")
    names = sorted(per_class, key=order)
    if len(names) < 2:
        one = f" ({printable(names[0])})" if names else ""
        few = f"{title} has {len(names)} classes{one} by its labels, and at least two are needed; correct the labels."
        raise FolderError(" ".join((few, *map(str, out.told()))))
    place = {name: i for i, name in enumerate(names)}
    images: dict[str, tuple[tuple[Parts, int], ...]] = {
        split: tuple(sorted(((parts, place[label]) for parts, label in found[split]), key=lambda one: (one[1], one[0])))
        for split in layout.SPLITS
        if split in found
    }
    return Layout((), tuple(map(printable, names)), images, out.told())


def by_names(files: Iterable[Parts]) -> dict[Parts, Found]:
    """The class that each file's name begins with, before its number: cat.1.jpg, cat (2).jpg and cat3.jpg are cat."""
    named = ((parts, class_in(parts[-1])) for parts in files)
    return {parts: (label, "") for parts, label in named if label}


def class_in(name: str) -> str:
    """The class in a file's name; "" where it says none."""
    stem = unicodedata.normalize("NFC", os.path.splitext(name)[0])
    label = shorter = _unnumbered(stem)
    while shorter := _unnumbered(shorter):
        label = shorter
    bare = re.fullmatch(r"([^\W\d_]+)\d+", stem)
    return label or (bare[1] if bare else "")


def _unnumbered(stem: str) -> str:
    """What stands before the last number and what parts it from that; "" where there is no such, or no letter in it."""
    ends = [len(stem)]
    for inside in (lambda c: not c.isalnum(), str.isdecimal, lambda c: not c.isalnum()):
        end = ends[-1]
        while end and inside(stem[end - 1]):
            end -= 1
        ends.append(end)
    _, number, parting, rest = ends
    return stem[:rest] if rest < parting < number and any(map(str.isalpha, stem[:rest])) else ""


def by_rows(name: str, data: bytes, files: Iterable[Parts]) -> tuple[dict[Parts, Found], list[Parts]]:
    """The classes of files by a CSV, and the names in it that no file has. Raises `FolderError`.

    Columns are file, label and perhaps split: by the names in its first line, else in this order. A file is named with
    or without its folders and its ending, as long as no other file is meant.
    """
    if len(data) > LARGEST:
        raise FolderError(f"{name} is larger than {LARGEST >> 20} MiB; a list of labels is not.")
    lines = rows(data)
    known = _known(files)
    heading = _heading(lines[0]) and not any(_plain(cell.strip()) in known for cell in lines[0])
    here, says, parts_of = _columns(name, lines[0], heading)
    found: dict[Parts, Found] = {}
    absent: list[Parts] = []
    for row in lines[heading:]:
        cells = [cell.strip() for cell in (*row, *[""] * max(0, here, says, parts_of))]
        file, label = _plain(cells[here]), unicodedata.normalize("NFC", cells[says])
        parts = known.get(file)
        if not file or not label:
            continue
        if parts is None:
            absent.append(tuple(file.split("/")))
            continue
        split = _split(name, cells[parts_of]) if parts_of >= 0 else ""
        if found.get(parts, (label, split)) != (label, split):
            raise FolderError(f"{name} has two labels or splits for {file}; leave one of them.")
        found[parts] = label, split
    return found, absent


def rows(data: bytes) -> list[list[str]]:
    """The cells of a CSV file in UTF-8 or any code page, parted by commas, semicolons or tabs; empty lines left out."""
    text = data.decode(
        "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else zip_names.code_page(data.splitlines()), "replace"
    )
    text = text.removeprefix("\ufeff").replace("\0", "")
    first = text.partition("\n")[0]
    try:
        found = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count)))
    except csv.Error:
        found = []
    return [row for row in found if any(cell.strip() for cell in row)] or [[]]


def _columns(name: str, first: Sequence[str], heading: bool) -> tuple[int, int, int]:
    """Where file, label and split stand; -1 for no split. Raises `FolderError`."""
    head, width = [_bare(cell) for cell in first], len(first)
    if heading:
        file, label, split = (next((i for i, c in enumerate(head) if c in w), -1) for w in (FILES, LABELS, SPLITS))
        rest = [i for i in range(width) if i not in (file, label, split)]
        if len(rest) == 1:  # two columns of which one is named
            file, label = (rest[0] if i < 0 else i for i in (file, label))
    else:
        file, label, split = 0, 1 if width > 1 else -1, 2 if width > 2 and split_named(first[2]) else -1
    if file < 0 or label < 0:
        raise FolderError(
            f"{name} does not say which column is what; begin it with a line file,label or file,label,split."
        )
    return file, label, split


def _heading(first: Sequence[str]) -> bool:
    """Whether a first line names columns."""
    return any(_bare(cell) in FILES | LABELS for cell in first)


def _known(files: Iterable[Parts]) -> dict[str, Parts]:
    """Files by all that a list may call them: with fewer folders, and without their ending, where that is one file."""
    whole = {_plain("/".join(parts)): parts for parts in files}
    called: dict[str, set[Parts]] = {}
    for path, parts in whole.items():
        folders = path.split("/")
        for i in range(len(folders)):
            for name in {short := "/".join(folders[i:]), os.path.splitext(short)[0]}:
                called.setdefault(name, set()).add(parts)
    return {name: several.pop() for name, several in called.items() if len(several) == 1} | whole


def _split(name: str, cell: str) -> str:
    if not cell:
        return ""
    if (meant := split_named(cell)) is None:
        raise FolderError(f"{name} has the split {printable(cell[:40])}; write train, val or test.")
    return meant[0]


def _split_of(parts: Parts) -> str:
    """The split that the folders of an image say, by themselves; else train."""
    meant = (split_named(folder) for folder in parts[:-1])
    return next((found[0] for found in meant if found and not found[1]), "train")


def _plain(file: str) -> str:
    return unicodedata.normalize("NFC", file.replace("\\", "/")).removeprefix("./").strip("/")


def _bare(cell: str) -> str:
    return re.sub(r"[\W_]+", "", cell.casefold())
