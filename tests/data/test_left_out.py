"""What a file's name alone says: an image, or why it is left out."""

from __future__ import annotations

import json

import pytest

from cnnviz.data import left_out
from cnnviz.data.left_out import BARE, FORMAT, HIDDEN, OTHER, LeftOut, LeftOuts


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.jpg", None),
        ("a.JPEG", None),
        ("a.jfif", None),
        ("a.b.PNG", None),
        ("IMG_1.HEIC", None),
        ("IMG_1.CR2", FORMAT),
        ("scan.psd", FORMAT),
        ("0001", BARE),
        ("readme.txt", OTHER),
        (".DS_Store", HIDDEN),
        ("._0.png", HIDDEN),
        ("Thumbs.db", HIDDEN),
        ("Icon\r", HIDDEN),
    ],
)
def test_a_name_says_whether_a_file_is_an_image(name, reason):
    assert left_out.unfit(name) == reason


def test_hidden_folders_are_those_of_systems_and_programs():
    assert all(map(left_out.hidden, (".ipynb_checkpoints", "__MACOSX", "@eaDir", "$RECYCLE.BIN", ".git")))
    assert not any(map(left_out.hidden, ("cat", "_cat", "dev", "icon")))


def test_what_is_left_out_is_counted_named_and_said_once():
    found = LeftOuts({OTHER: [("a", f"{i}.txt") for i in range(10)] * 2})
    found.add(HIDDEN, ("a", "\udce9"), "/")
    other, hidden = found.told()
    assert str(hidden) == "Left out, hidden and system files: 1 (a/\\xe9/)."
    assert str(other).startswith("Left out, files that are no images: 10 (a/0.txt, a/1.txt, ")
    assert str(other).endswith("a/7.txt, …).")
    assert other.document() == {"reason": OTHER, "count": 10, "names": [f"a/{i}.txt" for i in range(10)]}
    assert json.dumps(LeftOut(OTHER, ("x",) * 5000).document()).count('"x"') == left_out.LISTED
