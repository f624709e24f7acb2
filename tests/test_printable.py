"""Any name a folder can have is text that can be shown, and sentences are made of such names alone."""

from __future__ import annotations

import json
import os

import pytest

from cnnviz.options import RequestError
from cnnviz.printable import first, printable, sentence


@pytest.mark.parametrize("name", ["cat", "Äpfel", "кошки", "猫 犬", "a\u3000b", "👨‍👩‍👧", "it's 100%", ""])
def test_names_that_can_be_shown_are_left_alone(name):
    assert printable(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"\xe9t\xe9"), r"\xe9t\xe9"),
        ("Icon\r", r"Icon\r"),
        ("a\x1b[31mb\x00", r"a\x1b[31mb\x00"),
        ("gnp.\u202etac", r"gnp.\u202etac"),
        ("\ud800", r"\ud800"),
        ("two\nlines", r"two\nlines"),
    ],
)
def test_bytes_and_what_a_terminal_obeys_are_spelt_out(name, shown):
    assert printable(name) == shown
    assert printable(shown) == shown
    assert json.dumps(printable(name)).encode()


def test_every_refusal_can_be_printed():
    assert str(RequestError(f"There is no folder {os.fsdecode(b'caf' + bytes([233]))}.\nAdd one.")) == (
        "There is no folder caf\\xe9.\nAdd one."
    )
    assert sentence("a\nb") == "a\nb"


def test_the_first_names_are_named_and_the_others_counted():
    assert first(["a"], 3) == "a"
    assert first(["a", "b", "c"], 3) == "a, b, c"
    assert first(["a", "b", "c", "d", "e"], 3) == "a, b, c and 2 more"
    assert first([], 3) == ""
