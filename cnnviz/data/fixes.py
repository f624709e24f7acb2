"""A list of what to change in a data set, as a CSV file that a person can edit: a line for each image.

The columns are file (from the folder of the data set), action (move, remove or keep), class, to_class, why.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnnviz.data.audit import KINDS, Audit, Pair
from cnnviz.data.folder import DataSet
from cnnviz.data.label_lists import LARGEST, rows
from cnnviz.data.layout import SPLITS
from cnnviz.options import RequestError
from cnnviz.printable import printable

MOVE, REMOVE, KEEP = "move", "remove", "keep"
ACTIONS = (REMOVE, MOVE, KEEP)  # the first counts where several are proposed for one image
HEAD = ("file", "action", "class", "to_class", "why")
AGAIN = ("identical", "format", "size", "saved")  # kinds of near-duplicates of which one is enough inside a split


class FixesError(RequestError):
    """A list of fixes cannot be read, or does not fit the data set; the message names the line or file."""


@dataclass(frozen=True)
class Fix:
    """What to do with an image, by its printable path in the data set, with / between folders.

    `label` is its class, `to` the class it is moved to, `why` a few words for whoever edits the list.
    """

    file: str
    action: str
    label: str
    to: str = ""
    why: str = ""


def path_in(root: Path, path: Path) -> str:
    """What an image is called in a list."""
    return printable(path.relative_to(root).as_posix())


def proposed(found: Audit, data: DataSet) -> tuple[Fix, ...]:
    """What an audit of a data set proposes: unreadable images are removed, and of near-duplicates all but one.

    Across splits the training image goes; flipped and cropped ones inside a split stay, and so does what lies under two
    classes, for nobody but a person can say which of them is right. The splits are those of `data`.
    """
    of = {
        path: (name, data.classes[label])
        for name, part in data.splits().items()
        for path, label in zip(part.paths, part.labels, strict=True)
    }
    fixes = [Fix(path_in(data.root, path), REMOVE, of[path][1], why=why) for path, why in found.unreadable]
    for pair in found.every:
        fixes += _of_pair(pair, of, data.root)
    return merged(fixes)


def _of_pair(pair: Pair, of: Mapping[Path, tuple[str, str]], root: Path) -> list[Fix]:
    """What is proposed for two images that show the same, by the split and class of each."""
    one, other = path_in(root, pair.one), path_in(root, pair.other)
    (split, here), (another, there) = of[pair.one], of[pair.other]
    if here != there:
        return [
            Fix(one, KEEP, here, why=f"shows the same as {other}, of class {there}"),
            Fix(other, KEEP, there, why=f"shows the same as {one}, of class {here}"),
        ]
    if split != another:
        order = [*SPLITS]
        if order.index(split) > order.index(another):
            one, other = other, one
        return [Fix(one, REMOVE, here, why=f"{KINDS[pair.kind]}, also in another split: {other}")]
    one, other = sorted((one, other))  # whatever split was drawn of them
    return [Fix(other, REMOVE if pair.kind in AGAIN else KEEP, here, why=f"{KINDS[pair.kind]}: {one}")]


def merged(fixes: Iterable[Fix]) -> tuple[Fix, ...]:
    """One fix for each file, in the order in which files come first: the strongest action, and all reasons."""
    found: dict[str, Fix] = {}
    for fix in fixes:
        known = found.get(fix.file)
        if known is None:
            found[fix.file] = fix
            continue
        strong = min(known, fix, key=lambda one: ACTIONS.index(one.action))
        reasons = dict.fromkeys(filter(None, (*known.why.split("; "), fix.why)))
        found[fix.file] = Fix(fix.file, strong.action, strong.label, strong.to, "; ".join(reasons))
    return tuple(found.values())


def as_csv(fixes: Iterable[Fix]) -> bytes:
    """The list as a file, UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows((fix.file, fix.action, fix.label, fix.to, fix.why) for fix in fixes)
    return text.getvalue().encode()


def parse(data: bytes, name: str) -> tuple[Fix, ...]:
    """The list in a CSV file; columns may be in any order, and others are left out. Raises `FixesError`."""
    if len(data) > LARGEST:
        raise FixesError(f"{name} is larger than {LARGEST >> 20} MiB; a list of fixes is not.")
    head, *lines = rows(data)
    place = {cell.strip().casefold(): i for i, cell in enumerate(head)}
    if missing := [column for column in HEAD[:2] if column not in place]:
        raise FixesError(f"{name} has no column {missing[0]}; begin it with a line {','.join(HEAD)}.")
    found: dict[str, Fix] = {}
    for line, row in enumerate(lines, start=2):
        cells = {column: row[i] for column, i in place.items() if i < len(row)}
        file, action, label, to, why = (cells.get(column, "") for column in HEAD)
        fix = Fix(file, action.strip().casefold(), label.strip(), to.strip(), why.strip())
        if not file.strip():
            raise FixesError(f"Line {line} of {name} names no file; name one, or remove the line.")
        if fix.action not in ACTIONS:
            raise FixesError(f"Line {line} of {name} has the action {printable(action)!r}; write move, remove or keep.")
        if fix.action == MOVE and not fix.to:
            raise FixesError(f"Line {line} of {name} moves {printable(file)} to no class; name one in to_class.")
        known = found.setdefault(fix.file, fix)
        if (known.action, known.to) != (fix.action, fix.to):
            raise FixesError(f"{name} has two actions for {printable(file)}; leave one of them.")
    return tuple(found.values())
