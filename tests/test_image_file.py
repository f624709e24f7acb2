"""Formats and grey values: whatever Pillow reads is read, by the bits that are in the file."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image, features

from cnnviz import image_file
from cnnviz.image_file import FORMATS, SUFFIXES, PhotoError, ReadError
from cnnviz.photo import Photo


def saved(image, format, **how):
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def ramp(top: int, kind=np.uint16) -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, top, 4096), (48, 1)).astype(kind))


def scene() -> Image.Image:
    y, x = np.mgrid[:48, :64]
    return Image.fromarray(np.stack([4 * x, 5 * y, 2 * (x + y)], axis=2).astype(np.uint8))


@pytest.mark.parametrize(("bits", "levels"), [(8, 256), (10, 256), (12, 256), (14, 256), (16, 256)])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_grays_of_fewer_bits_in_a_16_bit_file_keep_all_their_levels(bits, levels, format):
    photo = Photo.open(saved(ramp(2**bits - 1), format), name="scan.png")
    assert photo.pixels.max() == 255
    assert len(np.unique(photo.pixels)) == levels
    assert photo.note == (
        ""
        if bits in (8, 16)
        else f"The grey values of scan.png are at most {2**bits - 1:,}; they were read as {bits}-bit values."
    )


def test_grays_of_a_dark_scan_keep_their_share_of_its_bits():
    top = Photo.open(saved(ramp(3000), "PNG")).pixels.max()
    assert top == round(255 * 3000 / 4095)  # of 12 bits: two scans of one camera stay comparable


def test_small_whole_numbers_in_a_32_bit_tiff_are_8_bit_grays():
    photo = Photo.open(saved(Image.fromarray(np.tile(np.arange(256, dtype=np.int32), (9, 1))), "TIFF"))
    assert photo.pixels[0, :, 0].tolist() == list(range(256))
    assert photo.note == ""


def test_other_ranges_are_stretched_and_it_is_said():
    values = np.array([[-1000, 0, 1000]], np.int32)
    photo = Photo.open(saved(Image.fromarray(values), "TIFF"), name="ct.tif")
    assert photo.pixels[0, :, 0].tolist() == [0, 128, 255]
    assert photo.note == "The grey values of ct.tif were stretched from -1,000 to 1,000."
    assert photo.with_crop("pad").note == photo.note
    assert Photo.open(saved(scene(), "PNG")).note == ""


@pytest.mark.parametrize(
    ("format", "suffix", "how"),
    [
        ("PPM", ".ppm", {}),
        ("JPEG2000", ".jp2", {"irreversible": False}),
        ("AVIF", ".avif", {"quality": 95}),
        ("JPEG", ".jfif", {"quality": 95}),
        ("HEIF", ".heic", {"quality": 95}),
    ],
)
def test_more_formats_are_read_and_counted_as_images(tmp_path, format, suffix, how):
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
        assert image_file.heic()
    elif format not in FORMATS:
        pytest.skip(f"this Pillow was built without {format}")
    assert suffix in SUFFIXES
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(saved(scene(), format, **how))
    photo = Photo.open(path)
    assert np.abs(photo.pixels.astype(int) - np.asarray(scene())).mean() < 4
    assert image_file.size_of(path) == (64, 48)
    data = path.read_bytes()
    for end in (12, 40, len(data) // 2):
        with pytest.raises(PhotoError) as caught:
            Photo.open(data[:end], name=path.name)
        assert path.name in str(caught.value)


@pytest.mark.parametrize("top", [255, 4095, 65535])
@pytest.mark.parametrize("bright", [1.0, 0.1])
def test_a_pgm_has_the_grays_that_its_header_says(top, bright):
    values = np.linspace(0, top * bright, 512).astype(">u2" if top > 255 else np.uint8)
    photo = Photo.open(f"P5 64 8 {top}\n".encode() + values.tobytes())
    assert np.abs(photo.pixels[..., 0].ravel().astype(float) - 255 * values.astype(float) / top).max() <= 1
    assert photo.note == ""


def test_a_large_image_is_refused_from_its_header_in_every_format():
    for data in (b"P6 9000 9000 255\n" + bytes(99), b"P5 9000 9000 65535\n" + bytes(99)):
        with pytest.raises(PhotoError, match="50 megapixels"):
            Photo.open(data)


def test_a_file_that_is_gone_or_too_large_for_free_memory_is_not_said_to_be_damaged(tmp_path, monkeypatch):
    with pytest.raises(ReadError, match="no file"):
        Photo.open(tmp_path / "gone.jpg")
    scene().save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "load", lambda image: bytearray(2**62))
    with pytest.raises(ReadError, match=r"too little free memory to read a\.png"):
        Photo.open(tmp_path / "a.png")
    monkeypatch.undo()
    (tmp_path / "b.png").write_bytes(b"no photo")
    with pytest.raises(PhotoError) as refused:
        Photo.open(tmp_path / "b.png")
    assert not isinstance(refused.value, ReadError)


def test_a_heic_photo_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image_file.heic.cache_clear()
    try:
        with pytest.raises(ReadError, match=r"HEIC photo; .*pip install cnnviz\[heic\]"):
            Photo.open(b"\0\0\0\x18ftypheic" + bytes(90), name="iphone.heic")
        assert "HEIC" not in image_file.in_words()
    finally:
        image_file.heic.cache_clear()


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_an_avif_in_a_container_of_another_brand_is_no_heic():
    data = bytearray(saved(scene(), "AVIF"))
    data[8:12] = b"mif1"
    assert b"avif" in data[16:64]
    assert Photo.open(bytes(data)).width == 64
