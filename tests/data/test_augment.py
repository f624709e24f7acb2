"""Augmentation answers as torchvision's transforms v2 do, and keeps to its ranges and seeds."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from cnnviz.data.augment import PRESETS, Augment, Draw, augment, draw, nothing, variants

KEEP = dict.fromkeys(("angle", "across", "down", "shear"), 0.0) | dict.fromkeys(
    ("zoom", "mirror", "mirror_down", "brightness", "contrast", "saturation"), 1.0
)
ALL = Augment(rotate=90, shift=0.5, shear=40, zoom_low=0.5, zoom_high=2, flip=True, fill="zeros")


def drawn(**values: float) -> Draw:
    return Draw(**{name: torch.tensor([float(v)]) for name, v in (KEEP | values).items()})


@pytest.fixture
def picture():
    g = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 6, 8, generator=g)
    return torch.nn.functional.interpolate(small, (48, 64), mode="bilinear")


@pytest.mark.parametrize(
    "change",
    [
        {"angle": 30},
        {"across": 0.25, "down": -0.125},
        {"shear": 20},
        {"zoom": 1.5},
        {"angle": -20, "shear": 15, "zoom": 0.8, "across": 0.125, "down": 0.0625},
    ],
    ids=str,
)
def test_geometry_is_that_of_torchvision_affine(picture, change):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as v2

    theirs = v2.affine(
        picture,
        angle=change.get("angle", 0),
        translate=[change.get("across", 0) * 64, change.get("down", 0) * 48],
        scale=change.get("zoom", 1),
        shear=[change.get("shear", 0), 0],
        interpolation=InterpolationMode.BILINEAR,
    )
    mine = augment(picture, ALL, drawn(**change))
    # torchvision masks what comes from outside a pixel earlier, so the outline may differ, the inside may not.
    inside = augment(torch.ones_like(picture), ALL, drawn(**change)) > 0.999
    assert inside.float().mean() > 0.3
    assert_close(mine[inside], theirs[inside], atol=2e-3, rtol=0)


def test_mirroring_comes_first_as_with_a_flip_before_affine(picture):
    turned = augment(picture, ALL, drawn(angle=25, mirror=-1))
    assert_close(turned, augment(picture.flip(3), ALL, drawn(angle=25)), atol=1e-4, rtol=0)
    assert_close(augment(picture, Augment(flip=True), drawn(mirror=-1)), picture.flip(3))
    assert_close(augment(picture, Augment(flip_down=True), drawn(mirror_down=-1)), picture.flip(2))


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("factor", [0.4, 1.7])
def test_colour_is_that_of_torchvision(picture, name, factor):
    from torchvision.transforms.v2 import functional as v2

    mine = augment(picture, Augment(**{name: 1.0}), drawn(**{name: factor}))
    assert_close(mine, getattr(v2, f"adjust_{name}")(picture, factor), atol=1e-3, rtol=0)


def test_draws_stay_in_range_and_follow_the_seed_not_the_global_state():
    options = Augment(rotate=40, shift=0.2, shear=20, zoom_low=0.8, zoom_high=1.25, flip=True, contrast=0.3)
    one = draw(options, 500, torch.Generator().manual_seed(3))
    torch.rand(5)
    two = draw(options, 500, torch.Generator().manual_seed(3))
    assert_close(one.angle, two.angle)
    assert 38 < one.angle.abs().max() <= 40
    assert 0.8 <= one.zoom.min() < 0.82
    assert 1.23 < one.zoom.max() <= 1.25
    assert 0.4 < (one.mirror < 0).float().mean() < 0.6
    assert (one.mirror_down == 1).all()
    assert 0.7 <= one.contrast.min() <= one.contrast.max() <= 1.3


def test_the_default_changes_nothing(picture):
    assert nothing(Augment())
    assert not nothing(PRESETS["photos"])
    same = draw(Augment(), 1, torch.Generator())
    assert_close(augment(picture, Augment(), same), picture)
    raw = (picture[0] * 255).to(torch.uint8)
    assert torch.equal(variants(raw, Augment(), 3, 0), raw.expand(3, -1, -1, -1))
    many = variants(raw, PRESETS["photos"], 4, 0)
    assert many.dtype == torch.uint8
    assert torch.equal(many, variants(raw, PRESETS["photos"], 4, 0))
    assert not torch.equal(many[0], many[1])


def test_gray_pictures_are_augmented_too():
    gray = torch.rand(5, 1, 28, 28)
    out = augment(gray, PRESETS["digits"], draw(PRESETS["digits"], 5, torch.Generator()))
    assert out.shape == gray.shape


def test_circles_stay_whole_under_the_preset_for_circles(rng):
    from cnnviz.data.counting import Counting
    from cnnviz.data.counting import draw as draw_circles

    picture = torch.from_numpy(draw_circles(5, Counting(), rng)).permute(2, 0, 1)
    many = variants(picture, PRESETS["circles"], 8, 0)
    assert (many.flatten(1).sum(1) == picture.sum()).all()
