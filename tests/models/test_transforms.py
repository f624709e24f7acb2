"""torchvision's usual transforms are read right, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision import transforms as v1
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2

from cnnviz.models import transforms
from cnnviz.models.pipeline import read
from cnnviz.models.preprocess import Preprocess
from tests.models.test_pipeline import MEAN, STD, gap

READ = {
    "weights": ResNet18_Weights.DEFAULT,
    "preset": ResNet18_Weights.DEFAULT.transforms(),
    "v1": v1.Compose([v1.Resize(70), v1.CenterCrop(64), v1.ToTensor(), v1.Normalize(MEAN, STD)]),
    "v2": v2.Compose(
        [v2.Resize((64, 80)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    ),
    "nested": v1.Compose([v1.Compose([v1.Resize(64, v1.InterpolationMode.BICUBIC), v1.CenterCrop(60)]), v1.ToTensor()]),
    "gray": v1.Compose([v1.Grayscale(), v1.Resize((28, 28)), v1.ToTensor(), v1.Normalize((0.1307,), (0.3081,))]),
}


@pytest.mark.parametrize("given", READ.values(), ids=READ)
def test_torchvisions_usual_transforms_are_read_and_give_the_same_input(given, photo):
    ours, said = read(given, gap())
    assert type(ours) is Preprocess
    assert "read from the transform" in said
    transform = given.transforms() if hasattr(given, "url") else given
    assert torch.allclose(ours.input(photo)[0], transform(photo.image()), atol=1e-5)
    assert ours == transforms.read(transform)


def test_gray_in_three_channels_is_not_taken_for_one(photo):
    for more in ([], [v1.Normalize(MEAN, STD)]):
        given = v1.Compose([v1.Grayscale(3), v1.Resize((50, 40)), v1.ToTensor(), *more])
        own, _ = read(given, gap())
        assert own.size == (3, 50, 40)
        assert torch.equal(own.input(photo)[0], given(photo.image()))
        assert np.ptp(own.see(photo), axis=2).max() <= 1
    assert transforms.read(v1.Compose([v1.Resize(60), v1.GaussianBlur(3), v1.ToTensor()])) is None
