"""Commands over folders: what they share, from the list of files to what is said in the end."""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnviz.cli.group import engine_for, shown
from cnnviz.cli.output import count, document, passable, progress
from cnnviz.options import RequestError

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.folder_questions import Question
    from cnnviz.runtime.folder_work import Executor, Outcome


@dataclass(frozen=True)
class Ray:
    """Whether the work is done on Ray: at which address, and by how many workers; 0 stands for as many as fit."""

    address: str | None = None
    workers: int = 0


def ray_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes --ray and --workers, as its argument `ray`."""

    @functools.wraps(function)
    def run(*given: Any, address: str | None, workers: int | None, **more: Any) -> Any:
        if workers and address is None:
            raise RequestError("--workers is for --ray; without it this machine's cores and GPUs are used.")
        return function(*given, ray=Ray(address, workers or 0), **more)

    run = click.option("--workers", type=click.IntRange(1), metavar="N", help="How many workers Ray starts.")(run)
    return click.option(
        "--ray", "address", is_flag=False, flag_value="local", metavar="[ADDRESS]",
        help="Work on Ray: on this machine, or on the cluster at HOST:PORT (auto: the one this machine belongs to).",
    )(run)  # fmt: skip


def work(
    context: click.Context,
    question: Question,
    paths: Sequence[Path],
    out: Path,
    as_json: bool,
    ray: Ray,
) -> None:
    """Answers a question about all images of files and folders, into a folder, and says what came of it."""
    said(question, outcome(context, question, paths, out, ray), as_json)


def said(question: Question, found: Outcome, as_json: bool) -> None:
    """Says what came of a question about a folder."""
    out = found.folder
    unreadable = [{"file": name, "why": why} for name, why in found.unreadable]
    if as_json:
        counts = {"images": found.files - len(unreadable), "computed": found.computed, "unreadable": unreadable}
        return document({"model": question.key, "out": shown(out), **counts})
    for one in unreadable:
        click.echo(f"{one['file']}: {one['why']}")
    left = f", {count(len(unreadable))} unreadable" if unreadable else ""
    click.echo(
        f"{count(found.files - len(unreadable))} images ({count(found.computed)} computed now{left}), in {shown(out)}"
    )


def rows(context: click.Context, question: Question, paths: Sequence[Path], ray: Ray) -> list[dict[str, Any]]:
    """The rows of a question about all images of files and folders, kept nowhere; what cannot be read is told."""
    with tempfile.TemporaryDirectory(prefix="cnnviz-") as place:
        found = outcome(context, question, paths, Path(place), ray)
    for name, why in found.unreadable:
        click.echo(f"cnnviz: {name}: {why}", err=True)
    listed: list[dict[str, Any]] = found.rows.to_pylist()
    return listed


def outcome(
    context: click.Context,
    question: Question,
    paths: Sequence[Path],
    out: Path,
    ray: Ray,
) -> Outcome:
    """The results of a question about all images of files and folders."""
    from cnnviz.runtime import folder_work

    if out.exists() and not out.is_dir():
        raise RequestError(f"{shown(out)} is a file; name a folder with --out.")
    passable(out / "results")
    files = folder_work.items(paths, out)
    engine = engine_for(context, question.key)
    told = progress("computes", "images", 1)
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints what it knows of its workers
        return folder_work.run(engine, question, files, out, executor(engine, ray), told)


def executor(engine: Engine, ray: Ray) -> Executor:
    """Where the batches are worked on."""
    from cnnviz.runtime.folder_work import Here

    if ray.address is None:
        return Here(engine, every_gpu=True)
    from cnnviz.runtime.on_ray import OnRay

    return OnRay(engine, ray.address, ray.workers)
