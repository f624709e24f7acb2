"""Photos that people bring along, ordinary and odd, made on the spot."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image

SHAPES = {  # name -> width, height, mode, kind of file
    "garden.jpg": (320, 240, "RGB", "JPEG"),
    "panorama.jpg": (2000, 40, "RGB", "JPEG"),
    "portrait.png": (90, 640, "RGB", "PNG"),
    "dot.png": (1, 1, "RGB", "PNG"),
    "grey.png": (130, 170, "L", "PNG"),
    "glass.png": (200, 150, "RGBA", "PNG"),
    "black.png": (64, 64, "RGB", "PNG"),
    "stars *and* [links](x) `code`.jpg": (150, 150, "RGB", "JPEG"),
}
BROKEN = {"notes.jpg": b"this is no image", "empty.png": b""}


@cache
def file(name: str) -> tuple[str, str, bytes]:
    """(name, type, content) of one of the files above."""
    if name in BROKEN:
        return name, "image/jpeg", BROKEN[name]
    width, height, mode, kind = SHAPES[name]
    rng = np.random.default_rng(sorted(SHAPES).index(name))
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40) + c) for c in range(3)]
    pixels = np.stack(waves, 2) * (name != "black.png")
    top, left = height // 3, width // 3
    pixels[top : top + height // 4, left : left + width // 4] = rng.integers(0, 256, 3) * (name != "black.png")
    image = Image.fromarray(pixels.astype(np.uint8))
    if mode == "RGBA":
        image.putalpha(Image.fromarray((x * 255 // width).astype(np.uint8)))
    else:
        image = image.convert(mode)
    data = io.BytesIO()
    image.save(data, kind)
    return name, f"image/{kind.lower()}", data.getvalue()
