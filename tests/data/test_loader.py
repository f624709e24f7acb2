"""What is measured over the pictures of a split."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from cnnviz.data import folder, loader
from cnnviz.data.loader import Pictures, measure
from cnnviz.models.preprocess import Preprocess

SEEN = Preprocess(resize=8, crop=8)


@pytest.fixture
def split(tmp_path, rng):
    """Fourteen pictures of noise that is brighter in each channel than in the one before."""
    for i in range(14):
        pixels = rng.integers(0, (60, 120, 250), (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.png")
    return folder.Split(tuple(sorted(tmp_path.iterdir())), (0,) * 14)


@pytest.mark.parametrize("memory", [1 << 20, 0], ids=["decoded once", "decoded as needed"])
def test_mean_and_deviation_are_those_of_all_pixels(split, memory, monkeypatch):
    monkeypatch.setattr(loader, "CHUNK", 4)
    pictures = Pictures(split, SEEN, memory=memory)
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in split.paths]).double() / 255
    mean, std = measure(pictures)
    assert mean == pytest.approx(pixels.mean((0, 1, 2)).tolist(), abs=6e-5)
    assert std == pytest.approx(pixels.flatten(0, 2).std(0).tolist(), abs=6e-5)


def test_no_more_pictures_are_measured_than_was_said_and_few_at_once(split, monkeypatch):
    monkeypatch.setattr(loader, "CHUNK", 4)
    pictures, taken = Pictures(split, SEEN), []
    monkeypatch.setattr(
        Pictures, "take", lambda self, places: (taken.append(places), self.ready(self.begin(places)))[1]
    )
    measure(pictures, most=10)
    assert taken == [[0, 2, 4, 6], [8, 10, 12]]


def test_pictures_that_all_vanish_are_one_sentence(split):
    pictures = Pictures(split, SEEN, memory=0)
    for path in split.paths:
        path.unlink()
    with pytest.raises(folder.FolderError, match="check the files"):
        measure(pictures)
