"""What is taken from a page: its lines of Python compute what it shows, and its link opens what it shows."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import cnnviz
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.walk import photos, shown
from tests.walk.labs import close
from tests.walk.shown import Shown
from tests.walk.tab import Fault, Tab
from tests.walk.widgets import KINDS

PYTHON = "copy-python-"
SLOW = ("engine.filters", "engine.faithfulness", "engine.sanity")
OTHERS = ("stack",)  # whose lines compute the field alone, and not where it lies on the photo
# of the visit alone, by intent: no link has them
UNSAID = (
    "copy-link",
    "stage-example",
    "upload",
    "invite",
    "camera",
    "circles",
    "zip",
    "catalog",
    "run-name",
    "checkpoint",
    "plan-ready",
    "forget",
    "image-map",  # an image that was opened
    "map-begin",
    "suspect",  # label errors are looked for on a click, and their ticks are a person's own
    "map-photo",
)


def python_agrees(now: Shown, engine: Engine) -> bool:
    """The lines to copy compute what the page's downloads hold; whether there were any."""
    names = [name for name in now.widgets if name.startswith(PYTHON)]
    for name in names:
        lines, what = str((now.told(name) or {}).get("text", "")), name.removeprefix(PYTHON)
        if what not in OTHERS and not any(slow in lines for slow in SLOW):
            _agrees(now, what, *computed(lines, engine))
    return bool(names)


def _agrees(now: Shown, what: str, found: dict[str, Any], drawn: dict[str, np.ndarray]) -> None:
    """The downloads of a row are what its lines computed and drew."""
    arrays = [*_arrays(found.values())]
    for name, node in now.widgets.items():
        if name == f"png-{what}" and drawn:
            picture = shown.decoded(now.tab.download(node))
            if not any(_alike(picture, one) for one in drawn.values()):
                raise Fault(f"Python: the image that the lines of {what} save is not the one to download")
        if name == f"npy-{what}" or name.startswith(f"npy-{what}-"):
            numbers = np.load(io.BytesIO(now.tab.download(node)))
            wanted = numbers[0] if what == "gabor-bank" else numbers  # its lines are of the photo alone
            if not any(one.shape == wanted.shape and close(one, wanted) for one in arrays):
                shapes = [one.shape for one in arrays]
                raise Fault(f"Python: {name} {numbers.shape} is nothing that its lines compute {shapes}")


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) < 1.5


def _arrays(values: Any, depth: int = 2) -> Iterator[np.ndarray]:
    """Every array in what lines computed, also in the fields and values of a result."""
    for value in values:
        if type(value).__name__ == "Tensor":
            value = value.detach().cpu().numpy()
        if isinstance(value, np.ndarray):
            yield value
            yield value[0] if value.ndim > 2 else value
        elif isinstance(value, (list, tuple)) and len(value) <= 64:
            yield from _arrays(value, depth)
            with contextlib.suppress(ValueError, TypeError):
                yield np.stack([np.asarray(one, np.float64) for one in value])
        elif dataclasses.is_dataclass(value) and type(value).__module__.startswith("cnnviz.") and depth:
            names = [field.name for field in dataclasses.fields(value)] + ["values"] * hasattr(value, "values")
            yield from _arrays([getattr(value, name) for name in names], depth - 1)


def computed(lines: str, engine: Engine) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What lines of Python leave behind: their names, and the images they save, by file."""
    opened = Photo.open

    def own(source: Any, *given: Any, **named: Any) -> Photo:
        known = isinstance(source, str) and source in photos.SHAPES
        return (
            opened(io.BytesIO(photos.file(source)[2]), *given, **{"name": source, **named})
            if known
            else opened(source, *given, **named)
        )

    space: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        mock.patch.object(cnnviz, "engine", return_value=engine),
        mock.patch.object(Photo, "open", own),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            exec(compile(lines, "copied.py", "exec"), space)
        except Exception as error:
            raise Fault(f"Python: the lines to copy end in {type(error).__name__}: {error}\n{lines}") from error
        drawn = {path.name: shown.decoded(path.read_bytes()) for path in Path(folder).glob("*.png")}
    return space, drawn


# the page's own address


def link_agrees(tab: Tab, before: Shown) -> bool:
    """The address opened anew shows the same page; whether that can be said of it."""
    if _own(before) or before.page == "filters":  # where images grow, what stands beside them comes and goes
        return False
    from tests.walk.oracle import settle

    other = Tab(tab.server, *tab.address)
    try:
        settle(other)
        compare(before, Shown(other))
    finally:
        other.close()
    return True


def _own(now: Shown) -> bool:
    """Whether something of the visit alone is on the page: a photo of one's own, the second of two, or many of them."""
    if "forget-all-many" in now.widgets:  # Many photos shows those of the visit, whichever one is chosen
        return True
    photo, second = now.photo(), str(now.value("second") or "")
    if second in photos.SHAPES and {"with", "second"} & {*now.params}:
        raise Fault(f"link: names a comparison with {second!r}, which nobody else has")
    return second in photos.SHAPES or photo is None or photo.personal or "own" in now.params.values()


def compare(one: Shown, other: Shown) -> None:
    """Raises `Fault` where two tabs at one address show different things."""
    names = [name for name in one.widgets if not name.startswith(UNSAID)]
    if missing := [name for name in names if name not in other.widgets and not name.startswith("number-")]:
        raise Fault(f"link: opened anew, the page has no {missing}")
    for name in names:
        if name in other.widgets and one.value(name) != other.value(name) and one.widgets[name].kind in KINDS:
            raise Fault(f"link: {name} is {one.value(name)!r}, opened anew {other.value(name)!r}")
    alone = ("circles", ", suggested ")  # of this tab: examples, and images whose label errors were looked for
    first, second = ([p for p in tab.pictures() if not any(word in p.alt for word in alone)] for tab in (one, other))
    if [p.alt for p in first] != [p.alt for p in second]:
        raise Fault(f"link: pictures are {[p.alt for p in first]}, opened anew {[p.alt for p in second]}")
    for a, b in zip(first, second, strict=True):
        if shown.distance(a.pixels, b.pixels) > 2:
            raise Fault(f"link: {a.alt!r} is another picture when the address is opened anew")
    for name in names:
        if name in other.widgets and one.widgets[name].kind == "bidi_component":
            for part, value in (one.told(name) or {}).items():
                if part not in MARKS and value != (other.told(name) or {}).get(part):
                    raise Fault(f"link: {part} of {name} is {str(value)[:80]}, opened anew another")


MARKS = ("stamp", "start", "begin", "src")  # what tells one beginning from another
