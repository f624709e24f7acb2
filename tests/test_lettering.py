"""Words on pictures: every letter in a font that has it, or as its code point; lines that fit."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cnnviz import lettering

NAMES = ["猫", "ねこ", "고양이", "قطة", "кошка", "γάτα", "kočka", "Ågås", "🐈", "tab\tand\nline", "\ud800", ""]


@pytest.fixture
def bare(monkeypatch):
    """A machine without fonts."""
    for known in (lettering._at, lettering._font):
        known.cache_clear()
    monkeypatch.setattr(lettering, "_files", lambda: ())
    yield
    for known in (lettering._at, lettering._font):
        known.cache_clear()


def inked(text: str, size: int = 20) -> np.ndarray:
    page = Image.new("L", (900, 60), 255)
    lettering.write(ImageDraw.Draw(page), (5, 5), text, size, 0)
    return np.asarray(page)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_written_and_no_letter_as_an_empty_box(name):
    words = lettering.legible(name)
    assert all(lettering._at(char) is not None for char in words)
    assert (inked(name) < 128).any() == bool(name.strip())
    assert ("U+" in words) != lettering.complete([name])


@pytest.mark.parametrize(
    ("name", "words"),
    [("猫", "U+732B"), ("cat (猫, ねこ)", "cat (U+732B, U+306D U+3053)"), ("crème brûlée", "creme brulee")],
)
def test_without_a_font_that_has_it_a_letter_is_its_code_point(bare, name, words):
    assert lettering.legible(name) == words
    assert lettering.complete([name]) == ("U+" not in words)


def test_a_font_of_this_machine_is_taken_for_the_letters_that_it_has():
    if not any("DejaVuSans.ttf" in path for path in lettering._files()):
        pytest.skip("needs DejaVu Sans, for instance from `apt-get install fonts-dejavu-core`")
    assert lettering.legible("кошка قطة") == "кошка قطة"
    assert not np.array_equal(inked("кошка"), inked("кашка"))


def test_a_font_that_cannot_be_read_is_passed_over(bare, monkeypatch, tmp_path):
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    monkeypatch.setattr(lettering, "_files", lambda: (str(broken),))
    assert lettering.legible("猫") == "U+732B"


def test_lines_are_no_wider_than_allowed_and_nothing_is_lost():
    text = "Heat map of " + "Donaudampfschifffahrt" * 4 + " and 猫猫猫猫 on the left"
    for width in (90, 300, 2000):
        lines = lettering.wrapped(text, width, 20)
        assert all(lettering.length(line, 20) <= width for line in lines)
        assert "".join(lines).replace(" ", "") == lettering.legible(text).replace(" ", "")
    assert lettering.wrapped("", 90, 20) == []
    assert lettering.wrapped("wide", 1, 20) == ["w", "i", "d", "e"]
