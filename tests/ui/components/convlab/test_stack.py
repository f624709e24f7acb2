"""A stack of layers as a word of a link, as Python, and as the glow of its middle unit."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import receptive
from cnnviz.signal.receptive import Window
from cnnviz.ui.components.convlab import field, stack


@pytest.mark.parametrize("title", field.STACKS)
def test_a_stack_comes_back_from_its_link_and_its_python_computes_its_field(title, capsys):
    layers, sentence = field.STACKS[title]
    assert sentence.endswith(".")
    assert stack.from_link(stack.to_link(layers), 224) == layers
    scope: dict = {}
    exec(stack.as_python(layers), scope)
    capsys.readouterr()
    assert tuple(scope["layers"]) == layers
    size = receptive.stack(layers)[-1].size
    assert scope["field"].shape == (size, size)


def test_words_are_short_where_a_layer_is_plain():
    assert stack.to_link([Window("conv", 3), Window("max", 2, 2), Window("conv", 5, 1, 2, 2)]) == "c3~m2s2~c5p2d2"
    assert stack.to_link([]) == stack.NONE
    assert stack.from_link(stack.NONE, 224) == ()


def test_the_glow_is_the_profile_cut_at_the_photos_edge():
    layers = (Window("conv", 3, 1, 1), Window("conv", 5, 2, 2))
    glow, size = stack.seen(layers, 64), receptive.stack(layers)[-1].size
    assert glow.shape == (64, 64)
    assert glow.max() == pytest.approx(1)
    assert ((glow > 0).any(0)).sum() == size
    np.testing.assert_allclose(glow, glow.T)
    assert stack.seen((Window("conv", 63),), 64).any()


@pytest.mark.parametrize("word", ["", "c", "x3", "c0", "c3s0", "c99", "c3~" * 12 + "c3", "c60~c60~c60~c60~c60"])
def test_what_fits_no_photo_is_none(word):
    assert stack.from_link(word, 224) is None
