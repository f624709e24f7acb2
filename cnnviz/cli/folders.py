"""Commands over folders: what they share, from the list of files to what is said in the end."""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnviz.cli.group import CROP, DEVICE, JSON, MODEL, PHOTO, command, engine_for, shown
from cnnviz.cli.output import count, document, passable, progress
from cnnviz.options import RequestError
from cnnviz.photo import Crop

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine
    from cnnviz.runtime.evaluate import Evaluation, Exam
    from cnnviz.runtime.folder_questions import Question
    from cnnviz.runtime.folder_work import Executor, Outcome


LAYERS = click.option("--layer", "layers", multiple=True, metavar="NAME", help="A layer, again for more; all without.")
OUT = click.option("--out", required=True, type=PHOTO, help="A folder of its own, where the work can be resumed.")


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
    with _place(None) as place:
        found = outcome(context, question, paths, place, ray)
    for name, why in found.unreadable:
        click.echo(f"cnnviz: {name}: {why}", err=True)
    listed: list[dict[str, Any]] = found.rows.to_pylist()
    return listed


def evaluated(engine: Engine, asked: Exam, crop: Crop, out: Path | None, ray: Ray) -> Evaluation:
    """What came of an evaluation, by the logits of each image, which are kept in `out`."""
    import numpy as np
    import torch

    from cnnviz.runtime.evaluate import results, summary
    from cnnviz.runtime.folder_numbers import Logits

    truth = dict(asked.photos)
    with _place(out) as place:
        found = answered(engine, Logits(asked.model.key, crop), [*truth], asked.data.root, place, ray)
    paths = [asked.data.root / name for name in found.rows["file"].to_pylist()]
    known = {shown(path): path for path in truth}
    paths = [known[shown(path)] for path in paths]
    if not paths:
        return summary(asked, {})
    logits = torch.from_numpy(np.array(found.rows["logits"].to_pylist(), np.float32))
    return summary(asked, dict(zip(paths, results(logits, [truth[path] for path in paths]), strict=True)))


@contextlib.contextmanager
def _place(out: Path | None) -> Iterator[Path]:
    """The folder of the results; without one, a folder that is gone afterwards."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="cnnviz-") as place:
        yield Path(place)


def answered(
    engine: Engine,
    question: Question,
    paths: Sequence[Path],
    root: Path | None,
    out: Path,
    ray: Ray,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
) -> Outcome:
    """The results of a question about images, named as they lie in `root`, with `columns` by these names."""
    from cnnviz.runtime import folder_work

    if out.exists() and not out.is_dir():
        raise RequestError(f"{shown(out)} is a file; name a folder with --out.")
    passable(out / "results")
    files = folder_work.items(paths, out, root)
    told = progress("computes", "images", 1)
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints what it knows of its workers
        return folder_work.run(engine, question, files, out, executor(engine, ray), told, columns=columns)


def outcome(
    context: click.Context,
    question: Question,
    paths: Sequence[Path],
    out: Path,
    ray: Ray,
) -> Outcome:
    """The results of a question about all images of files and folders."""
    from cnnviz.runtime import folder_work

    if not out.is_file():
        folder_work.items(paths, out)  # refused before the network is loaded
    return answered(engine_for(context, question.key), question, paths, None, out, ray)


def executor(engine: Engine, ray: Ray) -> Executor:
    """Where the batches are worked on."""
    from cnnviz.runtime.folder_work import Here

    if ray.address is None:
        return Here(engine, every_gpu=True)
    from cnnviz.runtime.on_ray import OnRay

    return OnRay(engine, ray.address, ray.workers)


@command
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@MODEL
@LAYERS
@CROP
@OUT
@JSON
@ray_options
@DEVICE
@click.pass_context
def statistics(
    context: click.Context,
    photos: Sequence[Path],
    key: str,
    layers: tuple[str, ...],
    crop: Crop,
    out: Path,
    as_json: bool,
    ray: Ray,
) -> None:
    """Measure each channel's activations over all images of folders: mean, deviation, maximum, share above 0."""
    from cnnviz.runtime.folder_layers import Statistics

    work(context, Statistics(key, layers, crop), photos, out, as_json, ray)


@command
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@MODEL
@LAYERS
@click.option("--top", type=click.IntRange(1, 100), default=9, show_default=True, help="How many images of a channel.")
@click.option("--images", is_flag=True, help="Also a PNG for each channel: these places cut out, side by side.")
@CROP
@OUT
@JSON
@ray_options
@DEVICE
@click.pass_context
def top_images(
    context: click.Context,
    photos: Sequence[Path],
    key: str,
    layers: tuple[str, ...],
    top: int,
    images: bool,
    crop: Crop,
    out: Path,
    as_json: bool,
    ray: Ray,
) -> None:
    """Find the images of folders with each channel's highest activations, and where in them."""
    from cnnviz.runtime import top_images
    from cnnviz.runtime.folder_layers import TopImages
    from cnnviz.runtime.folder_work import items

    question = TopImages(key, layers, top, crop)
    found = outcome(context, question, photos, out, ray)
    if images:
        files = {item.title: Path(item.path) for item in items(photos, out)}
        top_images.write(engine_for(context, key), key, found.rows.to_pylist(), files, out, crop)
    said(question, found, as_json)
