"""Image files: untrusted bytes in, an upright RGB image of bounded size out.

Nothing else of the file (EXIF, GPS, thumbnails, profiles) is kept.
"""

from __future__ import annotations

import functools
import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from cnnviz.options import RequestError

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 50_000_000
MAX_ASPECT = 100  # nets resize the short side, so a ribbon of 1 x 50,000 pixels would explode there
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"),
    *(("AVIF",) if features.check("avif") else ()),
    *(("JPEG2000",) if features.check("jpg_2000") else ()),
)
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".heic", ".heif"),
)
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
DEPTHS = (8, 10, 12, 14, 16)  # bits of a grey value that cameras and scanners write into 16
SCALED = ("PPM", "JPEG2000")  # formats that say how many bits there are, which Pillow scales to 16


class PhotoError(RequestError):
    """These bytes are no photo that can be used; the message says why and what to do next."""


class ReadError(PhotoError):
    """The reason lies outside of the file (permissions, a disk, memory, a package), so another time it may be read."""


@dataclass(frozen=True)
class Picture:
    """What a file shows: an upright image, mode RGB; the file's name; and how its values were scaled, "" if not."""

    image: Image.Image = field(repr=False)
    name: str
    note: str = ""


def picture(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image,
    *,
    name: str | None = None,
    side: int | None = None,
    pixels: int | None = None,
) -> Picture:
    """The upright RGB image in a path, bytes, binary file object or PIL image.

    Reduced to a longer side of at most `side` and to at most so many `pixels` where these are given. Raises
    `PhotoError` for anything that is not a whole image of at most 32 MiB and 50 megapixels.
    """
    if isinstance(source, Image.Image):
        title = name or Path(str(getattr(source, "filename", "") or "")).name or "picture"
        check_size(title, *source.size)
        return Picture(*_reading(title, lambda: _upright(source.copy(), title, side, pixels)))
    data, title = contents(source, name)
    return Picture(*_reading(title, lambda: _decode(data, title, side, pixels)))


def contents(source: object, name: str | None = None) -> tuple[bytes, str]:
    """The bytes of a path, bytes or binary file object, and what to call them. Raises `PhotoError`."""
    data, title = _bytes_of(source, name)
    _check_bytes(data, title)
    return data, title


def size_of(source: Path | bytes, name: str | None = None) -> tuple[int, int]:
    """Width and height of the image in a file or bytes as it was saved, from its header. Raises `PhotoError`."""
    data, name = contents(source, name)
    return _reading(name, lambda: (Image.open(io.BytesIO(data), formats=_formats(data)), ""))[0].size


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
        raise ReadError(f"There is no file {path}; check its name and folder.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ReadError(f"{path} cannot be opened ({reason}); check its name and permissions.") from None


def _check_bytes(data: bytes, name: str) -> None:
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes); save or download it again.")
    if len(data) > MAX_BYTES:
        raise PhotoError(f"{name} is larger than {MAX_BYTES >> 20} MiB; save a smaller copy and open that.")
    if _is_heic(data) and not heic():
        raise ReadError(f"{name} is a HEIC photo; export it as JPEG, or add pillow-heif (pip install cnnviz[heic]).")


def _is_heic(data: bytes) -> bool:
    """Whether bytes begin as a HEIF container does, unless what it holds is AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIC and b"avif" not in data[16:64]


def in_words() -> str:
    """The formats that can be read here, for a tooltip or a sentence."""
    words = {"WEBP": "WebP", "PPM": "PPM and PGM", "JPEG2000": "JPEG 2000"}
    return ", ".join([words.get(name, name) for name in FORMATS] + (["HEIC"] if heic() else []))


@functools.cache
def heic() -> bool:
    """Whether HEIC photos can be read: the package pillow-heif is there, and Pillow knows of it now."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener(thumbnails=False)
    return True


def check_size(name: str, width: int, height: int) -> None:
    """Raises `PhotoError` for an image that has no pixels, too many, or is a ribbon."""
    if not width or not height:
        raise PhotoError(f"{name} has no pixels ({width} × {height}); choose another image.")
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{name} has {width:,} × {height:,} pixels; at most {MAX_PIXELS // 10**6} megapixels can be opened, "
            "so save a smaller copy."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            f"{name} is {width:,} × {height:,} pixels, too long and thin; crop it to at most {MAX_ASPECT} to 1."
        )


