"""Work over folders of images: a question answered batch by batch, each kept on disk as soon as it is done.

A driver lists the files, leaves out what is known already, and hands batches to workers, here or on Ray; what a worker
has finished stays, whatever happens to it or to the driver afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa
import torch

from cnnviz.data.left_out import hidden
from cnnviz.data.listing import listing
from cnnviz.image_file import SUFFIXES
from cnnviz.options import RequestError
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.folder_questions import Question, Summed
from cnnviz.runtime.shards import Item, Results, written_into

TOGETHER = 64  # files of a batch, which is what is lost at most where a process is killed

Batch = Sequence[Item]


class Executor(Protocol):
    """Where batches are worked on: yields how many files are done, as they are done, in any order."""

    def __call__(self, question: Question, out: Path, batches: Sequence[Batch]) -> Iterator[int]: ...


@dataclass(frozen=True)
class Outcome:
    """What came of it: the files, how many were computed now, those that cannot be read, and the rows."""

    folder: Path
    files: int
    computed: int
    unreadable: tuple[tuple[str, str], ...]
    rows: pa.Table = field(repr=False)


class Worker:
    """Answers one question batch by batch with a network and threads of its own."""

    def __init__(self, backend: Backend, question: Question, out: Path, threads: int = 0) -> None:
        self.backend, self.question, self.out = backend, question, out
        self.results = Results(out, question.columns, question.apart)
        self.pool = ThreadPoolExecutor(threads or os.cpu_count())

    def __call__(self, batch: Batch) -> int:
        """How many files a batch has, once its results are on disk."""
        rows, errors = self.question.work(self.backend, batch, self.out, self.pool)
        self.results.add(batch, rows, errors)
        return len(batch)


def items(paths: Sequence[Path], out: Path, within: Path | None = None) -> list[Item]:
    """The images in files and folders, by name, relative to the one folder, to what all lie in, or to `within`.

    Hidden files are left out, and what lies in `out`. Raises `RequestError` where nothing is there, and for photos
    among the images that are written.
    """
    own = written_into(out)
    for path in paths:
        if not path.exists():
            raise RequestError(f"There is no file or folder {path}; check its name.")
        real = path.resolve()
        if real == out.resolve():
            raise RequestError(f"{path} is the folder of the photos; name another one with --out.")
        if any(real.is_relative_to(folder) for folder in own):
            raise RequestError(f"{path} lies where results are written and could be lost; name another --out.")
    places = [_absolute(path) for path in paths]
    root = _absolute(within) if within else _root(places)
    found: dict[str, Path] = {}
    for place in places:
        inside = _images(place, (out.resolve(), *own)) if place.is_dir() else [place]
        found.update({os.path.relpath(one, root): one for one in inside})
    if not found:
        raise RequestError(f"There are no images in {paths[0]}; choose another folder.")
    return [Item(name.replace(os.sep, "/"), os.fspath(path), _mark(path)) for name, path in sorted(found.items())]


def run(
    backend: Backend,
    question: Question,
    files: Sequence[Item],
    out: Path,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    together: int = TOGETHER,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
) -> Outcome:
    """The results of a question in the folder `out`; what is there already is not computed again.

    `progress` hears (files so far, in all); what it raises stops the work. `columns` are added to the rows, as values
    by the files' titles. Raises `RequestError` where `out` belongs to another question.
    """
    results = Results(out, question.columns, question.apart)
    results.open(question.told(backend))
    done = {name for one in results.known(files) for name in one.items}
    missing = [item for item in files if item.name not in done]
    so_far = len(files) - len(missing)
    if progress:
        progress(so_far, len(files))
    batches = [missing[start : start + together] for start in range(0, len(missing), together)]
    for count in (executor or Here(backend))(question, out, batches):
        so_far += count
        if progress:
            progress(so_far, len(files))
    known = results.known(files)
    errors = results.reasons(known)
    if lost := {item.name for item in files} - {name for one in known for name in one.items} - errors.keys():
        raise RequestError(
            f"Results of {len(lost)} files are not in {out}; the workers need the same folders under the same paths."
        )
    rows = results.joined(known, files)
    if not question.apart:
        rows = pa.Table.from_pylist(cast(Summed, question).together(rows.to_pylist()), results.schema)
    for name, values in (columns or {}).items():
        rows = rows.append_column(name, pa.array([values[file] for file in rows["file"].to_pylist()]))
    results.finish(rows)
    unreadable = tuple((item.title, errors[item.name]) for item in files if item.name in errors)
    return Outcome(out, len(files), len(missing), unreadable, rows)


class Here:
    """The devices of this machine: its processor, each of its GPUs with a worker of its own, or the GPU of that number.

    Without `every_gpu` it is the backend's device alone.
    """

    def __init__(self, backend: Backend, every_gpu: bool = False) -> None:
        self.backend = backend
        device = backend.torch_device
        self.count = torch.cuda.device_count() if every_gpu and device.type == "cuda" and device.index is None else 1

    def __call__(self, question: Question, out: Path, batches: Sequence[Batch]) -> Iterator[int]:
        """How many files each batch has, as it is done."""
        if self.count < 2:
            worker = Worker(self.backend, question, out)
            yield from map(worker, batches)
            return
        places = [self.backend, *(self._on(i) for i in range(1, self.count))]
        workers = [Worker(place, question, out) for place in places]
        with ThreadPoolExecutor(len(workers)) as pool:
            yield from spread(batches, workers, pool)

    def _on(self, gpu: int) -> Backend:
        """The same networks on another GPU."""
        return Backend(f"cuda:{gpu}", weights=self.backend.weights, runs=self.backend.runs)


def spread(batches: Sequence[Batch], workers: Sequence[Worker], pool: ThreadPoolExecutor) -> Iterator[int]:
    """Batches handed to whichever worker is free, one at a time each."""
    free, running = [*workers], dict[Future[int], Worker]()
    for batch in batches:
        if not free:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                free.append(running.pop(future))
                yield future.result()
        worker = free.pop()
        running[pool.submit(worker, batch)] = worker
    for future in running:
        yield future.result()


def _absolute(path: Path) -> Path:
    """The same place without `..`, which is above what a link leads to; links behind the last one keep their names."""
    parts = path.absolute().parts
    up = max((i for i, part in enumerate(parts, 1) if part == os.pardir), default=0)
    return Path(*parts[:up]).resolve().joinpath(*parts[up:]) if up else path.absolute()


def _root(places: Sequence[Path]) -> Path:
    """The folder that names are relative to: the only one there is, or the one in which all lie."""
    if len(places) == 1 and places[0].is_dir():
        return places[0]
    try:
        return Path(os.path.commonpath([place.parent for place in places]))
    except ValueError:
        raise RequestError("These photos lie on different drives; take those of one drive at a time.") from None


def _images(folder: Path, apart: Sequence[Path]) -> list[Path]:
    """The files of a folder and below that are called images; those in folders `apart` that lie in it left out."""
    top = folder.resolve()
    without = {one for one in apart if top in one.parents}
    found = []
    for parts in listing(folder).files:
        path = folder.joinpath(*parts)
        if (
            path.suffix.lower() in SUFFIXES
            and not any(map(hidden, parts))
            and without.isdisjoint(path.resolve().parents)
        ):
            found.append(path)
    return found


def _mark(path: Path) -> str:
    """A file's size and time of change."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"
