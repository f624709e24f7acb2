"""Preprocessing is taken as people have it: ours, torchvision's, any function; measured where it cannot be read."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms as v1

from cnnviz.models.pipeline import Pipeline, read
from cnnviz.models.preprocess import Preprocess, PreprocessError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def gap(channels: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()


def bgr(photo):
    """As OpenCV nets want it: no channel is where it was."""
    return torch.from_numpy(np.asarray(photo.resize((40, 30)))[..., ::-1].copy()).permute(2, 0, 1).float() - 110


def standardised(image):
    """Each photo by its own mean and deviation."""
    x = v1.functional.to_tensor(image.resize((32, 32)))
    return (x - x.mean()) / x.std()


OWN = {
    "of an image": (lambda image: v1.functional.to_tensor(image.resize((48, 32))), (0, 0, 260, 200)),
    "of an array": (
        lambda pixels: cv2.resize(pixels[20:, 60:160], (50, 90)).transpose(2, 0, 1) / 255 * 2 - 1,
        (60, 20, 100, 180),
    ),
    "of a photo": (
        lambda photo: torch.from_numpy(photo.pixels[:64, -64:].copy()).permute(2, 0, 1) / 255,
        (196, 0, 64, 64),
    ),
    "padded by torchvision": (v1.Compose([v1.CenterCrop(300), v1.ToTensor()]), (-20, -50, 300, 300)),
}


@pytest.mark.parametrize(("given", "box"), OWN.values(), ids=OWN)
def test_a_function_is_run_as_it_is_and_its_colours_and_place_are_measured(given, box, photo):
    own, said = read(given, gap())
    assert isinstance(own, Pipeline)
    assert "the program's own" in said
    assert own.coloured
    assert np.allclose(own.box(photo), box, atol=3)
    seen = own.see(photo)
    assert seen.shape == (*own.size[1:], 3)
    assert torch.allclose(own.tensor(seen), own.input(photo), atol=0.02)
    if box[0] >= 0:
        left, top, width, height = map(int, box)
        part = np.asarray(
            Image.fromarray(photo.pixels[top : top + height, left : left + width]).resize(seen.shape[1::-1])
        )
        assert np.abs(part.astype(float) - seen).mean() < 12
        assert own.padding(photo) == (0, 0, 0, 0)
    else:
        assert own.padding(photo) == (20, 50, 20, 50)


def test_where_colours_are_unknown_altered_pixels_are_refused_and_the_input_is_shown_stretched(photo):
    own, _ = read(standardised, gap())
    assert isinstance(own, Pipeline)
    seen = own.see(photo)
    assert (seen.min(), seen.max()) == (0, 255)
    assert own.box(photo) == (0, 0, 260, 200)
    with pytest.raises(PreprocessError, match="altered pixels"):
        own.tensor(seen)
    assert read(bgr, gap())[0].size == (3, 30, 40)


REFUSED = {
    "draws random numbers": v1.Compose([v1.Resize((32, 32)), v1.RandomHorizontalFlip(), v1.ToTensor()]),
    "another input each time": lambda image: v1.functional.to_tensor(image.resize((32, 32))) + random.random(),
    "end it with a resize or crop": v1.ToTensor(),
    "gives (1, 32, 32, 3) for a photo and not (3, H, W) or (1, H, W); move its": lambda image: np.asarray(
        image.resize((32, 32))
    ),
    "fails on a photo (AttributeError: 'Image' object has no attribute 'nothing');": lambda image: image.nothing,
    "gives nothing for a photo; end it with a return": lambda image: None,
    "gives NaN or infinity for a photo; correct it": lambda image: torch.full((3, 8, 8), torch.nan),
    "prepares no photos": "imagenet",
}


@pytest.mark.parametrize(("said", "given"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_and_draws_nothing(said, given):
    net, before = gap(), torch.get_rng_state()
    with pytest.raises(PreprocessError) as caught:
        read(given, net)
    assert said in str(caught.value)
    assert torch.equal(before, torch.get_rng_state())


def test_a_preprocess_of_ours_is_kept():
    ours = Preprocess(64, 60)
    assert read(ours, gap())[0] is ours


def test_without_one_the_usual_is_guessed_at_a_size_that_the_network_takes_and_that_is_said():
    ours, said = read(None, gap())
    assert (ours, "a guess" in said) == (Preprocess(), True)
    assert read(None, gap(1))[0].channels == 1
    small = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10)).eval()
    assert read(None, small)[0].size == (1, 28, 28)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval()
    assert read(None, flat)[0].size == (3, 32, 32)
    with pytest.raises(PreprocessError, match="takes 4 channels"):
        read(None, gap(4))


def test_what_timm_keeps_beside_its_modules_is_used_where_the_network_runs_on_it():
    said = {
        "input_size": (3, 48, 48),
        "crop_pct": 0.75,
        "mean": (0.5,) * 3,
        "std": (0.25,) * 3,
        "interpolation": "bilinear",
    }
    net = gap()
    net[0].pretrained_cfg = said
    ours, words = read(None, net)
    assert ours == Preprocess(64, 48, (0.5,) * 3, (0.25,) * 3, "bilinear")
    assert words.endswith("from the network's pretrained_cfg")
    gray = gap(1)
    gray.pretrained_cfg = said
    assert read(None, gray)[0] == Preprocess(64, 48, (0.5,), (0.25,), "bilinear", channels=1)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval()
    flat.pretrained_cfg = said
    assert "a guess" in read(None, flat)[1]
