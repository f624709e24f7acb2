"""Names from strangers become names that any system can write."""

from __future__ import annotations

import pytest

from cnnviz.data.left_out import hidden
from cnnviz.data.names import CLASS, LONGEST, of_class, safe
from cnnviz.options import RequestError


def test_a_name_keeps_its_letters_and_loses_what_a_system_forbids():
    assert safe("Äpfel rot.jpg") == "Äpfel rot.jpg"
    assert safe('a:b*c?"<>|\n.jpg') == "a_b_c______.jpg"
    long = safe("ü" * 300 + ".jpg")
    assert long.endswith("ü.jpg")
    assert len(long.encode()) <= LONGEST


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  golden   retriever ", "golden retriever"),
        ("A\u0308pfel", "Äpfel"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\cup", "C__cup"),
        ("cup\u202egnp", "cup_gnp"),
        ("..cup..", "cup"),
        ("7", "7"),
        ("杯" * 100, "杯" * CLASS),
    ],
)
def test_a_class_that_is_typed_has_the_name_of_one_folder(tmp_path, typed, name):
    assert of_class(typed) == name
    assert not hidden(name)
    assert (tmp_path / name).parent == tmp_path
    (tmp_path / name).mkdir()


@pytest.mark.parametrize("typed", ["", "   ", "...", "/", "-_-", "Thumbs.db", "\u202e", "💩"])
def test_a_name_without_letters_and_digits_and_one_of_a_system_is_refused(typed):
    with pytest.raises(RequestError, match="letters and digits"):
        of_class(typed)
