"""Results over a folder on disk: a Parquet file for each finished batch, and in the end one of all.

    question.json       what was asked, and of which network; another question is refused here
    batches/*.parquet   a file for each batch, written whole or not at all
    results.parquet     the rows of all batches, in the order of the files
    images/ arrays/     what belongs to single rows

A batch is known by its files with size and time of change, so that whatever changed is computed anew. A file that could
not be opened is none of these.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from cnnviz import drafts
from cnnviz.options import RequestError
from cnnviz.printable import printable

Row = Mapping[str, Any]
QUESTION, BATCHES, RESULTS = "question.json", "batches", "results.parquet"
IMAGES, ARRAYS = "images", "arrays"
DRAFTS = f"{'[0-9a-f]' * 16}.draft"  # what is not whole yet
HELD = b"cnnviz"  # the entry of a file's metadata that has its items


@dataclass(frozen=True)
class Item:
    """One thing that is asked about: its name, where it lies, and a mark that changes with it."""

    name: str
    path: str
    mark: str

    @property
    def title(self) -> str:
        """The name as it can be printed."""
        return printable(self.name)


class Passing(str):
    """Why a file could not be read this time; it is no part of its batch, and tried again."""


@dataclass(frozen=True)
class Known:
    """A finished batch: its file, what it was asked about, why some of it cannot be read, and why some was not."""

    path: Path
    items: dict[str, str]  # mark by name
    errors: dict[str, str]  # reason by name
    passing: dict[str, str]  # reason by name, of files that are none of its items


class Results:
    """The folder of one question's results, with the columns of its rows by name.

    `apart` says that a row belongs to one file, and what is known of the others of its batch stands without it.
    """

    def __init__(self, folder: Path, columns: Mapping[str, str], apart: bool = True) -> None:
        self.folder, self.apart = folder, apart
        self.schema = pa.schema([(name, _kind(kind)) for name, kind in columns.items()])

    def open(self, question: Mapping[str, object]) -> None:
        """Makes the folder, or goes on in it. Raises `RequestError` where it holds anything but this question's."""
        asked = _plain(question)
        known = self._asked()
        if known is None and self._foreign() and (known := self._asked()) is None:  # nobody has begun it meanwhile
            raise RequestError(f"{self.folder} is not empty, and holds no results; name another with --out.")
        if known is None:
            (self.folder / BATCHES).mkdir(parents=True, exist_ok=True)
            known = asked if _first(self.folder / QUESTION, json.dumps(asked, indent=1).encode()) else self._asked()
        if known != asked:
            raise RequestError(
                f"{self.folder} holds results of another question ({_difference(known, asked)}); "
                "name another folder with --out."
            )
        for place in (self.folder, self.folder / BATCHES):
            drafts.sweep(place, DRAFTS)

    def _asked(self) -> Any:
        """The question of this folder, None where it has none yet. Raises `RequestError` where it cannot be read."""
        path = self.folder / QUESTION
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError):
            raise RequestError(f"{path} is damaged; remove that folder, or name another with --out.") from None

    def _foreign(self) -> bool:
        """Whether there is more in the folder than what a killed command leaves of its beginning."""
        batches = self.folder / BATCHES
        with contextlib.suppress(FileNotFoundError):
            inside = [*self.folder.iterdir(), *(batches.iterdir() if batches.is_dir() else ())]
            return any(not path.match(DRAFTS) and (path != batches or not path.is_dir()) for path in inside)
        return False

    def known(self, items: Sequence[Item]) -> list[Known]:
        """The finished batches that still count: all of their files, or some of them, are as they were.

        Where rows belong to no file alone, no two of them share one: the largest are taken, the rest left out.
        """
        now = {item.name: item.mark for item in items}
        found = []
        for path in sorted((self.folder / BATCHES).glob("*.parquet")):
            with contextlib.suppress(Exception):  # damaged: its photos are computed anew
                said = json.loads(parquet.read_schema(path).metadata[HELD])
                same = {name: mark for name, mark in said["items"].items() if now.get(name) == mark}
                if not self.apart and len(same) < len(said["items"]):
                    same = {}
                errors = {name: why for name, why in said["errors"].items() if name in same}
                passing = {name: why for name, why in said.get("passing", {}).items() if name in now}
                if same or passing:
                    found.append(Known(path, same, errors, passing))
        return found if self.apart else _disjoint(found)

    def reasons(self, known: Sequence[Known]) -> dict[str, str]:
        """Why files are in no row, by name: they cannot be read, or could not be when it was last tried."""
        last = sorted((one for one in known if one.passing), key=lambda one: one.path.stat().st_mtime_ns)
        found = {name: why for one in last for name, why in one.passing.items()}
        for one in known:
            for name in one.items:
                found.pop(name, None)
        return found | {name: why for one in known for name, why in one.errors.items()}

    def add(self, items: Sequence[Item], rows: Sequence[Row], errors: Mapping[str, str]) -> None:
        """Keeps a finished batch, whole or not at all."""
        passing: dict[str, str] = {name: why for name, why in errors.items() if isinstance(why, Passing)}
        done = {item.name: item.mark for item in items if item.name not in passing}
        said = {"items": done, "errors": {name: why for name, why in errors.items() if name in done}}
        said |= {"passing": passing} if passing else {}
        held = json.dumps(said)
        name = hashlib.blake2b(held.encode(), digest_size=8).hexdigest()
        table = pa.Table.from_pylist([*map(dict, rows)], self.schema).replace_schema_metadata({HELD: held})
        _parquet(self.folder / BATCHES / f"{name}.parquet", table)

    def rows(self, known: Sequence[Known]) -> Iterator[pa.Table]:
        """The rows of finished batches, of each file once."""
        seen: set[str] = set()
        for one in known:
            if not one.items:
                continue
            table = parquet.read_table(one.path, schema=self.schema)
            if self.apart:
                names = {printable(name) for name in one.items if name not in seen}
                seen.update(one.items)
                table = table.filter(pa.array([name in names for name in table["file"].to_pylist()], pa.bool_()))
            yield table

    def finish(self, table: pa.Table) -> Path:
        """The path of the one Parquet file with all results, written whole or not at all."""
        path = self.folder / RESULTS
        _parquet(path, table)
        return path

    def joined(self, known: Sequence[Known], items: Sequence[Item]) -> pa.Table:
        """All rows of finished batches in the order of the files they belong to."""
        table = pa.concat_tables([self.schema.empty_table(), *self.rows(known)])
        if not self.apart:
            return table
        place = {item.title: i for i, item in enumerate(items)}
        order = [place[name] for name in table["file"].to_pylist()]
        return table.take(pa.array(sorted(range(len(order)), key=order.__getitem__), pa.int64()))


