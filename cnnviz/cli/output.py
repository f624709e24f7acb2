"""What the command line prints and writes: tables, JSON documents, progress, images."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import click

from cnnviz.options import Options, RequestError, knobs

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

FORMATS: dict[str, Literal["png", "jpeg", "webp"]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def document(content: object) -> None:
    """Print one JSON document in one line."""
    click.echo(json.dumps(content, allow_nan=False))


def count(number: int | None) -> str:
    """A number with its thousands apart; ? where it is not known."""
    return "?" if number is None else f"{number:,}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], right: Iterable[int] = ()) -> None:
    """Print columns as wide as their longest entry; those in `right` are numbers and end together."""
    rows = [tuple(head), *map(tuple, lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    right = set(right)
    for row in rows:
        cells = (
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())


def progress(what: str, unit: str, per: int) -> Callable[[int, int], None] | None:
    """What writes "what 3 of 12 unit" over itself on a terminal; nothing where standard error is none."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, total: int) -> None:
        end = "\n" if done >= total else ""
        click.echo(f"\r{what}: {done // per} of {-(-total // per)} {unit} {end}", err=True, nl=False)

    return tell


def knob_options(
    kind: type[Options], *, defaults: bool = False, units: bool = True, flags: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a command one option for each field of `kind`, in their order.

    An option that is not given is None; with `defaults` it is the field's default, which the help shows. Without
    `units` the help leaves out what a number counts. `flags` calls options otherwise than their fields.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for k in reversed(knobs(kind)):
            name = flags.get(k.name, k.name).replace("_", "-")
            flag = f"--{name}/--no-{name}" if k.kind is bool else f"--{name}"
            unit = f", {k.unit}" if units and k.unit else ""
            function = click.option(
                flag,
                k.name,
                type=click.Choice([str(choice) for choice in k.choices]) if k.choices and k.kind is str else k.kind,
                default=k.default if defaults else None,
                show_default=defaults and k.kind is not bool,
                help=f"{k.help}{unit}.",
            )(function)
        return function

    return add


def targets(photos: Sequence[Path], out: Path) -> list[Path]:
    """The image file for each photo: `out` itself, or in the folder `out` the photo's name as PNG."""
    if out.suffix and not out.is_dir():
        if out.suffix.lower() not in FORMATS:
            raise RequestError(f"{out.name} is not an image file; end it in {', '.join(FORMATS)}, or name a folder.")
        if len(photos) > 1:
            raise RequestError(f"{len(photos)} photos do not fit in the one file {out.name}; name a folder.")
        places = [out]
    else:
        places = []
        for photo in photos:
            names = (f"{photo.stem}{'' if n == 1 else f'-{n}'}.png" for n in range(1, len(photos) + 1))
            places.append(next(out / name for name in names if out / name not in places))
    own = {photo.resolve() for photo in photos}
    if taken := next((target for target in places if target.resolve() in own), None):
        raise RequestError(f"{taken} is the photo itself and would be lost; choose another --out.")
    return [passable(place) for place in places]


def passable(place: Path) -> Path:
    """The same path, unless a file stands where one of its folders would be; then `RequestError` is raised."""
    if file := next((above for above in place.parents if above.exists() and not above.is_dir()), None):
        raise RequestError(f"{file} is a file, so that nothing can lie in it; name a folder with --out.")
    return place


def write(target: Path, picture: np.ndarray | Image.Image, numbers: np.ndarray | None) -> None:
    """The image in its file and the numbers beside it as .npy, folders made on the way."""
    from cnnviz.picture import encode

    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encode(picture, FORMATS[target.suffix.lower()]))
    if numbers is not None:
        import numpy as np

        np.save(target.with_suffix(".npy"), numbers)
