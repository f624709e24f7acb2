"""What each command does. Nothing here imports torch before a command needs it, so that help is instant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnviz import __version__, places, settings
from cnnviz.cli.output import count, document, knob_options, passable, progress, table, targets, write
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.models import catalog
from cnnviz.options import RequestError
from cnnviz.photo import Photo

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine

PUBLIC_UPLOAD = 10  # MB
STOPPED = 130  # the exit code of what was stopped on its way

WEIGHTS = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    expose_value=False,
    callback=lambda context, _, value: _keep(context, "weights", value),
    help="Folder of weight files, or one file; without it CNNVIZ_WEIGHTS.",
)
DEVICE = click.option(
    "--device",
    metavar="NAME",
    expose_value=False,
    callback=lambda context, _, value: _keep(context, "device", value),
    help="Where nets run: auto, cpu, cuda, cuda:1 or mps; without it CNNVIZ_DEVICE.",
)
MODEL = click.option("--model", "key", required=True, metavar="KEY", help="A key that `models` lists.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
NPY = click.option("--npy", is_flag=True, help="Also write the numbers, float32, beside the picture.")
PHOTO = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@WEIGHTS
@DEVICE
@click.version_option(__version__, message="cnnviz %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """See what a convolutional network does."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def command(function: Callable[..., int | None]) -> click.Command:
    """A command of the group, which also takes --weights behind its own name."""
    return cli.command()(WEIGHTS(function))


@command
@click.option("--public", is_flag=True, help="Serve the network, not this machine alone; strangers get less.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@DEVICE
@click.pass_context
def serve(context: click.Context, public: bool, port: int) -> None:
    """Start the dashboard in this process; stop it with Ctrl-C."""
    if not places.APP.is_file():
        raise click.ClickException("The dashboard app.py is not beside the package; run from a clone of cnnviz.")
    settings.check()
    arguments, variables = serving(public, port, _weights(context), _device(context))
    for name, value in variables.items():
        settings.put(name, value)
    from streamlit.web import cli as streamlit

    streamlit.main(arguments, prog_name="streamlit", standalone_mode=True)


def serving(public: bool, port: int, weights: Path | None, device: str = "auto") -> tuple[list[str], dict[str, str]]:
    """Streamlit's arguments and the environment variables the dashboard reads."""
    arguments = ["run", str(places.APP), f"--server.port={port}", "--server.showEmailPrompt=false"]
    arguments.append(f"--server.address={'0.0.0.0' if public else '127.0.0.1'}")
    variables = {"CNNVIZ_WEIGHTS": str(weights.resolve())} if weights else {}
    if device != "auto":
        variables["CNNVIZ_DEVICE"] = device
    if public:
        arguments.append(f"--server.maxUploadSize={PUBLIC_UPLOAD}")
        variables["CNNVIZ_PUBLIC"] = "1"
    return arguments, variables


@command
@JSON
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List every net: bundled, training runs, checkpoint files, torchvision's, lecture nets."""
    rows = catalog.rows(_weights(context))
    if as_json:
        return document([dataclasses.asdict(row) for row in rows])
    lines = [(row.key, row.title, count(row.parameters), f"{row.bytes / 1e6:,.1f} MB", row.where) for row in rows]
    table(("key", "title", "parameters", "size", "where"), lines, right=(2, 3))


@command
@MODEL
@click.option("--size", type=click.IntRange(1, 4096), help="Side of the square input, px; the net's own without it.")
@JSON
@click.pass_context
def layers(context: click.Context, key: str, size: int | None, as_json: bool) -> None:
    """List the layers in execution order: kind, output shape, parameters, mult-adds."""
    folder = _weights(context)
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
@JSON
@DEVICE
@click.pass_context
def predict(context: click.Context, photos: Sequence[Path], key: str, top: int, as_json: bool) -> None:
    """Say which classes a net sees in photos."""
    _look_for(photos)
    engine = _engine(context, key)
    answers = [engine.predict(key, Photo.open(path), top) for path in photos]
    if as_json:
        kept = ("index", "label", "probability")
        return document(
            [
                {"photo": str(path), "predictions": [{name: getattr(one, name) for name in kept} for one in answer]}
                for path, answer in zip(photos, answers, strict=True)
            ]
        )
    for path, answer in zip(photos, answers, strict=True):
        click.echo(_shown(path))
        for one in answer:
            click.echo(f"  {one.probability:7.2%}  {one.label}")


@command
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@MODEL
@click.option("--class", "wanted", metavar="NAME|INDEX", help="The class to explain; the most probable without it.")
@click.option("--layer", metavar="NAME", help="The layer to look from; the end of the trunk without it.")
@click.option("--method", default="gradcam", show_default=True, metavar="NAME", help="How the map is computed.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A knob of the method: samples=50.")
@click.option("--versus", metavar="NAME|INDEX", help="What spoke for the class rather than for this one.")
@click.option("--out", required=True, type=PHOTO, help="A picture file; for several photos a folder.")
@NPY
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
    out: Path,
    npy: bool,
) -> None:
    """Show which pixels spoke for a class: the photo under its heat map."""
    places = targets(photos, out)
    from cnnviz.attribution import methods

    row = methods.method(method)
    if layer is not None and row.reads == "pixels":
        raise RequestError(f"{row.title} looks at the photo itself, not from a layer; leave --layer out.")
    _look_for(photos)
    engine = _engine(context, key)
    from cnnviz import picture

    for path, target in zip(photos, places, strict=True):
        given = dict(setting.partition("=")[::2] for setting in settings)
        photo = Photo.open(path)
        heat = engine.heatmap(key, photo, wanted, layer, method, given, versus=versus)
        write(target, picture.overlay(photo, heat), heat.values if npy else None)
        click.echo(f"{_shown(path)}: {heat.label}, {heat.method} at {heat.layer}, in {_shown(target)}")


