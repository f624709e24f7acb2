"""A component's key differs wherever anything that is shown differs, and nowhere else."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from cnnviz.photo import Photo
from cnnviz.ui.components.shared.subject import subject


@dataclass(frozen=True)
class Knobs:
    steps: int = 8


def test_equal_things_have_equal_keys():
    model, photo = SimpleNamespace(fingerprint="abc"), Photo.sample("cat")
    again = Photo.of(photo.pixels.copy(), "cat", personal=True)
    assert subject(model, photo, "layer1", Knobs()) == subject(model, again, "layer1", Knobs())


def test_anything_that_is_shown_changes_the_key():
    cat, coffee = Photo.sample("cat"), Photo.sample("coffee")
    renamed = Photo.of(cat.pixels, "mine.jpg")
    one, other = SimpleNamespace(fingerprint="abc"), SimpleNamespace(fingerprint="abd")
    shown = [
        (one, cat, "layer1", Knobs()), (other, cat, "layer1", Knobs()), (one, coffee, "layer1", Knobs()),
        (one, renamed, "layer1", Knobs()), (one, cat, coffee, "layer1", Knobs()), (one, coffee, cat, "layer1", Knobs()),
        (one, cat, "layer2", Knobs()), (one, cat, "layer1", Knobs(9)), (one, cat, "layer1", None), (one, cat, "layer1"),
    ]  # fmt: skip
    assert len({subject(*what) for what in shown}) == len(shown)


def test_pixels_words_and_their_borders_count():
    tiles = np.zeros((2, 3), np.uint8)
    shown = [(tiles,), (tiles.reshape(3, 2),), (tiles + 1,), (tiles.astype("<f4"),), ("a b",), ("a", "b"),
             (["a", "b"],), ({"a": 1},), ({"a": 2},), (b"a",), (1,), ("1",), (True,), (1.0,)]  # fmt: skip
    assert len({subject(*what) for what in shown}) == len(shown)


def test_what_has_no_key_is_refused():
    with pytest.raises(TypeError, match="object has no key"):
        subject(object())
