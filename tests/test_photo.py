"""Photos: what comes in is upright RGB, and what is no photo is refused in one sentence."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cnnviz import image_file
from cnnviz import photo as photos
from cnnviz.photo import Photo, PhotoError, samples


def scene(width=40, height=24):
    """A picture without any symmetry, (H, W, 3)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * y) % 256], axis=2).astype(np.uint8)


def saved(image, format="PNG", **how):
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def sentence(caught):
    """The message, which has to be one sentence of one line with a full stop."""
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "scikit-image"))
    assert len(text) < 200
    return text


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_files_come_in_pixel_for_pixel(format):
    assert np.array_equal(Photo.open(saved(Image.fromarray(scene()), format)).pixels, scene())


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF"])
def test_lossy_files_come_in_as_pillow_decodes_them(format):
    data = saved(Image.fromarray(scene()), format)
    assert np.array_equal(Photo.open(data).pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_path_bytes_file_and_image_are_the_same_photo(tmp_path):
    image = Image.fromarray(scene())
    path = tmp_path / "scene.png"
    path.write_bytes(saved(image))
    with path.open("rb") as file:
        opened = [Photo.open(path), Photo.open(str(path)), Photo.open(path.read_bytes()), Photo.open(file)]
    opened.append(Photo.open(image))
    assert len({p.digest for p in opened}) == 1
    assert [p.name for p in opened] == ["scene.png", "scene.png", "picture", "scene.png", "picture"]
    assert all(p.personal for p in opened)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_photos_stand_upright_whichever_way_the_camera_was_held(orientation, format):
    image = Image.fromarray(scene())
    exif = image.getexif()
    exif[0x0112] = orientation
    data = saved(image, format, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(Photo.open(data).pixels, np.asarray(expected.convert("RGB")))


def test_nonsense_orientation_is_ignored():
    image = Image.fromarray(scene())
    exif = image.getexif()
    exif[0x0112] = 77
    assert np.array_equal(Photo.open(saved(image, exif=exif)).pixels, scene())


def test_nothing_of_the_file_but_its_pixels_is_kept():
    image = Image.fromarray(scene())
    exif = image.getexif()
    exif[0x010E] = "at home"
    exif.get_ifd(0x8825)[1] = "N"
    kept = Photo.open(saved(image, "JPEG", exif=exif))
    assert b"at home" not in saved(kept.image(), "JPEG")
    assert not kept.image().getexif()
    assert set(vars(kept)) == {"pixels", "mark", "name", "personal", "crop", "note"}
    assert set(vars(kept.mark)) == {"pixels"}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(mode):
    image = Image.new(mode, (4, 2), 0)
    pixels = Photo.open(saved(image)).pixels
    assert pixels.shape == (2, 4, 3)
    assert (pixels == 255).all()


def test_half_transparent_red_is_pink():
    assert Photo.open(saved(Image.new("RGBA", (1, 1), (255, 0, 0, 128)))).pixels.tolist() == [[[255, 127, 127]]]


def test_a_palette_gives_its_colours_and_its_transparent_entry_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    assert Photo.open(saved(image)).pixels.tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert Photo.open(saved(image, transparency=1)).pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_grey_and_one_bit_become_three_equal_channels():
    assert Photo.open(saved(Image.new("L", (1, 1), 77))).pixels.tolist() == [[[77, 77, 77]]]
    assert Photo.open(saved(Image.new("1", (1, 1), 1))).pixels.tolist() == [[[255, 255, 255]]]


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert Photo.open(saved(image, "TIFF")).pixels[0, 0].tolist() == [255, 0, 0]
    assert np.abs(Photo.open(saved(image, "JPEG")).pixels.astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(format):
    values = np.array([[0, 257, 300, 32896, 65535]], np.uint16)
    grey = Photo.open(saved(Image.fromarray(values), format)).pixels[0, :, 0]
    assert grey.tolist() == [0, 1, 1, 128, 255]


@pytest.mark.parametrize("top", [1.0, 255.0, 1000.0])
def test_floating_point_greys_are_scaled(top):
    values = np.array([[0, top / 2, top]], np.float32)
    assert Photo.open(saved(Image.fromarray(values), "TIFF")).pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "TIFF", "PNG"])
def test_an_animation_gives_its_first_frame(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    how = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **how)
    assert Photo.open(data).pixels[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_side_bounds_the_longer_side_and_keeps_the_shape(format):
    data = saved(Image.fromarray(scene(400, 240)), format)
    opened = Photo.open(data, side=100)
    assert (opened.width, opened.height) == (100, 60)
    assert np.abs(opened.pixels.astype(int) - np.asarray(Image.open(io.BytesIO(data)).resize((100, 60)))).mean() < 20
    assert Photo.open(data, side=4000).pixels.shape == (240, 400, 3)


def test_pixels_cannot_be_changed_and_the_source_is_untouched():
    image = Image.fromarray(scene())
    opened = Photo.open(image)
    with pytest.raises(ValueError, match="read-only"):
        opened.pixels[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        opened.pixels.flags.writeable = True
    assert np.array_equal(np.asarray(image), scene())


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 255), st.data())
@settings(max_examples=40, deadline=None)
def test_the_digest_tells_any_change_of_a_pixel_or_of_the_shape(height, width, value, data):
    pixels = np.full((height, width, 3), value, np.uint8)
    first = Photo.of(pixels)
    assert Photo.of(pixels.copy(), "other name") != first  # names differ
    assert Photo.of(pixels.copy()).digest == first.digest
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    pixels[y, x, 1] ^= 1
    assert Photo.of(pixels).digest != first.digest
    if height != width:
        assert Photo.of(pixels.reshape(width, height, 3)).digest != Photo.of(pixels).digest


def test_of_takes_only_rgb_bytes():
    for wrong in (np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8)):
        with pytest.raises(PhotoError):
            Photo.of(wrong)


