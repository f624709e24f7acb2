"""Lines of Python that compute again what is shown: imports, the engine, the photo, calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnviz.photo import Photo, samples


class Name(str):
    """An expression, which stands in a call as it is, while other text stands in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


PHOTO, HEAT = Name("photo"), Name("heat")  # what scripts call them


def script(*lines: str, imports: Sequence[str] = ("import cnnviz",), engine: bool = False, opening: str = "") -> str:
    """The imports, an empty line, where asked for the engine and the line that opens the photo, then the lines."""
    first = ["engine = cnnviz.engine()"] if engine else []
    return "\n".join([*imports, "", *first, *([opening] if opening else []), *lines])


def call(function: str, *values: Any, **named: Any) -> str:
    """The call of a function in one line: `engine.predict('resnet18', photo, top=5)`."""
    given = [*map(repr, values), *(f"{name}={value!r}" for name, value in named.items())]
    return f"{function}({', '.join(given)})"


def opened(photo: Photo, whole: bool = False) -> str:
    """The expression that opens a photo again: a sample by its name, another by its file, with its crop.

    `whole` keeps every pixel of a large one.
    """
    again = call("Photo.open", photo.name, **({"pixels": None} if whole else {}))
    if not photo.personal and photo.name in samples():
        again = call("Photo.sample", photo.name)
    return again if photo.crop == "centre" else f"{again}.{call('with_crop', photo.crop)}"
