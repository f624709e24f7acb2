"""What a run remembers of its data: class names, and the images of each split with their sizes and checksums.

The data of a run that goes on, is judged or is begun with are compared with that, so that no label shifts, no split is
drawn anew, and what changed is said. Reading and comparing needs no torch, and decodes no image.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnnviz.data import folder as folders
from cnnviz.data.folder import DataSet, Split
from cnnviz.options import RequestError
from cnnviz.printable import first, printable
from cnnviz.train import run
from cnnviz.train.plan import Plan

DATA = "data.json"  # in the folder of a run
NAMED = 3  # images or classes that a sentence names
ENDS = 4096  # bytes at each end of a file that its checksum is of
UNREAD = (-1, 0)  # the size and checksum of a file that cannot be read

Say = Callable[..., None]
Mark = tuple[str, int, int]


@dataclass(frozen=True)
class Item:
    """One image: its path from the folder of the data set, with slashes, the index of its class, its size in bytes, and
    the CRC-32 of the file's first and last `ENDS` bytes.
    """

    path: str
    label: int
    size: int
    crc: int

    @property
    def mark(self) -> Mark:
        """The name of the file, its size and checksum: what stays when a folder is renamed."""
        return self.path.rpartition("/")[2], self.size, self.crc


@dataclass(frozen=True)
class Remembered:
    """A data set as it was: class names in order, and the images of each split in order."""

    root: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[Item, ...]] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """32 hex digits that depend on class names, paths, labels and files, and not on where the folder lies."""
        text = json.dumps([self.classes, [[name, _rows(items)] for name, items in self.splits.items()]])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def items(self) -> list[Item]:
        """The images of all splits."""
        return [item for items in self.splits.values() for item in items]

    def json(self) -> str:
        """One JSON object: root, classes, fingerprint, and splits as lists of [path, label, bytes, CRC-32]."""
        splits = {name: _rows(items) for name, items in self.splits.items()}
        return json.dumps(
            {"root": self.root, "classes": self.classes, "fingerprint": self.fingerprint, "splits": splits}
        )


def note(data: DataSet) -> Remembered:
    """A data set as it is now; of each file the size and both ends are read."""
    splits = {
        name: tuple(
            Item(_spelt(path, data.root), label, *_ends(path))
            for path, label in zip(part.paths, part.labels, strict=True)
        )
        for name, part in data.splits().items()
    }
    return Remembered(str(data.root), data.classes, splits)


def read(folder: Path) -> Remembered | None:
    """What a run remembers; None for one from before runs did. Raises `RequestError` where the file is damaged."""
    path = folder / DATA
    if not path.is_file():
        return None
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        splits = {name: tuple(Item(*row) for row in rows) for name, rows in known["splits"].items()}
        then = Remembered(known["root"], tuple(known["classes"]), splits)
        if then.fingerprint == known["fingerprint"]:
            return then
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise RequestError(
        f"What run {folder.name} remembers of its data ({path.name}) is damaged; delete that file to resume with "
        "the data as they are now, or train a new run."
    )


def keep(folder: Path, data: DataSet, say: Say, again: bool = True) -> None:
    """Writes down the data of a run, or, unless `again`, leaves what is written; a full disk costs no training."""
    path = folder / DATA
    draft = path.with_name(f".{path.name}.draft")
    if path.exists() and not again:
        return
    try:
        draft.write_text(note(data).json(), encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        say("warning", message=f"The split of the data could not be written down ({error.strerror}): free some space.")


def begin(plan: Plan, runs: Path, say: Say) -> DataSet:
    """The data of a plan. Images that belonged to a split of the run whose weights it begins with stay in that split.

    Raises `FolderError`.
    """
    data = folders.read(plan.data, share=plan.share, seed=plan.seed, labels=plan.labels)
    name = plan.start.removeprefix("run/").partition("@")[0]
    then = read(runs / name) if plan.start.startswith("run/") and run.NAME.fullmatch(name) else None
    if then is None or (kept := _as_before(data, then)) is data:
        return data
    say(
        "warning",
        message=f"The split is that of run {name}, whose weights this one begins with: none of its training images "
        "became a validation image.",
    )
    return kept


def follow(folder: Path, plan: Plan, say: Say, classes: Sequence[str] = ()) -> DataSet:
    """The data of a run: those of its plan for one that has none yet, else the split that it remembers.

    New images are left out, those that are gone are missing, and one sentence says so. `classes` are those a run from
    before was trained with. Raises `RequestError` where the classes are not those of the run.
    """
    if not Path(plan.data).is_dir():
        raise RequestError(
            f"There is no folder {printable(Path(plan.data).name)} any more, the data of run {folder.name}; bring it "
            "back, or say where it lies now: cnnviz train RUN --data DIR."
        )
    then = read(folder)
    if then is None:
        data = begin(plan, folder.parent, say)
        if classes and tuple(classes) != data.classes:
            raise RequestError(
                f"Run {folder.name} was trained with the classes {first(classes, NAMED)}, and {data.root.name} has "
                f"{first(data.classes, NAMED)} now; name the folders as they were, or train a new run."
            )
        return data
    now = folders.read(plan.data, share=plan.share, seed=plan.seed, labels=plan.labels)
    if told := changes(then, now, folder.name):
        say("warning", message=told)
    return _kept(then, now)


def changes(then: Remembered, now: DataSet, name: str) -> str:
    """What is different about the data of the run `name`, in one sentence; empty where nothing is.

    Raises `RequestError` where a class has another name, or most of its images are gone or others.
    """
    here = {item.path: (now.classes[item.label], item.mark) for item in note(now).items}
    there = {item.path: (then.classes[item.label], item.mark) for item in then.items}
    _refuse_lost_classes(then, now, name, here, there)
    added = [path for path in here if path not in there]
    gone = [path for path in there if path not in here]
    other = [path for path, known in there.items() if path in here and here[path][1] != known[1]]
    moved = [path for path, known in there.items() if path in here and here[path][0] != known[0]]
    new = [label for label in now.classes if label not in then.classes]
    told = [
        _told(new, "class", "classes", "new and left out"),
        _told(added, "image", "images", "new and left out"),
        _told(gone, "image", "images", "gone"),
        _told(other, "image", "images", "changed"),
        _told(moved, "image", "images", "of another class now, and kept in their old one"),
    ]
    if not any(told):
        return ""
    return f"The data of run {name} changed since it began, its split is kept: {', '.join(filter(None, told))}."


def _refuse_lost_classes(
    then: Remembered, now: DataSet, name: str, here: dict[str, tuple[str, Mark]], there: dict[str, tuple[str, Mark]]
) -> None:
    """Raises `RequestError` for a class most of whose images are gone, changed, or in another class."""
    found: dict[str, set[Mark]] = {label: set() for label in now.classes}
    strange: dict[str, set[Mark]] = {label: set() for label in now.classes}  # not as remembered
    for path, (label, mark) in here.items():
        for known in (found, strange) if there.get(path) != (label, mark) else (found,):
            known[label].add(mark)
    told = []
    for i, label in enumerate(then.classes):
        mine = {item.mark for item in then.items if item.label == i}
        if 2 * len(mine & found.get(label, set())) >= len(mine):
            continue
        best, shared = Counter({other: len(mine & theirs) for other, theirs in strange.items()}).most_common(1)[0]
        if 2 * shared > len(mine):
            told.append(f"{label} is named {best} now")
        elif label in found:
            told.append(f"most images of {label} are gone or others now")
        else:
            told.append(f"{label} has no images any more")
    if told:
        raise RequestError(
            f"The classes of run {name} are not those of its data: {first(told, NAMED)}; make them as they "
            "were, or train a new run."
        )


def _kept(then: Remembered, now: DataSet) -> DataSet:
    """The data set with the classes and the split as they were, without the images that are gone."""
    here = {_spelt(path, now.root): path for part in now.splits().values() for path in part.paths}
    parts = {
        split: _part((here[item.path], item.label) for item in items if item.path in here)
        for split, items in then.splits.items()
    }
    for split in ("train", "val"):
        if not len(parts.get(split, ())):
            raise RequestError(f"All {split} images of {now.root.name} are gone; bring them back, or train a new run.")
    return dataclasses.replace(
        now, classes=then.classes, train=parts["train"], val=parts["val"], test=parts.get("test", Split((), ()))
    )


def _as_before(now: DataSet, then: Remembered) -> DataSet:
    """The data set with each image in the split it was in, where the folder has that name and most of the images."""
    if Path(then.root).name != now.root.name:
        return now
    was = {(item.path, item.mark): split for split, items in then.splits.items() for item in items}
    parts: dict[str, list[tuple[Path, int]]] = {"train": [], "val": [], "test": []}
    known = moved = 0
    present = note(now).splits
    for split, part in now.splits().items():
        for path, label, item in zip(part.paths, part.labels, present[split], strict=True):
            before = was.get((item.path, item.mark))
            known, moved = known + (before is not None), moved + (before not in (None, split))
            parts[before or split].append((path, label))
    if not moved or 2 * known < len(was) or not parts["train"] or not parts["val"]:
        return now
    train, val, test = (_part(sorted(parts[split], key=_by_class)) for split in ("train", "val", "test"))
    return dataclasses.replace(now, train=train, val=val, test=test)


def _by_class(row: tuple[Path, int]) -> tuple[int, Path]:
    return row[1], row[0]


def _part(rows: Iterable[tuple[Path, int]]) -> Split:
    found = list(rows)
    return Split(tuple(path for path, _ in found), tuple(label for _, label in found))


def _rows(items: Iterable[Item]) -> list[tuple[str, int, int, int]]:
    return [(item.path, item.label, item.size, item.crc) for item in items]


def _spelt(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _ends(path: Path) -> tuple[int, int]:
    """The size of a file, and the CRC-32 of its first and last bytes."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            crc = zlib.crc32(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            return size, zlib.crc32(file.read(ENDS), crc)
    except OSError:
        return UNREAD


def _told(names: Sequence[str], one: str, several: str, what: str) -> str:
    """How many there are of something, and the first of them by name; empty where there are none."""
    if not names:
        return ""
    return f"{f'1 {one} is' if len(names) == 1 else f'{len(names):,} {several} are'} {what} ({first(names, NAMED)})"