def test_every_sample_is_there_and_is_not_personal():
    assert samples()[0] == "cat"
    for name in samples():
        sample = Photo.sample(name)
        assert sample.name == name
        assert not sample.personal
        assert min(sample.width, sample.height) >= 224
    assert Photo.sample() is Photo.sample("cat")


def test_the_cat_is_scikit_images_chelsea():
    from skimage import data

    assert np.array_equal(Photo.sample("cat").pixels, data.chelsea())


def test_an_unknown_sample_lists_those_that_exist():
    with pytest.raises(PhotoError, match="cat, astronaut") as caught:
        Photo.sample("dog")
    sentence(caught)


JPEG = saved(Image.fromarray(scene(200, 120)), "JPEG")
BAD = {
    "text": (b"hello, I am a text\n" * 50, "not an image that can be read"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not an image that can be read"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "incomplete"),
    "truncated png": (saved(Image.fromarray(scene(200, 120)))[:700], "incomplete"),
    "header only": (JPEG[:20], "damaged|incomplete|not an image"),
    "empty": (b"", "empty"),
    "heic": (b"\0\0\0\x18ftypheic" + b"\0" * 90, "HEIC"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image that can be read"),
    "zip": (b"PK\x03\x04" + b"\0" * 60, "not an image that can be read"),
}


@pytest.mark.parametrize(("data", "says"), BAD.values(), ids=BAD)
def test_bytes_that_are_no_photo_are_refused_in_one_sentence(data, says, tmp_path, monkeypatch):
    monkeypatch.setattr(image_file, "heic", lambda: False)
    path = tmp_path / "cat.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=says) as caught:
        Photo.open(path)
    assert "cat.jpg" in sentence(caught)


def test_missing_files_and_folders_say_so(tmp_path):
    with pytest.raises(PhotoError, match="no file") as caught:
        Photo.open(tmp_path / "nothing.jpg")
    sentence(caught)
    with pytest.raises(PhotoError, match="is a folder") as caught:
        Photo.open(tmp_path)
    sentence(caught)
    with pytest.raises(PhotoError, match="cannot be opened"):
        Photo.open("nul\0byte")
    with pytest.raises(PhotoError, match="not an ordinary file"):
        Photo.open("/dev/zero")
    with pytest.raises(PhotoError, match="not a int"):
        Photo.open(7)
    with pytest.raises(PhotoError, match="binary mode"):
        Photo.open(io.StringIO("text"))


def png(width, height, body=b""):
    """A PNG of any claimed size whose body need not fit it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (12_000, 12_000), (8_000, 8_000)])
def test_a_decompression_bomb_is_refused_from_its_header(width, height):
    data = png(width, height, bytes(1000))
    tracemalloc.start()
    with pytest.raises(PhotoError, match="50 megapixels") as caught:
        Photo.open(data, name="bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert "bomb.png" in sentence(caught)


def test_a_large_picture_object_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(8_000, 8_000, bytes(1000)))
    with Image.open(path) as image, pytest.raises(PhotoError, match="50 megapixels"):
        Photo.open(image)


def test_ribbons_and_files_too_large_are_refused(monkeypatch):
    with pytest.raises(PhotoError, match="too long and thin"):
        Photo.open(saved(Image.new("RGB", (1, 5000))))
    monkeypatch.setattr(image_file, "MAX_BYTES", 1000)
    with pytest.raises(PhotoError, match="larger than"):
        Photo.open(io.BytesIO(bytes(2000)))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_mangled_files_give_a_photo_or_a_photo_error_and_nothing_else(data):
    good = data.draw(st.sampled_from(GOOD))
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(raw) // 2, len(raw)))
    try:
        opened = Photo.open(bytes(raw[:cut]))
    except PhotoError:
        return
    assert opened.pixels.dtype == np.uint8


GOOD = [
    *(saved(Image.fromarray(scene()), format) for format in image_file.FORMATS),
    saved(Image.fromarray(scene()).convert("P"), "GIF"),
    saved(Image.fromarray(scene()).convert("CMYK"), "TIFF", compression="tiff_lzw"),
]


def test_another_crop_is_another_question_and_the_centre_is_the_first_again():
    photo = Photo.sample("cat")
    ways = [photo.with_crop(way) for way in ("pad", "squash", 0, 0.25, "1")]
    assert len({photo.digest, *(way.digest for way in ways)}) == 6
    assert [way.crop for way in ways] == ["pad", "squash", 0.0, 0.25, 1.0]
    assert all(way.pixels is photo.pixels for way in ways)
    for way in ways:
        assert way.with_crop("centre") == way.with_crop(0.5) == photo
        assert way.with_crop("pad").digest == photo.with_crop("pad").digest
    for wrong in ("left", 1.5, -0.1, float("nan"), "", None, ["pad"], {}):
        with pytest.raises(PhotoError, match="choose centre, pad, squash, or a number from 0 to 1"):
            photo.with_crop(wrong)


@pytest.mark.parametrize("size", [(9000, 600), (600, 9000), (3000, 2500)])
def test_a_photo_of_many_pixels_keeps_its_shape_and_as_many_as_its_memory_has_room_for(size):
    image = Image.new("RGB", size)
    opened = Photo.open(image)
    assert opened.width / opened.height == pytest.approx(size[0] / size[1], rel=0.005)
    assert opened.width * opened.height == pytest.approx(photos.PIXELS, rel=0.005)
    assert Photo.open(opened.image()).pixels.shape == opened.pixels.shape  # once is enough
    assert (Photo.open(image, pixels=None).width, Photo.open(image, pixels=None).height) == size
