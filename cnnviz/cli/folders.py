"""Commands over folders: what they share, from the list of files to what is said in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnviz.cli.group import engine_for, shown
from cnnviz.cli.output import count, document, passable, progress
from cnnviz.options import RequestError

if TYPE_CHECKING:
    from cnnviz.runtime.folder_questions import Question
    from cnnviz.runtime.folder_work import Outcome


def work(context: click.Context, question: Question, paths: Sequence[Path], out: Path, as_json: bool) -> None:
    """Answers a question about all images of files and folders, into a folder, and says what came of it."""
    found = _outcome(context, question, paths, out)
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


def rows(context: click.Context, question: Question, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The rows of a question about all images of files and folders, kept nowhere; what cannot be read is told."""
    with tempfile.TemporaryDirectory(prefix="cnnviz-") as place:
        found = _outcome(context, question, paths, Path(place))
    for name, why in found.unreadable:
        click.echo(f"cnnviz: {name}: {why}", err=True)
    listed: list[dict[str, Any]] = found.rows.to_pylist()
    return listed


def _outcome(context: click.Context, question: Question, paths: Sequence[Path], out: Path) -> Outcome:
    from cnnviz.runtime import folder_work

    if out.exists() and not out.is_dir():
        raise RequestError(f"{shown(out)} is a file; name a folder with --out.")
    passable(out / "results")
    files = folder_work.items(paths, out)
    engine = engine_for(context, question.key)
    told = progress("computes", "images", 1)
    return folder_work.run(engine, question, files, out, folder_work.Here(engine, every_gpu=True), told)
