"""What a list of file names is as a data set: splits, classes, the images of each, and what is left out and why.

Folders on a disk and archives not yet unpacked are read by the same rules, because both are handed over as names.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cnnviz.data.left_out import BESIDE, EMPTY, HIDDEN, LOOSE, NAMED, UNKNOWN, LeftOut, LeftOuts, Parts, hidden, unfit
from cnnviz.options import RequestError
from cnnviz.printable import printable

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
GENERAL = ("set", "data", "dataset", "images", "image", "imgs", "img", "split", "folder")  # say nothing beside these
MAX_PICTURES = 500_000  # of a class


class FolderError(RequestError):
    """A folder is no data set that can be used; the message says what it should look like."""


@dataclass(frozen=True)
class Layout:
    """A data set by names: where its folder is, the classes in order, and (file, class) for each image of a split.

    Without folders of splits, what lies in class folders is `train`. `homes` are the folder of each split with class
    -1, and that of each class in it; empty where no folders say the classes.
    """

    root: Parts
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[tuple[Parts, int], ...]]
    left_out: tuple[LeftOut, ...]
    homes: Mapping[tuple[str, int], Parts] = field(default_factory=dict)


@dataclass
class _Node:
    """A folder: what is in it by name, and the images right in it."""

    at: Parts
    folders: dict[str, _Node] = field(default_factory=dict)
    images: list[Parts] = field(default_factory=list)

    def all(self) -> Iterator[Parts]:
        """The images in it and below."""
        yield from self.images
        for inside in self.folders.values():
            yield from inside.all()

    @property
    def full(self) -> bool:
        """Whether there is an image in it or below."""
        return next(self.all(), None) is not None

    @property
    def parted(self) -> bool:
        """Whether there are images in folders of it, as in a split."""
        return any(inside.full for inside in self.folders.values())

    @property
    def only(self) -> _Node | None:
        """The folder in it, where it holds nothing else that counts."""
        return next(iter(self.folders.values())) if len(self.folders) == 1 and not self.images else None


def arrange(
    title: str,
    files: Iterable[Parts],
    folders: Iterable[Parts] = (),
    left: Mapping[str, Iterable[Parts]] = MappingProxyType({}),
) -> Layout:
    """The data set that files and (also empty) folders are; `left` is what was left out before, by reason.

    Raises `FolderError`, which calls it `title` and says what was left out.
    """
    out = LeftOuts(left)
    root = _tree(files, folders, out)
    while (inside := root.only) and not inside.images and not _splits(root):
        root = inside
    split = _splits(root) or _inside_classes(root)
    parts = split or {"train": [root]}
    names = _classes(parts.get("train") or [node for nodes in parts.values() for node in nodes])
    images = {name: _images(nodes, names, out) for name, nodes in parts.items()}
    _aside(root, split, out)
    foreign = _classes(parts.get("val", ()))
    if len(names) > 1 and foreign and not images["val"]:
        here, there = (", ".join(map(printable, several[:NAMED])) for several in (foreign, names))
        raise FolderError(f"No image of val ({here}) is of a class that train has ({there}); name the folders alike.")
    if len(names) < 2:
        raise FolderError(" ".join((_too_few(title, names), *map(str, out.told()))))
    homes = {place: at for name, nodes in parts.items() for place, at in _homes(name, nodes, names)}
    return Layout(root.at, tuple(map(printable, names)), images, out.told(), homes)


def order(name: str) -> tuple[int, int, str]:
    """What class names are sorted by: whole numbers as numbers, before all other names."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def split_named(name: str) -> tuple[str, str] | None:
    """Which split a folder's name means, and what else it says ("seg" of seg_train); None where it means none.

    Case, digits, and words such as "set" or "images" do not count.
    """
    words = [w for w in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", name).casefold()) if w not in GENERAL]
    ends = [(i, split) for i in {0, len(words) - 1} if words and (split := _WORDS.get(words[i]))]
    if len(ends) != 1:
        return None
    place, split = ends[0]
    return split, " ".join((*words[:place], *words[place + 1 :]))


def _too_few(title: str, names: Sequence[str]) -> str:
    """Why so many classes are not enough."""
    found = f"{len(names)} folders with images" + (f" ({printable(names[0])})" if names else "")
    return (
        f"{title} holds {found}, which have to be at least two classes; "
        "make one folder per class, or train/<class> and val/<class>."
    )


def images_below(files: Iterable[Parts], out: LeftOuts) -> Iterator[Parts]:
    """The images among files; all others are left out."""
    return _tree(files, (), out).all()


def _tree(files: Iterable[Parts], folders: Iterable[Parts], out: LeftOuts) -> _Node:
    """All folders with their images; everything else is left out."""
    top = _Node(())

    def folder(parts: Parts) -> _Node | None:
        node = top
        for i, name in enumerate(parts):
            if (inside := node.folders.get(name)) is None:
                if hidden(name):
                    out.add(HIDDEN, parts[: i + 1], "/")
                    return None
                inside = node.folders[name] = _Node(parts[: i + 1])
            node = inside
        return node

    for parts in folders:
        folder(parts)
    for parts in files:
        if (node := folder(parts[:-1])) is None:
            continue
        if (reason := unfit(parts[-1])) is None:
            node.images.append(parts)
        else:
            out.add(reason, parts)
    return top


def _splits(root: _Node) -> dict[str, list[_Node]]:
    """The folders of each split; none where what lies in a folder are the classes themselves.

    A folder is one by its name, where it or another such folder holds folders with images. Names that say more (seg_
    train) count where train and another split say the same. Where there is no folder of train, the folders beside the
    others are training images if they have the same names as those inside.
    """
    meant = {name: found for name in root.folders if (found := split_named(name))}
    parted = {found for name, found in meant.items() if root.folders[name].parted}
    rests = sorted({rest for _, rest in parted})
    fit = [rest for rest in rests if not rest or {("train", rest)} < {found for found in parted if found[1] == rest}]
    if not fit:
        return {}
    chosen = {name: found[0] for name, found in meant.items() if found[1] == fit[0]}
    splits: dict[str, list[_Node]] = {}
    for split in SPLITS:
        if nodes := [_inner(root.folders[name], split) for name in sorted(chosen) if chosen[name] == split]:
            splits[split] = nodes
    if "train" not in splits:
        beside = {name: node for name, node in root.folders.items() if name not in chosen and node.full}
        inside = {_plain(name) for nodes in splits.values() for node in nodes for name in node.folders}
        if inside & set(map(_plain, beside)):
            splits = {"train": [_Node(root.at, beside)], **splits}
    return splits


def _inside_classes(root: _Node) -> dict[str, list[_Node]]:
    """The folders of each split where they lie in those of the classes, as in cat/train and cat/val; else none.

    So it is where each class has a folder of train, some have another one, and all have images in such folders alone.
    """
    found: dict[str, dict[str, _Node]] = {}
    for name, node in root.folders.items():
        if not node.full:
            continue
        meant = {inside: split_named(inside) for inside, below in node.folders.items() if below.full}
        named = [said[0] for said in meant.values() if said and not said[1]]
        if node.images or len(named) < len(meant) or named.count("train") != 1 or len(set(named)) < len(named):
            return {}
        for inside, split in zip(meant, named, strict=True):
            found.setdefault(split, {})[name] = node.folders[inside]
    if len(found) < 2:
        return {}
    return {split: [_Node(root.at, found[split])] for split in SPLITS if split in found}


def _inner(node: _Node, split: str) -> _Node:
    """The folder inside of a split's that holds its classes, as in seg_train/seg_train or train/images."""
    while (inside := node.only) and inside.parted and not inside.images:
        name = inside.at[-1]
        if name.casefold() not in GENERAL and (split_named(name) or ("",))[0] != split:
            break
        node = inside
    return node


def _classes(nodes: Iterable[_Node]) -> list[str]:
    """The names of the classes that have images, in order; Unicode forms of one name are one."""
    names = {_composed(name) for node in nodes for name, inside in node.folders.items() if inside.full}
    return sorted(names, key=lambda name: order(printable(name)))


def _indices(nodes: Sequence[_Node], classes: Sequence[str]) -> dict[str, int]:
    """The class of each folder of a split, by its name; capital and small letters are one where that is unambiguous."""
    place = {name: i for i, name in enumerate(classes)}
    here = {_composed(name) for node in nodes for name in node.folders}
    wanted, present = Counter(map(_plain, classes)), Counter(map(_plain, here))
    alike = {_plain(name): i for i, name in enumerate(classes) if wanted[_plain(name)] == present[_plain(name)] == 1}
    found = {name: place.get(_composed(name), alike.get(_plain(name))) for node in nodes for name in node.folders}
    return {name: index for name, index in found.items() if index is not None}


def _homes(split: str, nodes: Sequence[_Node], classes: Sequence[str]) -> Iterator[tuple[tuple[str, int], Parts]]:
    """The folder of a split, and those of the classes that have images in it."""
    yield (split, -1), nodes[0].at
    indices = _indices(nodes, classes)
    for node in reversed(nodes):  # the first has the last word
        for name, inside in node.folders.items():
            if name in indices and inside.full:
                yield (split, indices[name]), inside.at


def _images(nodes: Sequence[_Node], classes: Sequence[str], out: LeftOuts) -> tuple[tuple[Parts, int], ...]:
    """The images of a split and the class of each, ordered by class and name."""
    indices = _indices(nodes, classes)
    found: dict[int, list[Parts]] = {}
    for node in nodes:
        for name, inside in node.folders.items():
            index = indices.get(name)
            images = list(inside.all())
            if not images:
                out.add(EMPTY, inside.at, "/")
            elif index is not None:
                found.setdefault(index, []).extend(images)
            else:
                for parts in images:
                    out.add(UNKNOWN, parts)
    for index, images in found.items():
        if len(images) > MAX_PICTURES:
            raise FolderError(
                f"{printable(classes[index])} holds more than {MAX_PICTURES:,} images; take a part of them."
            )
    return tuple((parts, index) for index in sorted(found) for parts in sorted(found[index]))


def _aside(root: _Node, split: Mapping[str, Sequence[_Node]], out: LeftOuts) -> None:
    """Leaves out the images in no class folder and those beside the splits."""
    nodes = [node for several in split.values() for node in several]
    for node in (root, *nodes):
        for parts in node.images:
            out.add(LOOSE, parts)
    if not split:
        return
    inside = {node.at for node in nodes} | {child.at for node in nodes for child in node.folders.values()}
    for node in root.folders.values():
        if not any(at[: len(node.at)] == node.at for at in inside):
            for parts in node.all():
                out.add(BESIDE, parts)


def _composed(name: str) -> str:
    """A name in Unicode's composed form, so that ä is one character however a system writes it."""
    return unicodedata.normalize("NFC", name)


def _plain(name: str) -> str:
    """A name without the difference between capital and small letters."""
    return _composed(name).casefold()


_WORDS = {f"{word}{end}": split for split, words in SPLITS.items() for word in words for end in ("", *GENERAL)}