def _disjoint(known: Sequence[Known]) -> list[Known]:
    """Batches of which no two share a file, larger ones first.

    What is computed for the files that are missing then shares none with these, so that all of them are taken again.
    """
    seen: set[str] = set()
    found = []
    for one in sorted(known, key=lambda one: (-len(one.items), one.path.name)):
        if not seen.isdisjoint(one.items):
            one = dataclasses.replace(one, items={}, errors={})
        seen.update(one.items)
        found.append(one)
    return [one for one in found if one.items or one.passing]


def written_into(folder: Path) -> tuple[Path, Path]:
    """Where the images and arrays of single rows lie, links followed: each may be a link to another disk."""
    return (folder / IMAGES).resolve(), (folder / ARRAYS).resolve()


def placed(folder: Path, kind: str, name: str) -> Path:
    """Where what belongs to the row of this name is written, its folders made.

    Raises `RequestError` for a name, or a link, that leads out of the folder of that `kind`.
    """
    asked, path = Path(name), folder / kind / name
    if not asked.anchor and os.pardir not in asked.parts and path.resolve().is_relative_to((folder / kind).resolve()):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    raise RequestError(f"{printable(name)} does not lie in {folder / kind}, so nothing is written there.")


def _plain(question: Mapping[str, object]) -> Any:
    """A question as it will be read again."""
    return json.loads(json.dumps(question))


def _kind(name: str) -> pa.DataType:
    """The type that is called so: "float32", or "list float32"."""
    many, _, one = name.rpartition(" ")
    return pa.list_(pa.type_for_alias(one)) if many else pa.type_for_alias(one)


def _difference(known: object, asked: Mapping[str, object]) -> str:
    """What two questions differ in, in words."""
    if not isinstance(known, dict):
        return "none that can be read"
    name = next(name for name in (*asked, *known) if known.get(name) != asked.get(name))
    return f"{name} {known.get(name)!s}, not {asked.get(name)!s}"


def _parquet(path: Path, table: pa.Table) -> None:
    draft = path.with_name(f"{secrets.token_hex(8)}.draft")
    try:
        parquet.write_table(table, draft, compression="zstd")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _first(path: Path, content: bytes) -> bool:
    """Whether this content is what became the file, written whole; False where somebody else was first."""
    draft = path.with_name(f"{secrets.token_hex(8)}.draft")
    try:
        draft.write_bytes(content)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            if path.exists():
                return False
            os.replace(draft, path)
        return True
    finally:
        draft.unlink(missing_ok=True)
