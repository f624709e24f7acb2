"""A stack of layers as a word of a link, and as Python."""

from __future__ import annotations

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


@pytest.mark.parametrize("word", ["", "c", "x3", "c0", "c3s0", "c99", "c3~" * 12 + "c3", "c60~c60~c60~c60~c60"])
def test_what_fits_no_photo_is_none(word):
    assert stack.from_link(word, 224) is None
