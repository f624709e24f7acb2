"""The commands that write images: heat maps, feature maps, filter images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from cnnviz.cli import folders
from cnnviz.cli.folders import Ray, ray_options
from cnnviz.cli.group import (
    CROP,
    DEVICE,
    JSON,
    MODEL,
    NPY,
    PHOTO,
    PHOTO_CROP,
    command,
    cropped,
    device_of,
    engine_for,
    in_batches,
    look_for,
    opened,
    shown,
    weights_of,
)
from cnnviz.cli.output import document, knob_options, passable, progress, targets, write
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.options import RequestError
from cnnviz.photo import Crop


@command
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@MODEL
@click.option("--class", "wanted", metavar="NAME|INDEX", help="The class to explain; the most probable without it.")
@click.option("--layer", metavar="NAME", help="The layer of the maps; the last one before pooling without it.")
@click.option("--method", default="gradcam", show_default=True, metavar="NAME", help="How the map is computed.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the method: samples=50.")
@click.option("--versus", metavar="NAME|INDEX", help="Another class to contrast the class with.")
@click.option(
    "--alpha", default="heat", show_default=True, type=click.Choice(("heat", "uniform")),
    help="Opacity of the map: growing with the heat, or uniform.",
)  # fmt: skip
@CROP
@click.option(
    "--out", required=True, type=PHOTO,
    help="An image file; for several photos a folder; for folders one of its own, where the work can be resumed.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(("jpeg", "png", "webp")), default="jpeg", show_default=True,
    help="Of the images made of a folder.",
)  # fmt: skip
@NPY
@JSON
@ray_options
@DEVICE
@click.pass_context
def heatmap(
    context: click.Context,
    photos: Sequence[Path],
    key: str,
    wanted: str | None,
    layer: str | None,
    method: str,
    settings: tuple[str, ...],
    versus: str | None,
    alpha: str,
    crop: Crop,
    out: Path,
    form: Literal["jpeg", "png", "webp"],
    npy: bool,
    as_json: bool,
    ray: Ray,
) -> None:
    """Draw the heat map of a class over photos: which parts support it.

    Of a folder all images are taken, in batches: each has its map in results.parquet and its overlay in images/ of
    --out. Finished batches stay: the same command resumes where it was stopped, and computes what was added or changed.
    """
    many = ray.address is not None or any(path.is_dir() for path in photos)
    places = [] if many else targets(photos, out)
    from cnnviz.attribution import methods
    from cnnviz.runtime.batches import Wanted

    row = methods.method(method)
    if layer is not None and row.reads == "pixels":
        raise RequestError(f"{row.title} is pixel-based and uses no layer; leave --layer out.")
    given = dict(setting.partition("=")[::2] for setting in settings)
    if many:
        from cnnviz.runtime.folder_questions import HeatMaps

        asked = Wanted(wanted, layer, method, given, versus)
        question = HeatMaps(key, asked, crop, alpha, form, npy)
        return folders.work(context, question, photos, out, as_json, ray)
    look_for(photos)
    engine = engine_for(context, key)
    from cnnviz import picture

    written: list[dict[str, Any]] = []
    for some in in_batches(photos, crop):
        found = engine.heatmap_batch(key, [photo for _, photo in some], wanted, layer, method, given, versus=versus)
        for (path, photo), heat in zip(some, found, strict=True):
            target = places[len(written)]
            drawn = picture.overlay(photo, heat, picture.OPACITY if alpha == "heat" else 0.5, alpha=alpha)
            write(target, drawn, heat.values if npy else None)
            told = {"class": heat.label, "index": heat.target, "score": heat.score, "layer": heat.layer}
            written.append({"photo": shown(path), **told, "method": heat.method, "image": shown(target)})
            if not as_json:
                click.echo(
                    f"{shown(path)}: {heat.label}, {heat.method} at {heat.layer}{cropped(crop)}, in {shown(target)}"
                )
    if as_json:
        document(written)


@command
@click.argument("photo", type=PHOTO)
@MODEL
@click.option("--layer", required=True, metavar="NAME", help="A layer that `layers` lists.")
@CROP
@click.option("--out", required=True, type=PHOTO, help="An image file.")
@NPY
@DEVICE
@click.pass_context
def activations(context: click.Context, photo: Path, key: str, layer: str, crop: Crop, out: Path, npy: bool) -> None:
    """Show all feature maps of a layer side by side."""
    (target,) = targets([photo], out)
    taken = opened(photo, crop)
    found = engine_for(context, key).activations(key, taken, layer)
    from cnnviz import picture

    write(target, picture.mosaic(found.maps), found.maps if npy else None)
    click.echo(
        f"{shown(photo)}: {' x '.join(map(str, found.maps.shape))} at {found.layer}{cropped(crop)}, in {shown(target)}"
    )


@command
@MODEL
@click.option("--layer", required=True, metavar="NAME|all|logits", help="A layer; all of them; or the classes.")
@click.option(
    "--channels", metavar="0-63|top:9|random:6", help="Which channels; without it 0-15, and of all layers all."
)
@click.option("--photo", type=PHOTO, help="The photo of top:N, or of --start photo.")
@PHOTO_CROP
@click.option("--recipe", default="auto", show_default=True, help="auto, lecture, post, or the name of a family.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(1), help="Share all layers among devices.")
@click.option("--out", required=True, type=PHOTO, help="A folder, for one PNG a filter and a contact sheet a layer.")
@knob_options(Ascent, units=False, flags={"crop": "random-crop"})  # --crop is what a photo takes
@ray_options
@DEVICE
@click.pass_context
def filters(context: click.Context, /, key: str, **given: Any) -> None:
    """Activation maximization: an image that maximises each channel; finished images are remembered."""
    passable(given["out"])
    from cnnviz.cli.filter_images import grow

    downloading = progress(f"{key} downloads", "MB", 10**6)
    grow(key, weights_of(context), downloading, click.echo, device=device_of(context), **given)
