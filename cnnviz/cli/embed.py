"""The command that writes the features before the head of a network for every image of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnviz.cli import folders
from cnnviz.cli.folders import Ray, ray_options
from cnnviz.cli.group import DEVICE, JSON, LABELS, MODEL, command, engine_for, shown
from cnnviz.cli.output import count, document, passable, progress
from cnnviz.options import RequestError

if TYPE_CHECKING:
    from cnnviz.runtime.embedding import Embedding


@command
@click.argument("data", type=click.Path(path_type=Path))
@MODEL
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write, .npz; or a folder of its own for Parquet.",
)
@click.option("--labels", default="", metavar="FILE.csv|names", help=LABELS)
@JSON
@ray_options
@DEVICE
@click.pass_context
def embed(context: click.Context, data: Path, key: str, out: Path, labels: str, as_json: bool, ray: Ray) -> None:
    """Write the features before a network's head for every image of a data set.

    The arrays of the file: features (N, F), files, labels (N,), classes, splits. What was computed is kept in
    CNNVIZ_CACHE: a command that was stopped is resumed there, and only changed and added images are computed anew.
    A folder gets results.parquet with the columns file, features, class and split, and holds what was computed itself.
    """
    if not out.suffix:
        return _into_folder(context, data, key, out, labels, as_json, ray)
    if out.suffix.lower() != ".npz":
        raise RequestError(f"{out.name} is not an NPZ file; end its name in .npz, or name a folder.")
    if ray.address is not None:
        raise RequestError(f"With --ray the results are Parquet files; name a folder in place of {out.name}.")
    passable(out)
    found = engine_for(context, key, cached=True).embed(key, data, progress(f"{key} computes", "images", 1), labels)
    root = found.data.root
    try:
        write(out, found)
    except OSError as error:
        raise RequestError(f"{shown(out)} cannot be written ({error.strerror}); choose another file.") from None
    bad = [{"file": shown(path.relative_to(root)), "why": why} for path, why in found.unreadable]
    if as_json:
        images, features = found.values.shape
        answer = {"model": key, "file": str(out), "images": images, "features": features, "unreadable": bad}
        return document(answer | {"left_out": [left.document() for left in found.data.left_out]})
    for left in found.data.left_out:
        click.echo(str(left))
    for one in bad:
        click.echo(f"{one['file']}: {one['why']}")
    images, features = map(count, found.values.shape)
    click.echo(f"{features} features of {images} images in {shown(out)}")


def _into_folder(context: click.Context, data: Path, key: str, out: Path, labels: str, as_json: bool, ray: Ray) -> None:
    """Writes the features, class and split of every image into a folder, batch by batch."""
    from cnnviz.data.folder import survey
    from cnnviz.runtime.folder_numbers import Features

    found = survey(data, labels)
    splits = found.splits()
    classes, parts = {}, {}
    for name, split in splits.items():
        for path, label in zip(split.paths, split.labels, strict=True):
            title = shown(path.relative_to(found.root))
            classes[title], parts[title] = found.classes[label], name
    paths = [path for split in splits.values() for path in split.paths]
    question, columns = Features(key), {"class": classes, "split": parts}
    engine = engine_for(context, key)
    folders.said(question, folders.answered(engine, question, paths, found.root, out, ray, columns), as_json)


def write(out: Path, found: Embedding) -> None:
    """The features and what belongs to them as one NPZ file, whole or not at all; names are printable."""
    import os
    import secrets

    import numpy as np

    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{secrets.token_hex(8)}.npz")
    try:
        np.savez(
            draft,
            allow_pickle=False,
            features=found.values,
            files=np.array([shown(path.relative_to(found.data.root)) for path in found.paths]),
            labels=found.labels,
            classes=np.array(found.classes),
            splits=np.array(found.splits),
        )
        os.replace(draft, out)
    finally:
        draft.unlink(missing_ok=True)
