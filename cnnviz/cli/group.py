"""The group of commands, the options that several share, and what they make of them.

Nothing here imports torch before a command needs it, so that help is instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnviz import __version__, settings
from cnnviz.cli.output import progress
from cnnviz.photo import Crop, Photo, PhotoError, parsed_crop
from cnnviz.printable import printable

if TYPE_CHECKING:
    from cnnviz.runtime.engine import Engine

TOGETHER = 16  # photos that are opened before the first is asked about
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
    help="Where networks run: auto, cpu, cuda, cuda:1 or mps; without it CNNVIZ_DEVICE.",
)
MODEL = click.option("--model", "key", required=True, metavar="KEY", help="A key that `models` lists.")
LABELS = "Classes by a CSV file (file,label,split) or by the names of images; without it, by folders."
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
NPY = click.option("--npy", is_flag=True, help="Also write the array, float32, beside the image.")
PHOTO = click.Path(path_type=Path)
CROP, PHOTO_CROP = (  # the second for a command that has another crop among its knobs
    click.option(
        "--crop",
        name,
        default="centre",
        show_default=True,
        metavar="centre|0..1|pad|squash",
        callback=lambda context, _, value: parsed_crop(value),
        help="What of a photo the network gets: the centre; a crop that far along; all of it, padded or squashed.",
    )
    for name in ("crop", "photo_crop")
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@WEIGHTS
@DEVICE
@click.version_option(__version__, message="cnnviz %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """See what a convolutional network computes."""
    settings.share_cores()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def command(function: Callable[..., int | None]) -> click.Command:
    """A command of the group, which also takes --weights behind its own name."""
    return cli.command()(WEIGHTS(function))


def look_for(photos: Sequence[Path]) -> None:
    """Says at once which photo is missing; each is opened when its turn comes, for all might fill the memory."""
    for path in photos:
        if not path.is_file():
            Photo.open(path)


def opened(path: Path, crop: Crop) -> Photo:
    """The photo in a file with its crop; on stderr, how its grey values were scaled. Raises `PhotoError`."""
    photo = Photo.open(path).with_crop(crop)
    if photo.note:
        click.echo(f"cnnviz: {photo.note}", err=True)
    return photo


def in_batches(paths: Sequence[Path], crop: Crop) -> Iterator[list[tuple[Path, Photo]]]:
    """Photos with their paths, a few at once; before `PhotoError` for one, those that came before it."""
    some: list[tuple[Path, Photo]] = []
    for path in paths:
        try:
            some.append((path, opened(path, crop)))
        except PhotoError:
            if some:
                yield some
            raise
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some


def shown(path: Path) -> str:
    """A path that can be printed whatever bytes its name has."""
    return printable(str(path))


def cropped(crop: Crop) -> str:
    """The words for a crop, where it is another than the network's own."""
    return "" if crop == "centre" else f", crop {crop}"


def _keep(context: click.Context, name: str, value: Path | str | None) -> None:
    if value is not None:
        context.find_root().meta[f"cnnviz.{name}"] = value


def weights_of(context: click.Context) -> Path | None:
    """The weights folder or file that was asked for; an error where it does not exist."""
    from cnnviz.models import weights

    return weights.folder(context.find_root().meta.get("cnnviz.weights"))


def device_of(context: click.Context) -> str:
    """The name of the device that was asked for."""
    return settings.device(context.find_root().meta.get("cnnviz.device"))


def engine_for(context: click.Context, key: str, cached: bool = False) -> Engine:
    """An engine with the model loaded, which remembers in CNNVIZ_CACHE where it is `cached`.

    The model's download is told on a terminal, what was assumed of it on standard error.
    """
    folder = weights_of(context)
    from cnnviz.runtime.engine import Engine

    engine = Engine(device_of(context), settings.cache() if cached else None, weights=folder)
    model = engine.model(key, progress(f"{key} downloads", "MB", 10**6))
    for words in model.known.unsure if model.known else ():
        click.echo(f"cnnviz: assumed of {key}: {words}", err=True)
    return engine
