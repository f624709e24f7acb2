"""Photos: untrusted bytes in, upright RGB out, once and safely.

A photo is pixels, a digest of them and a name. Nothing else of the file (EXIF, GPS, thumbnails, profiles) is kept.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from cnnviz.options import RequestError

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 50_000_000
PIXELS = 2048**2  # of a photo with more of them, this many are kept: 12 MiB
MAX_ASPECT = 100  # nets resize the short side, so a ribbon of 1 x 50,000 pixels would explode there
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
CROPS = ("centre", "pad", "squash")
Crop = str | float  # one of CROPS, or where a crop lies along the longer side, 0..1


class PhotoError(RequestError):
    """These bytes are no photo that can be used; the message says why and what to do next."""


@dataclass(frozen=True)
class Photo:
    """An upright RGB photo: read-only pixels uint8 (H, W, 3), their digest, a name, and whether it is personal.

    `crop` is how it becomes the input of a network (see `with_crop`); any but "centre" is part of the digest, so that
    every answer is remembered by it.
    """

    pixels: np.ndarray = field(repr=False, compare=False)
    digest: str
    name: str = ""
    personal: bool = True
    crop: Crop = field(default="centre", repr=False)

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
        if isinstance(source, Image.Image):
            title = name or Path(str(getattr(source, "filename", "") or "")).name or "picture"
            _check_size(title, *source.size)
            return cls.of(_reading(title, lambda: _upright(source.copy(), side, pixels)), title)
        data, title = _bytes_of(source, name)
        _check_bytes(data, title)
        return cls.of(_reading(title, lambda: _decode(data, title, side, pixels)), title)

    @classmethod
    def of(cls, pixels: np.ndarray, name: str = "picture", personal: bool = True) -> Photo:
        """The photo made of pixels that are RGB already, uint8 (H, W, 3); they are copied if they could change."""
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise PhotoError(f"Pixels are {pixels.dtype} {pixels.shape}; a photo takes uint8 of shape (H, W, 3).")
        frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)  # bytes under it: nobody can thaw it
        mark = hashlib.blake2b(repr(frozen.shape).encode(), digest_size=16)
        mark.update(frozen.data)
        return cls(frozen, mark.hexdigest(), name, personal)

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
        way, pixels = parsed_crop(crop), self.digest.partition(" ")[0]
        if way == self.crop:
            return self
        return replace(self, crop=way, digest=pixels if way == "centre" else f"{pixels} {way}")

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


def _bytes_of(source: object, name: str | None) -> tuple[bytes, str]:
    """The source's bytes (at most one more than allowed) and what to call it."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name or "picture"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return _file_bytes(path), name or path.name
    if not hasattr(source, "read"):
        raise PhotoError(f"A photo is a path, bytes, a file or a PIL image, not a {type(source).__name__}.")
    data = source.read(MAX_BYTES + 1)
    if not isinstance(data, bytes):
        raise PhotoError("This file was opened as text; open it in binary mode ('rb').")
    return data, name or Path(str(getattr(source, "name", "") or "picture")).name


def _file_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PhotoError(f"{path} is a folder; name one image in it.")
        if not stat.S_ISREG(mode):
            raise PhotoError(f"{path} is not an ordinary file; name an image.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PhotoError(f"There is no file {path}; check its name and folder.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise PhotoError(f"{path} cannot be opened ({reason}); check its name and permissions.") from None


def _check_bytes(data: bytes, name: str) -> None:
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes); save or download it again.")
    if len(data) > MAX_BYTES:
        raise PhotoError(f"{name} is larger than {MAX_BYTES >> 20} MiB; save a smaller copy and open that.")
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        raise PhotoError(f"{name} is a HEIC photo, which cannot be read here; export it as JPEG.")


def _check_size(name: str, width: int, height: int) -> None:
    if not width or not height:
        raise PhotoError(f"{name} has no pixels ({width} x {height}); choose another image.")
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name} has {width:,} x {height:,} pixels; at most {MAX_PIXELS // 10**6} megapixels can be opened, "
            "so save a smaller copy."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            f"{name} is {width:,} x {height:,} pixels, too long and thin; crop it to at most {MAX_ASPECT} to 1."
        )


def _reading(name: str, read: Callable[[], np.ndarray]) -> np.ndarray:
    """What `read` returns; whatever a decoder throws at hostile bytes becomes one sentence."""
    try:
        return read()
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = MAX_PIXELS // 10**6
        raise PhotoError(
            f"{name} has far more than {limit} megapixels, which cannot be opened; save a smaller copy."
        ) from None
    except UnidentifiedImageError:
        raise PhotoError(
            f"{name} is not an image that can be read, whatever its ending; use JPEG, PNG, WebP, GIF, BMP or TIFF."
        ) from None
    except Exception as error:  # decoders raise anything on hostile bytes: OSError, SyntaxError, struct.error, ...
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise PhotoError(f"{name} is incomplete; save or download it again.") from None
        raise PhotoError(f"{name} is damaged and cannot be read; save it again as JPEG or PNG.") from None


def _decode(data: bytes, name: str, side: int | None, pixels: int | None) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:  # reads the header only
        _check_size(name, *image.size)
        if (size := _reduced(image.size, side, pixels)) != image.size:
            image.draft(None, size)  # JPEG only: decodes at 1/2, 1/4 or 1/8, never below that size
        image.load()  # of an animation, the first frame
        return _upright(image, side, pixels)


def _reduced(size: tuple[int, int], side: int | None, pixels: int | None) -> tuple[int, int]:
    """Width and height of the same shape, at most `side` long and of at most `pixels` pixels."""
    width, height = size
    share = min(1.0, (side or math.inf) / max(size), math.sqrt((pixels or math.inf) / (width * height)))
    return size if share == 1 else (max(1, int(width * share + 1e-6)), max(1, int(height * share + 1e-6)))


def _upright(image: Image.Image, side: int | None, pixels: int | None) -> np.ndarray:
    """The image as RGB, turned the way its EXIF says, no larger than asked: uint8 (H, W, 3)."""
    turn = image.getexif().get(0x0112, 1)
    rgb = _rgb(image)
    if turn in TURNS:
        rgb = rgb.transpose(TURNS[turn])
    if (size := _reduced(rgb.size, side, pixels)) != rgb.size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def _rgb(image: Image.Image) -> Image.Image:
    """The image as 8-bit RGB, transparent parts on white."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("RGB")


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Grey values of any range as uint8 of the same shape: 16 bits by their full range, never clipped.

    Floats count as 0..1 or 0..255 if they fit there; other ranges are stretched from lowest to highest.
    """
    grey = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    low, high = float(grey.min()), float(grey.max())
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    elif not whole and low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    return np.rint((grey - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


# EXIF orientation -> what makes it upright (the camera's own words for how it was held).
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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