@command
@click.argument("photo", type=PHOTO)
@MODEL
@click.option("--layer", required=True, metavar="NAME", help="A layer that `layers` lists.")
@click.option("--out", required=True, type=PHOTO, help="A picture file.")
@NPY
@DEVICE
@click.pass_context
def activations(context: click.Context, photo: Path, key: str, layer: str, out: Path, npy: bool) -> None:
    """Show all feature maps of a layer side by side."""
    (target,) = targets([photo], out)
    opened = Photo.open(photo)
    found = _engine(context, key).activations(key, opened, layer)
    from cnnviz import picture

    write(target, picture.mosaic(found.maps), found.maps if npy else None)
    click.echo(f"{_shown(photo)}: {' x '.join(map(str, found.maps.shape))} at {found.layer}, in {_shown(target)}")


@command
@MODEL
@click.option("--layer", required=True, metavar="NAME|all|logits", help="A layer; all of them; or the classes.")
@click.option("--channels", default="0-15", show_default=True, metavar="0-63|top:9|random:6", help="Which channels.")
@click.option("--photo", type=PHOTO, help="The photo that top:N asks, or that --start photo begins with.")
@click.option("--recipe", default="auto", show_default=True, help="auto, lecture, post, or the name of a family.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(1), help="Share all layers among devices.")
@click.option("--out", required=True, type=PHOTO, help="A folder, for one PNG a filter and a contact sheet a layer.")
@knob_options(Ascent, units=False)
@DEVICE
@click.pass_context
def filters(context: click.Context, /, key: str, **given: Any) -> None:
    """Grow the pictures that filters answer most to; what was grown before is remembered."""
    passable(given["out"])
    from cnnviz.cli import render

    downloading = progress(f"{key} downloads", "MB", 10**6)
    render.grow(key, _weights(context), downloading, click.echo, device=_device(context), **given)


@command
@click.argument("data", type=click.Path(path_type=Path))
@MODEL
@JSON
@DEVICE
@click.pass_context
def evaluate(context: click.Context, data: Path, key: str, as_json: bool) -> None:
    """Judge a net on a folder of photos with one subfolder per class (or on its val/)."""
    from cnnviz.runtime import evaluate as evaluation

    evaluation.class_folders(data)
    found = evaluation.evaluate(_engine(context, key), key, data, progress(f"{key} judges", "photos", 1))
    if found.skipped:
        click.echo(f"cnnviz: skipped {len(found.skipped)} unreadable files: {', '.join(found.skipped[:5])}", err=True)
    if as_json:
        listed = dataclasses.asdict(found)
        listed.pop("skipped")
        return document(listed)
    click.echo(f"{key}: {found.accuracy:.2%} of {found.images} photos right, loss {found.loss:.4f}")
    head = ("is, called", *found.classes)
    table(
        head, [(name, *map(str, row)) for name, row in zip(found.classes, found.confusion, strict=True)], range(1, 999)
    )


def _look_for(photos: Sequence[Path]) -> None:
    """Says at once which photo is missing; each is opened when its turn comes, for many would fill the memory."""
    for path in photos:
        if not path.is_file():
            Photo.open(path)


def _shown(path: Path) -> str:
    """A path that can be printed whatever bytes its name has."""
    return click.format_filename(path)


def _keep(context: click.Context, name: str, value: Path | str | None) -> None:
    if value is not None:
        context.find_root().meta[f"cnnviz.{name}"] = value


def _weights(context: click.Context) -> Path | None:
    """The weights folder or file that was asked for; an error where it does not exist."""
    from cnnviz.models import weights

    return weights.folder(context.find_root().meta.get("cnnviz.weights"))


def _device(context: click.Context) -> str:
    return settings.device(context.find_root().meta.get("cnnviz.device"))


def _engine(context: click.Context, key: str) -> Engine:
    """An engine with the model loaded, its download told on a terminal."""
    folder = _weights(context)
    from cnnviz.runtime.engine import Engine

    engine = Engine(_device(context), weights=folder)
    engine.model(key, progress(f"{key} downloads", "MB", 10**6))
    return engine