def _reading(name: str, read: Callable[[], tuple[Image.Image, str]]) -> tuple[Image.Image, str, str]:
    """The image, its name and note; whatever a decoder throws at hostile bytes becomes one sentence."""
    try:
        image, note = read()
        return image, name, note
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = MAX_PIXELS // 10**6
        raise PhotoError(
            f"{name} has far more than {limit} megapixels, which cannot be opened; save a smaller copy."
        ) from None
    except MemoryError:
        raise ReadError(f"There is too little free memory to read {name}; close something and try again.") from None
    except UnidentifiedImageError:
        raise PhotoError(
            f"{name} is not an image that can be read, whatever its ending; use JPEG, PNG, WebP, GIF, BMP or TIFF."
        ) from None
    except Exception as error:  # decoders raise anything on hostile bytes: OSError, SyntaxError, struct.error, ...
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise PhotoError(f"{name} is incomplete; save or download it again.") from None
        raise PhotoError(f"{name} is damaged and cannot be read; save it again as JPEG or PNG.") from None


def _decode(data: bytes, name: str, side: int | None, pixels: int | None) -> tuple[Image.Image, str]:
    with Image.open(io.BytesIO(data), formats=_formats(data)) as image:  # reads the header only
        check_size(name, *image.size)
        if side:  # for thumbnails: what a network gets would be off by more than a grey level
            image.draft(None, _reduced(image.size, side, pixels))  # JPEG only: decodes at 1/2, 1/4 or 1/8
        image.load()  # of an animation, the first frame
        return _upright(image, name, side, pixels)


def _formats(data: bytes) -> tuple[str, ...]:
    return ("HEIF",) if _is_heic(data) else FORMATS


def _reduced(size: tuple[int, int], side: int | None, pixels: int | None) -> tuple[int, int]:
    """Width and height of the same shape, at most `side` long and of at most `pixels` pixels."""
    width, height = size
    share = min(1.0, (side or math.inf) / max(size), math.sqrt((pixels or math.inf) / (width * height)))
    return size if share == 1 else (max(1, int(width * share + 1e-6)), max(1, int(height * share + 1e-6)))


def _upright(image: Image.Image, name: str, side: int | None, pixels: int | None) -> tuple[Image.Image, str]:
    """The image as RGB, turned the way its EXIF says, no larger than asked, and how its greys were scaled."""
    turn = image.getexif().get(0x0112, 1)
    rgb, note = _rgb(image, name)
    if turn in TURNS:
        rgb = rgb.transpose(TURNS[turn])
    if (size := _reduced(rgb.size, side, pixels)) != rgb.size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC)  # nearest to what a network gets of the whole (test_decode)
    return rgb, note


def _rgb(image: Image.Image, name: str) -> tuple[Image.Image, str]:
    """The image as 8-bit RGB, transparent parts on white, and how its greys were scaled."""
    if image.mode == "F" or image.mode.startswith("I"):
        values, note = _eight_bit(np.asarray(image), name, () if image.format in SCALED else DEPTHS)
        return Image.fromarray(values).convert("RGB"), note
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB"), ""
    return (image if image.mode == "RGB" else image.convert("RGB")), ""


def _eight_bit(values: np.ndarray, name: str, depths: tuple[int, ...]) -> tuple[np.ndarray, str]:
    """Grey values of any range as uint8 of the same shape, never clipped, and a sentence where that was a choice.

    Whole numbers count as the fewest bits of `depths` that hold all of them, else 16: a 12-bit camera fills a 16-bit
    file with values up to 4,095. Floats count as 0..1 or 0..255 if they fit there; other ranges are stretched from
    lowest to highest.
    """
    grey = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    low, high = float(grey.min()), float(grey.max())
    note = ""
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and low >= 0 and high <= 65535:
        bits = next((bits for bits in depths if high < 2**bits), 16)
        if 8 < bits < 16:
            note = f"The grey values of {name} are at most {high:,.0f}; they were read as {bits}-bit values."
        low, high = 0.0, 2.0**bits - 1
    elif not whole and low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    elif high > low:
        note = f"The grey values of {name} were stretched from {low:,.4g} to {high:,.4g}."
    return np.rint((grey - low) * (255 / max(high - low, 1e-12))).astype(np.uint8), note


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
