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
