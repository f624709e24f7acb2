"""Images that show the same are found however they were saved, and other images are not taken for them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cnnviz.data import twins
from cnnviz.data.decode import gray
from cnnviz.data.twins import find, fingerprint, look

COUNT = 12


def scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """A picture with smooth colours and things in it: discs, boxes and strokes."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 236, (4, 5, 3), dtype=np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, r = rng.integers(0, width), rng.integers(0, height), rng.integers(3, height // 6)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        kind = rng.integers(0, 3)
        if kind == 0:
            pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        elif kind == 1:
            pen.rectangle((x - r, y - r // 2, x + r, y + r), fill=colour)
        else:
            pen.line((x, y, int(rng.integers(0, width)), int(rng.integers(0, height))), fill=colour, width=3)
    return image


def saved(image: Image.Image, format: str = "JPEG", **how) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def part(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = image.size
    return image.crop((int(left * width), int(top * height), int(right * width), int(bottom * height)))


def flipped(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


WAYS = {
    "PNG": ("same", lambda image: saved(image, "PNG")),
    "WebP": ("same", lambda image: saved(image, "WEBP", quality=60)),
    "JPEG at 40": ("same", lambda image: saved(image, quality=40)),
    "half": ("same", lambda image: saved(image.resize((160, 120)))),
    "twice": ("same", lambda image: saved(image.resize((640, 480)))),
    "flipped": ("flipped", lambda image: saved(flipped(image))),
    "80 %": ("cropped", lambda image: saved(part(image, 0.1, 0.1, 0.9, 0.9))),
    "60 %": ("cropped", lambda image: saved(part(image, 0.2, 0.2, 0.8, 0.8))),
    "a corner": ("cropped", lambda image: saved(part(image, 0, 0, 0.7, 0.7))),
    "square": ("cropped", lambda image: saved(part(image, 0.125, 0, 0.875, 1))),
    "flipped, 80 %": ("mirrored", lambda image: saved(part(flipped(image), 0.1, 0.1, 0.9, 0.9))),
    "flipped, a corner": ("mirrored", lambda image: saved(part(flipped(image), 0.3, 0.3, 1, 1))),
    "80 %, half": ("cropped", lambda image: saved(part(image, 0.1, 0.1, 0.9, 0.9).resize((128, 96)))),
}


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [scene(seed) for seed in range(COUNT)]


@pytest.mark.parametrize("way", WAYS)
def test_copies_are_found_and_nothing_else(scenes, way):
    kind, made = WAYS[way]
    grays = [gray(data, "x", twins.SIDE)[0] for data in [*map(saved, scenes), *map(made, scenes)]]
    found = find([look(one) for one in grays], grays.__getitem__)
    right = [twin for twin in found if twin.other == twin.one + COUNT]
    assert len(found) == len(right)
    assert len(right) >= (COUNT if kind == "same" else COUNT - 1)
    assert {twin.kind for twin in right} == {kind}
    assert [twin.difference for twin in found] == sorted(twin.difference for twin in found)


def test_images_of_another_kind_and_flat_ones_are_no_copies(rng):
    flat = [np.full((192, 256), shade, np.uint8) for shade in (0, 90, 255)]
    noise = [rng.integers(0, 256, (192, 256), dtype=np.uint8) for _ in range(6)]
    grays = [*flat, *noise]
    found = find([look(one) for one in grays], grays.__getitem__)
    assert all(twin.one < len(flat) and twin.other < len(flat) for twin in found)
    assert find([], grays.__getitem__) == []


def test_the_hash_is_of_low_frequencies_alone(rng):
    thumb = np.asarray(scene(1, 32, 32).convert("L"), np.float32)
    assert fingerprint(thumb) == fingerprint(0.5 * thumb + 40)
    noisy = fingerprint(thumb + rng.normal(0, 3, thumb.shape))
    assert (fingerprint(thumb) ^ noisy).bit_count() <= twins.BITS
    assert (fingerprint(thumb) ^ fingerprint(thumb[::-1])).bit_count() > 10
