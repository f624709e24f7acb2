"""What the net sees equals torchvision's own preset bit for bit; boxes point at the right place in the photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.models.preprocess import Preprocess, PreprocessError
from cnnviz.photo import Photo

SIZES = [
    (224, 224),
    (256, 256),
    (255, 257),
    (1, 1),
    (31, 487),
    (487, 31),
    (640, 427),
    (300, 299),
    (31, 2999),
    (75, 100),
]
HALF = (0.5, 0.5, 0.5)


def noise(rng: np.random.Generator, height: int, width: int) -> Photo:
    return Photo.open(Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("resize", "crop"), [(256, 224), (288, 288), (235, 224)])
def test_tensor_equals_torchvisions_preset_bit_for_bit(rng, interpolation, resize, crop):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    oracle = ImageClassification(resize_size=resize, crop_size=crop, interpolation=InterpolationMode(interpolation))
    ours = Preprocess(resize, crop, interpolation=interpolation)
    for height, width in SIZES:
        photo = noise(rng, height, width)
        expected = oracle(Image.fromarray(photo.pixels))[None]
        assert torch.equal(ours.tensor(ours.see(photo)), expected), (height, width)


def test_a_pair_of_sides_squashes_the_whole_photo(rng):
    photo = noise(rng, 50, 90)
    ours = Preprocess((30, 40), (30, 40))
    assert np.array_equal(
        ours.see(photo), np.asarray(Image.fromarray(photo.pixels).resize((40, 30), Image.Resampling.BILINEAR))
    )
    assert ours.box(photo) == (0, 0, 90, 50)


def test_one_channel_is_luminance_and_is_shown_gray(rng):
    photo = noise(rng, 28, 28)
    ours = Preprocess(28, 28, (0.0,), (1.0,), channels=1)
    seen = ours.see(photo)
    gray = np.asarray(Image.fromarray(photo.pixels).convert("L"))
    assert seen.shape == (28, 28, 3)
    assert all(np.array_equal(seen[..., c], gray) for c in range(3))
    assert torch.equal(ours.tensor(seen)[0, 0], torch.from_numpy(gray.copy()).float() / 255)


@pytest.mark.parametrize(("height", "width"), [(400, 600), (600, 400), (100, 150), (231, 977)])
def test_the_box_holds_the_pixels_that_were_seen(height, width):
    y, x = np.mgrid[0:height, 0:width]
    ramp = np.stack([x * 255 / width, y * 255 / height, 0 * x], axis=2).astype(np.uint8)
    photo = Photo.open(Image.fromarray(ramp))
    ours = Preprocess(256, 224)
    left, top, wide, high = ours.box(photo)
    seen = ours.see(photo)[112, 112]  # the middle of the crop is the middle of the box
    middle = np.array([(left + wide / 2) * 255 / width, (top + high / 2) * 255 / height])
    assert np.abs(seen[:2] - middle).max() < 3
    assert left >= 0
    assert top >= 0
    assert left + wide <= width + 1e-6
    assert top + high <= height + 1e-6


def test_the_photo_stays_as_it_was(rng):
    photo = noise(rng, 40, 40)
    before = photo.pixels.copy()
    ours = Preprocess(40, 40)
    ours.tensor(ours.see(photo))
    assert np.array_equal(photo.pixels, before)


def test_a_card_is_read_back_as_it_was_written():
    for ours in (
        Preprocess(),
        Preprocess((30, 40), (30, 30), HALF, HALF, "bicubic"),
        Preprocess(28, 28, (0.1,), (0.3,), channels=1),
    ):
        assert Preprocess.parse(ours.card()) == ours
        assert hash(Preprocess.parse(ours.card())) == hash(ours)


@pytest.mark.parametrize(
    "card",
    [
        {"resize": 0},
        {"resize": 100, "crop": 101},
        {"resize": 10**9, "crop": 10**9},
        {"interpolation": "magic"},
        {"channels": 2},
        {"mean": [0.5]},
        {"std": [0.0, 1.0, 1.0]},
        {"std": ["a", "b", "c"]},
        {"crop": "large"},
        {"unheard": 1},
        [],
        None,
    ],
)
def test_a_card_that_makes_no_sense_is_refused_in_one_sentence(card):
    with pytest.raises(PreprocessError) as caught:
        Preprocess.parse(card)
    assert "\n" not in str(caught.value)


WAYS = ["centre", 0.0, 0.3, 1.0, "pad", "squash"]
SHAPES = [(224, 224), (300, 500), (500, 300), (31, 2999), (2999, 31), (90, 400), (640, 427), (7, 5)]


def laid_by_torchvision(image: Image.Image, way: str | float, resize: int, crop: int) -> Image.Image:
    """The image as torchvision and Pillow crop, pad and squash it."""
    from PIL import ImageOps
    from torchvision.transforms import functional as tv

    if way == "pad":
        return ImageOps.pad(image, (crop, crop), Image.Resampling.BILINEAR, color=(124, 116, 104))
    if way == "squash":
        return tv.resize(image, [crop, crop])
    whole = tv.resize(image, [resize])
    if way == "centre":
        return tv.center_crop(whole, [crop, crop])
    room = (whole.height - crop, whole.width - crop)
    at = (0.5, way) if image.width >= image.height else (way, 0.5)
    return tv.crop(whole, round(room[0] * at[0]), round(room[1] * at[1]), crop, crop)


@pytest.mark.parametrize("way", WAYS)
def test_every_crop_is_what_torchvision_and_pillow_make_of_the_photo(rng, way):
    ours = Preprocess(256, 224)
    for height, width in SHAPES:
        photo = noise(rng, height, width)
        expected = np.asarray(laid_by_torchvision(photo.image(), way, 256, 224))
        assert np.array_equal(ours.see(photo.with_crop(way)), expected), (height, width)
        if isinstance(way, str) and way != "centre":
            assert np.array_equal(Preprocess(256, 224, fit=way).see(photo), expected)
        elif way != "centre":
            assert np.array_equal(Preprocess(256, 224, at=way).see(photo), expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ours", [Preprocess(256, 224), Preprocess((300, 240), (224, 224)), Preprocess(64, (64, 48))])
def test_a_dot_is_found_where_it_lies_under_every_crop(way, ours):
    for height, width in [(300, 500), (500, 300), (320, 320), (200, 1000)]:
        for y, x in [(0.5, 0.5), (0.1, 0.1), (0.5, 0.93), (0.93, 0.5)]:
            pixels = np.zeros((height, width, 3), np.uint8)
            row, column = int(y * height), int(x * width)
            pixels[row - 9 : row + 10, column - 9 : column + 10] = 255
            photo = Photo.of(pixels).with_crop(way)
            seen = ours.see(photo)[..., 0].astype(float)
            left, top, right, bottom = ours.padding(photo)
            seen[:top], seen[:, :left] = 0, 0
            seen[len(seen) - bottom :], seen[:, seen.shape[1] - right :] = 0, 0
            if seen.max() < 20:
                assert way not in ("pad", "squash")  # which show all of the photo
                continue
            rows, columns = np.nonzero(seen > seen.max() / 2)
            edges = (min(rows), max(rows) + 1, min(columns), max(columns) + 1)
            if edges[0] == 0 or edges[2] == 0 or edges[1] == seen.shape[0] or edges[3] == seen.shape[1]:
                continue  # cut by the crop
            from_left, from_top, wide, high = ours.box(photo)
            across, down = wide / seen.shape[1], high / seen.shape[0]
            assert abs(from_left + (edges[2] + edges[3]) / 2 * across - (column + 0.5)) <= across
            assert abs(from_top + (edges[0] + edges[1]) / 2 * down - (row + 0.5)) <= down


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_seen_of_a_photo_and_its_border_are_where_the_way_back_says(way, channels):
    ours = Preprocess(70, 64, (0.5,) * channels, (0.2,) * channels, channels=channels)
    for height, width in SHAPES:
        photo = Photo.of(np.full((height, width, 3), 255, np.uint8)).with_crop(way)
        seen, (left, top, right, bottom) = ours.see(photo), ours.padding(photo)
        photos_own = seen[top : len(seen) - bottom, left : seen.shape[1] - right]
        assert (photos_own == 255).all()
        assert (seen == 128).all(2).sum() == seen[..., 0].size - photos_own[..., 0].size  # the border: the mean colour
        if not any((left, top, right, bottom)):
            continue
        x, y, wide, high = ours.box(photo)
        across, down = wide / 64, high / 64
        part = (x + left * across, y + top * down, photos_own.shape[1] * across, photos_own.shape[0] * down)
        assert part == pytest.approx((0, 0, width, height), abs=1e-9)


def test_the_border_is_nothing_to_the_network():
    ours = Preprocess()
    photo = Photo.of(np.full((100, 300, 3), 255, np.uint8)).with_crop("pad")
    assert ours.tensor(ours.see(photo))[0, :, 0].abs().max() < 0.01  # the border, normalised


KNOWN = {
    Preprocess(): "Preprocess(resize=256, crop=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), "
    "interpolation='bilinear', channels=3)",
    Preprocess((30, 40), (30, 30), HALF, HALF, "bicubic"): "Preprocess(resize=(30, 40), crop=(30, 30), "
    "mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), interpolation='bicubic', channels=3)",
    Preprocess(28, 28, (0.1,), (0.3,), channels=1): "Preprocess(resize=28, crop=28, mean=(0.1,), std=(0.3,), "
    "interpolation='bilinear', channels=1)",
}


def test_keys_on_disk_and_cards_are_what_they_were_before_there_were_other_crops(engine):
    from cnnviz.runtime.backend import ident_of

    for ours, written in KNOWN.items():
        assert repr(ours) == written
        assert list(ours.card()) == ["resize", "crop", "mean", "std", "interpolation", "channels"]
    assert engine.model("bundled/cats_dogs").fingerprint == "8dece32a5a9e6f08852e7869415800d44018fa0a"
    photo = Photo.sample("cat")
    assert photo.digest == "7edcfb69070683190fa90d6cc5208177"
    assert repr(photo) == "Photo(digest='7edcfb69070683190fa90d6cc5208177', name='cat', personal=False)"
    assert "fit" not in repr(ident_of(engine.model("bundled/cats_dogs")))


def test_another_fit_is_part_of_the_key_and_of_the_card():
    ours = Preprocess(fit="pad", at=0.25)
    assert repr(ours).endswith("channels=3, fit='pad', at=0.25)")
    assert Preprocess.parse(ours.card()) == ours
    for card in ({"fit": "stretch"}, {"at": 2}, {"at": "left"}, {"at": float("nan")}, {"at": None}):
        with pytest.raises(PreprocessError):
            Preprocess.parse(card)
