"""Photos: untrusted bytes in, upright RGB out, once and safely.

A photo is pixels, a digest of them and a name. Nothing else of the file (EXIF, GPS, thumbnails, profiles) is kept.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from cnnviz import image_file
from cnnviz.image_file import MAX_BYTES, MAX_PIXELS, PhotoError

__all__ = ["CROPS", "MAX_BYTES", "MAX_PIXELS", "PIXELS", "Crop", "Photo", "PhotoError"]
__all__ += ["parsed_crop", "samples"]

PIXELS = 2048**2  # of a photo with more of them, this many are kept: 12 MiB
CROPS = ("centre", "pad", "squash")
Crop = str | float  # one of CROPS, or where a crop lies along the longer side, 0..1


class Mark:
    """The digest of pixels uint8 (H, W, 3), made when it is first asked for: nothing asks for those of a folder."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    @functools.cached_property
    def digest(self) -> str:
        """32 hexadecimal digits (BLAKE2b)."""
        made = hashlib.blake2b(repr(self.pixels.shape).encode(), digest_size=16)
        made.update(self.pixels.data)
        return made.hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """An upright RGB photo: read-only pixels uint8 (H, W, 3), their digest, a name, and whether it is personal.

    `crop` is how it becomes the input of a network (see `with_crop`); any but "centre" is part of the digest, so that
    every answer is remembered by it. `note` is a sentence on how grey values of more than 8 bits were scaled, "" if
    nothing had to be decided.
    """

    pixels: np.ndarray
    mark: Mark
    name: str = ""
    personal: bool = True
    crop: Crop = "centre"
    note: str = ""

    @property
    def digest(self) -> str:
        """What every answer about the photo is remembered by: of its pixels and its crop."""
        return self.mark.digest if self.crop == "centre" else f"{self.mark.digest} {self.crop}"

    def __repr__(self) -> str:
        return f"Photo(digest={self.digest!r}, name={self.name!r}, personal={self.personal!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Photo) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[object, ...]:
        return self.digest, self.name, self.personal, self.crop

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image,
        *,
        name: str | None = None,
        side: int | None = None,
        pixels: int | None = PIXELS,
    ) -> Photo:
        """The photo in a path, bytes, binary file object or PIL image.

        One of more than `pixels` pixels is reduced to that many, on pages, in Python and on the command line alike;
        `pixels=None` keeps all. `side` bounds its longer side, too.
        Raises `PhotoError` for anything that is not a whole image of at most 32 MiB and 50 megapixels.
        """
        read = image_file.picture(source, name=name, side=side, pixels=pixels)
        return replace(cls.of(np.asarray(read.image), read.name), note=read.note)

    @classmethod
    def of(cls, pixels: np.ndarray, name: str = "picture", personal: bool = True) -> Photo:
        """The photo made of pixels that are RGB already, uint8 (H, W, 3); they are copied if they could change."""
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise PhotoError(f"Pixels are {pixels.dtype} {pixels.shape}; a photo takes uint8 of shape (H, W, 3).")
        frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)  # bytes under it: nobody can thaw it
        return cls(frozen, Mark(frozen), name, personal)

    @classmethod
    def sample(cls, name: str = "cat") -> Photo:
        """A sample photo that ships with scikit-image; `samples()` lists their names."""
        if name not in SAMPLES:
            raise PhotoError(f"There is no sample photo {name!r}; choose one of {', '.join(SAMPLES)}.")
        return _sample(name)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    def with_crop(self, crop: Crop) -> Photo:
        """The same photo, of which a network gets another part, or which is made to fit its input another way.

        "centre" is what the network's own preprocessing does; a number from 0 (left or top) to 1 (right or bottom) is
        where the crop lies along the longer side; "pad" is the whole photo with a border in the mean colour; "squash"
        is the whole photo without its proportions. Raises `PhotoError` for anything else.
        """
        way = parsed_crop(crop)
        return self if way == self.crop else replace(self, crop=way)

    def image(self) -> Image.Image:
        """The pixels as a new PIL image, mode RGB."""
        return Image.fromarray(self.pixels)


def samples() -> tuple[str, ...]:
    """Names of the sample photos, the first one being what the dashboard opens with."""
    return tuple(SAMPLES)


def parsed_crop(crop: Crop) -> Crop:
    """One of `CROPS`, or a place from 0 to 1, also where it is written as text; the middle is the centre."""
    if isinstance(crop, str) and crop in CROPS:
        return crop
    try:
        place = float(crop)
    except (TypeError, ValueError):
        place = math.nan
    if not 0 <= place <= 1:
        raise PhotoError(f"There is no crop {crop!r}; choose {', '.join(CROPS)}, or a number from 0 to 1.")
    return "centre" if place == 0.5 else place


@functools.cache
def _sample(name: str) -> Photo:
    spec = importlib.util.find_spec("skimage")  # finds the folder without the second that importing skimage takes
    if spec is None or spec.origin is None:
        raise PhotoError("The sample photos ship with scikit-image; install it with: pip install scikit-image")
    path = Path(spec.origin).parent / "data" / SAMPLES[name]
    return Photo.of(Photo.open(path).pixels, name, personal=False)


# Name -> file in scikit-image's wheel (its other samples would be downloaded).
SAMPLES = {
    "cat": "chelsea.png",
    "astronaut": "astronaut.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "motorcycle": "motorcycle_left.png",
    "cameraman": "camera.png",
    "coins": "coins.png",
    "brick": "brick.png",
    "galaxies": "hubble_deep_field.jpg",
}
