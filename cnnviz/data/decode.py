"""From an image file to the pixels that a network takes: one way for training, evaluation, audit and pages.

It is `models.preprocess.Preprocess` on the whole image, which is torchvision's preset bit for bit. JPEGs above
`photo.PIXELS` take a faster road to the same pixels (libjpeg-turbo and the resize of torch), on which a value may be
rounded to its neighbour: one grey level at most. Nothing is decoded at reduced scale: at 1/2 of 12 megapixels, 5 % of
the photos measured are off by more than that at 224 px.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from cnnviz import image_file
from cnnviz.image_file import TURNS, PhotoError
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import PIXELS

ORIENTATION = 0x0112  # EXIF: how the camera was held
LYING = (5, 6, 7, 8)  # its values for a photo on its side
FAST = ("bilinear", "bicubic")  # what torch resizes as Pillow does


def decode(path: Path, preprocess: Preprocess) -> np.ndarray:
    """The network's input of an image file, uint8 (H, W, 1 or 3). Raises `PhotoError`."""
    data, name = image_file.contents(path)
    seen = _of_large_jpeg(data, preprocess)
    if seen is None:
        seen = preprocess.picture(image_file.picture(data, name=name).image)
    return seen[..., :1] if preprocess.channels == 1 else seen


def gray(data: bytes, name: str, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The whole image in the bytes of a file, in gray, and the width and height that it has upright.

    uint8 (H, W), the longer side `side` px. Raises `PhotoError`.
    """
    image = image_file.picture(data, name=name).image
    whole = Preprocess(side, side, (0.0,), (1.0,), channels=1, fit="pad")
    height, width, _, _ = whole.laid(image.height, image.width)
    small = image.convert("L").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small), image.size


def decode_all(
    paths: Sequence[Path], preprocess: Preprocess, pool: ThreadPoolExecutor | None = None
) -> Iterable[np.ndarray | PhotoError]:
    """The network's input of each image, in order, decoded by several threads; an error in place of a bad one."""

    def one(path: Path) -> np.ndarray | PhotoError:
        try:
            return decode(path, preprocess)
        except PhotoError as error:
            return error

    return (pool.map if pool else map)(one, paths)


def _of_large_jpeg(data: bytes, preprocess: Preprocess) -> np.ndarray | None:
    """The pixels (H, W, 3) by the faster road; None for what is not a large, whole JPEG in colour."""
    if not data.startswith(b"\xff\xd8") or preprocess.channels == 1 or preprocess.interpolation not in FAST:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:  # reads the header only
            width, height = image.size
            turn, colour = image.getexif().get(ORIENTATION, 1), image.mode == "RGB"
        image_file.check_size("", width, height)
        if not colour or width * height <= PIXELS:
            return None
        return _resized(data, (width, height), turn, preprocess)
    except Exception:  # decoders raise anything on damaged bytes; the plain road has the sentence
        return None


def _resized(data: bytes, size: tuple[int, int], turn: int, preprocess: Preprocess) -> np.ndarray:
    """The pixels (H, W, 3) of a JPEG in colour of this width and height, turned the way its EXIF says."""
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    lies = turn in LYING
    full = size if lies else size[::-1]  # upright height and width
    height, width, _, _ = preprocess.laid(*full)
    pixels = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)  # (3, H, W)
    if pixels.shape[1:] != size[::-1]:
        raise ValueError("the header has another size")
    side = (width, height) if lies else (height, width)
    small = torch.nn.functional.interpolate(pixels[None], side, mode=preprocess.interpolation, antialias=True)[0]
    image = Image.fromarray(np.ascontiguousarray(small.permute(1, 2, 0).numpy()))
    return preprocess.placed(image.transpose(TURNS[turn]) if turn in TURNS else image, *full)
