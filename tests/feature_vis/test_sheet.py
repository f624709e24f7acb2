"""Channels as people write them, and filter images side by side."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from cnnviz.feature_vis.sheet import archive, channels, contact_sheet, file_name, layers
from cnnviz.options import RequestError


def test_channels_as_people_write_them():
    assert channels("0-3", 8) == (0, 1, 2, 3)
    assert channels("3, 7,1-2,3", 8) == (3, 7, 1, 2)
    assert channels("random:6", 64, seed=1) == channels("random:6", 64, seed=1)
    assert channels("random:6", 64, seed=1) != channels("random:6", 64, seed=2)
    assert channels("random:99", 4) == (0, 1, 2, 3)
    assert channels("top:2", 8, top=lambda: [5, 1, 3]) == (5, 1)


@pytest.mark.parametrize("wrong", ["", "a", "8", "3-1", "-1", "1-", "random:0", "random:x", "top:9", "0-8", "1e3"])
def test_what_names_no_channels_is_refused(wrong):
    with pytest.raises(RequestError):
        channels(wrong, 8)


def test_layers_that_learn_nothing_are_left_out():
    kinds = {"conv1": "Conv2d", "relu1": "ReLU", "pool1": "MaxPool2d", "bn": "BatchNorm2d"}
    assert layers(["conv1", "relu1", "pool1", "bn", "block"], kinds) == ("conv1", "block")


def test_a_contact_sheet_holds_every_picture_where_it_belongs():
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(pictures, columns=2, gap=1)
    assert sheet.shape == (19, 19, 3)
    assert (sheet[1:9, 1:9] == 10).all()
    assert (sheet[1:9, 10:18] == 20).all()
    assert (sheet[10:18, 1:9] == 30).all()
    assert (sheet[10:18, 10:18] == 255).all()


def test_an_archive_holds_every_picture_exactly_under_its_name():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    with zipfile.ZipFile(io.BytesIO(archive({"conv1_0": pixels, "conv1_1": 255 - pixels}))) as packed:
        assert packed.namelist() == ["conv1_0.png", "conv1_1.png"]
        assert np.array_equal(np.asarray(Image.open(packed.open("conv1_0.png"))), pixels)


def test_files_are_named_layer_filter():
    assert file_name("features.7", 12) == "features.7_12"
    assert "/" not in file_name("a/b", "../c")
