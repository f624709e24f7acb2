"""One way of seeing: what training decodes is what pages and evaluation decode, and what torchvision's preset makes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cnnviz import image_file
from cnnviz.data.decode import decode, decode_all
from cnnviz.image_file import PhotoError
from cnnviz.models.preprocess import Preprocess
from cnnviz.photo import PIXELS, Photo

LARGE, SMALL = (2600, 1949), (511, 383)  # more pixels than a page keeps, and fewer
GRAY = Preprocess(28, 28, (0.0,), (1.0,), channels=1)


def stripes(width: int, height: int, period: float = 12.0) -> Image.Image:
    """A grating finer than the network's input can hold: aliasing would show as contrast."""
    y, x = np.mgrid[:height, :width]
    wave = 127.5 + 127 * np.sin(2 * np.pi * (x + 0.3 * y) / period)
    return Image.fromarray(np.repeat(wave[..., None], 3, axis=2).astype(np.uint8))


def scene(width: int, height: int) -> Image.Image:
    """Smooth colours with sharp edges, fine writing and sensor noise, as a camera has them."""
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(30, 220, (9, 12, 3), dtype=np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = rng.integers(0, width), rng.integers(0, height)
        pen.text((x, y), "convolution", tuple(rng.integers(0, 255, 3)), font_size=height / 30)
    noise = rng.integers(-9, 10, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8))


def by_torchvision(path, resize: int, crop: int, gray: bool = False) -> np.ndarray:
    """What torchvision's preset makes of a file: Resize and CenterCrop of a PIL image, int (H, W, C)."""
    from PIL import ImageOps
    from torchvision import transforms

    steps = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(crop)])
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image.convert("RGB") if image.mode != "RGB" else image)
    seen = np.asarray(steps(upright.convert("L") if gray else upright)).astype(int)
    return seen[..., None] if gray else seen


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("draw", [stripes, scene])
@pytest.mark.parametrize("turn", [1, 6])
def test_a_jpeg_is_decoded_as_torchvision_does_within_one_gray_level(tmp_path, size, draw, turn):
    path, exif = tmp_path / "photo.jpg", Image.Exif()
    exif[0x0112] = turn
    draw(*size).save(path, quality=92, exif=exif)
    for resize, crop in ((28, 28), (64, 64), (96, 96), (150, 150), (256, 224)):
        preprocess = Preprocess(resize, crop)
        mine = decode(path, preprocess)
        off = np.abs(mine - by_torchvision(path, resize, crop))
        assert off.max() <= 1, (crop, off.max())
        if size == SMALL:  # the very pixels, also of the photo on a page
            assert off.max() == 0
            np.testing.assert_array_equal(mine, preprocess.see(Photo.open(path)))
        else:
            assert np.abs(mine.astype(int) - preprocess.see(Photo.open(path))).max() <= 2
    np.testing.assert_array_equal(decode(path, GRAY), by_torchvision(path, 28, 28, gray=True))


@pytest.mark.parametrize("way", [{"fit": "pad"}, {"fit": "squash"}, {"at": 0.0}, {"interpolation": "bicubic"}])
def test_crop_squash_and_pad_are_the_same_on_both_roads(tmp_path, way):
    assert LARGE[0] * LARGE[1] > PIXELS
    path = tmp_path / "photo.jpg"
    scene(*LARGE).save(path, quality=92)
    preprocess = Preprocess(256, 224, **way)
    whole = preprocess.picture(image_file.picture(path).image)
    assert np.abs(decode(path, preprocess).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "gif"])
def test_other_formats_are_decoded_exactly_as_the_engine_does(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    scene(*SMALL).save(path)
    for preprocess in (Preprocess(96, 80), GRAY):
        expected = preprocess.see(Photo.open(path))[..., : preprocess.channels]
        np.testing.assert_array_equal(decode(path, preprocess), expected)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_large_jpeg_of_another_kind_of_colour_is_read_too(tmp_path, mode):
    path = tmp_path / "photo.jpg"
    scene(*LARGE).convert(mode).save(path, quality=92)
    preprocess = Preprocess(64, 64)
    whole = preprocess.picture(image_file.picture(path).image)
    np.testing.assert_array_equal(decode(path, preprocess), whole)


def test_a_damaged_large_jpeg_is_the_sentence_it_is_elsewhere_or_the_same_pixels(tmp_path):
    rng, file, path = np.random.default_rng(5), io.BytesIO(), tmp_path / "photo.jpg"
    stripes(*LARGE, period=300).save(file, "JPEG", quality=80)
    data, preprocess, refused = file.getvalue(), Preprocess(64, 64), []
    for turn in range(8):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] = rng.integers(0, 256)
        path.write_bytes(bytes(broken[: rng.integers(700, len(data))] if turn % 2 else broken))
        [mine] = decode_all([path], preprocess)
        try:
            whole = preprocess.picture(image_file.picture(path).image)
        except PhotoError as error:
            refused.append((str(mine), str(error)))
        else:
            assert np.abs(mine.astype(int) - whole).max() <= 1
    assert refused
    assert all(mine == said for mine, said in refused)


def test_a_corrupt_picture_is_one_sentence_among_the_others(tmp_path):
    for i in range(3):
        scene(40, 30).save(tmp_path / f"{i}.png")
    file = io.BytesIO()
    scene(64, 64).save(file, "JPEG")
    (tmp_path / "1.jpg").write_bytes(file.getvalue()[:300])
    found = list(decode_all(sorted(tmp_path.iterdir()), Preprocess(8, 8)))
    assert [isinstance(one, PhotoError) for one in found] == [False, True, False, False]
    assert "1.jpg" in str(found[1])
