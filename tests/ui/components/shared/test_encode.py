"""Pixels and colours on their way to the browser: the very bytes that Python draws with."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.ui.components.shared import encode


def test_pixels_come_back_byte_for_byte(rng):
    pixels = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    back = np.frombuffer(base64.b64decode(encode.text(pixels[:, ::-1])), np.uint8).reshape(7, 5, 3)
    np.testing.assert_array_equal(back, pixels[:, ::-1])


@pytest.mark.parametrize(
    ("name", "colours"), [("activation", picture.ACTIVATION), ("weight", picture.WEIGHT), ("heat", picture.HEAT)]
)
def test_the_browser_has_pythons_colours(name, colours):
    table = np.frombuffer(base64.b64decode(encode.colours()[name]), np.uint8).reshape(256, 3)
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    np.testing.assert_array_equal(table, picture.colourise(ramp, colours)[0])
