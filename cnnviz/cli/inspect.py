"""The commands that print: the networks there are, their layers, what they predict, how often they are right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnviz.cli import folders
from cnnviz.cli.folders import Ray, ray_options
from cnnviz.cli.group import (
    CROP,
    DEVICE,
    JSON,
    LABELS,
    MODEL,
    PHOTO,
    command,
    cropped,
    engine_for,
    in_batches,
    look_for,
    weights_of,
)
from cnnviz.cli.output import count, document, progress, table
from cnnviz.models import catalog
from cnnviz.photo import Crop
from cnnviz.printable import printable
from cnnviz.probability import percent
from cnnviz.train import confusion, interval

if TYPE_CHECKING:
    from cnnviz.runtime.evaluate import Evaluation

KEPT = ("index", "label", "probability")  # of a prediction
WIDEST = 20  # classes of a confusion matrix that is printed whole


@command
@JSON
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List every network: bundled, training runs, checkpoint files, torchvision's, lecture networks."""
    rows = catalog.rows(weights_of(context))
    if as_json:
        return document([dataclasses.asdict(row) for row in rows])
    lines = [(row.key, row.title, count(row.parameters), f"{row.bytes / 1e6:,.1f} MB", row.where) for row in rows]
    table(("key", "title", "parameters", "size", "where"), lines, right=(2, 3))


@command
@MODEL
@click.option(
    "--size", type=click.IntRange(1, 4096), help="Side of the square input, px; the network's own without it."
)
@JSON
@click.pass_context
def layers(context: click.Context, key: str, size: int | None, as_json: bool) -> None:
    """List the layers in execution order: kind, output shape, parameters, mult-adds."""
    folder = weights_of(context)
    from cnnviz.inference import layers as tables
    from cnnviz.models import load

    net, (channels, height, width) = load.blueprint(key, folder)
    found = tables.table(net, (channels, size or height, size or width))
    if as_json:
        listed = dataclasses.asdict(found)
        return document({"model": key, **listed})
    lines = [
        (row.name, row.kind, " x ".join(map(str, row.shape)), count(row.parameters), count(row.mult_adds))
        for row in found.layers
    ]
    table(("layer", "kind", "output", "parameters", "mult-adds"), lines, right=(2, 3, 4))
    size_of = " x ".join(map(str, found.input))
    click.echo(
        f"\n{key} at {size_of}: {found.total_parameters:,} parameters, {found.total_mult_adds / 1e6:,.2f} M mult-adds"
    )


@command
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@MODEL
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many classes.")
@click.option("--out", type=PHOTO, help="A folder of its own for results.parquet, where the work can be resumed.")
@CROP
@JSON
@ray_options
@DEVICE
@click.pass_context
def predict(
    context: click.Context,
    photos: Sequence[Path],
    key: str,
    top: int,
    out: Path | None,
    crop: Crop,
    as_json: bool,
    ray: Ray,
) -> None:
    """Predict the most probable classes of photos, or of all images of folders.

    With --out, finished batches are kept there: the same command resumes where it was stopped.
    """
    if out is not None or ray.address is not None or any(path.is_dir() for path in photos):
        from cnnviz.runtime.folder_questions import Predictions

        question = Predictions(key, top, crop)
        if out is not None:
            return folders.work(context, question, photos, out, as_json, ray)
        rows = folders.rows(context, question, photos, ray)
        answers = [(row["file"], [*zip(*(row[name] for name in KEPT), strict=True)]) for row in rows]
    else:
        look_for(photos)
        engine = engine_for(context, key)
        answers = []
        for some in in_batches(photos, crop):
            found = engine.predict_batch(key, [photo for _, photo in some], top)
            told = [[tuple(getattr(one, name) for name in KEPT) for one in answer] for answer in found]
            answers += [(str(path), answer) for (path, _), answer in zip(some, told, strict=True)]
    if as_json:
        return document(
            [
                {"photo": name, **_crop(crop), "predictions": [dict(zip(KEPT, one, strict=True)) for one in answer]}
                for name, answer in answers
            ]
        )
    for name, answer in answers:
        click.echo(printable(name))
        for _, label, probability in answer:
            click.echo(f"  {percent(probability):>7}  {label}")


@command
@click.argument("data", type=click.Path(path_type=Path))
@MODEL
@CROP
@click.option("--labels", metavar="FILE.csv|names", default="", help=LABELS)
@click.option("--out", type=PHOTO, help="A folder of its own for each image's logits, where the work can be resumed.")
@JSON
@ray_options
@DEVICE
@click.pass_context
def evaluate(
    context: click.Context, data: Path, key: str, crop: Crop, labels: str, out: Path | None, as_json: bool, ray: Ray
) -> None:
    """Evaluate a network on a data set: its val, its test, or all images where there is neither."""
    from cnnviz.data.folder import survey
    from cnnviz.runtime import evaluate as evaluation

    survey(data, labels)  # refused before the network is loaded
    engine = engine_for(context, key)
    if out is None and ray.address is None:
        found = evaluation.evaluate(engine, key, data, progress(f"{key} predicts", "photos", 1), crop, labels)
    else:
        found = folders.evaluated(engine, evaluation.exam(engine, key, data, crop, labels), crop, out, ray)
    if found.skipped:
        click.echo(f"cnnviz: skipped {len(found.skipped)} unreadable files: {', '.join(found.skipped[:5])}", err=True)
    for left in found.left_out:
        click.echo(f"cnnviz: {left}", err=True)
    if as_json:
        more = {"left_out": [left.document() for left in found.left_out], "interval": list(found.interval)}
        return document(dataclasses.asdict(found) | more | confusion.report(found.confusion) | _crop(crop))
    sure = interval.words(found.accuracy, found.images)
    right = f"{found.accuracy:.2%} of {found.images} photos correct (95% interval {sure})"
    click.echo(f"{key}: {right}, loss {found.loss:.4f}{cropped(crop)}")
    if len(found.classes) > WIDEST:
        return _confused(found)
    head = ("true, predicted", *found.classes)
    table(
        head, [(name, *map(str, row)) for name, row in zip(found.classes, found.confusion, strict=True)], range(1, 999)
    )


def _confused(found: Evaluation) -> None:
    """Prints the pairs confused most, of a matrix too wide to be read."""
    click.echo(f"{len(found.classes)} classes; the pairs confused most (--json prints the whole matrix):")
    pairs = confusion.pairs(found.confusion, WIDEST)
    lines = [(found.classes[true], found.classes[predicted], count(photos)) for true, predicted, photos in pairs]
    table(("true", "predicted", "photos"), lines, right=(2,))


def _crop(crop: Crop) -> dict[str, Crop]:
    """A crop for a JSON document, where it is another than the network's own."""
    return {} if crop == "centre" else {"crop": crop}
