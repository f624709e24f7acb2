"""Lists of fixes: what an audit proposes, and what comes back of an edited file."""

from __future__ import annotations

import pytest
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.audit import audit
from cnnviz.data.fixes import HEAD, KEEP, MOVE, REMOVE, Fix, FixesError, as_csv, merged, parse, proposed
from tests.data.test_twins import part, scene


@pytest.fixture
def data(tmp_path):
    seed = 0
    for split in ("train", "val"):
        for label in "ab":
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(6):
                scene(seed := seed + 1, 180, 140).save(tmp_path / split / label / f"{i}.jpg")
    return tmp_path


def actions(root):
    data = folder.survey(root)
    return {fix.file: (fix.action, fix.label, fix.why) for fix in proposed(audit(data), data)}


def test_a_clean_set_needs_no_fixes(data):
    assert actions(data) == {}


def test_unreadable_images_and_all_but_one_of_the_same_are_proposed_to_go(data):
    a, b = data / "train" / "a", data / "train" / "b"
    (a / "broken.png").write_bytes(b"\x89PNG")
    (a / "z1.jpg").write_bytes((a / "0.jpg").read_bytes())
    (a / "z2.jpg").write_bytes((a / "0.jpg").read_bytes())
    Image.open(a / "1.jpg").save(data / "val" / "a" / "z3.png")
    Image.open(b / "1.jpg").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(b / "z4.png")
    part(scene(9, 180, 140), 0.1, 0.1, 0.9, 0.9).save(b / "z5.jpg")
    scene(2, 180, 140).save(b / "z6.png")
    found = actions(data)
    assert {file: action for file, (action, *_) in found.items()} == {
        "train/a/broken.png": REMOVE,
        "train/a/z1.jpg": REMOVE,
        "train/a/z2.jpg": REMOVE,
        "train/a/1.jpg": REMOVE,
        "train/b/z4.png": KEEP,
        "train/b/z5.jpg": KEEP,
        "train/b/z6.png": KEEP,
        "val/a/z3.png": KEEP,
    }
    assert "broken.png" in found["train/a/broken.png"][2]
    assert "also in another split: val/a/z3.png" in found["train/a/1.jpg"][2]
    assert "of class b" in found["train/a/1.jpg"][2]
    assert found["train/b/z4.png"][2] == "one image flipped horizontally: train/b/1.jpg"
    assert found["train/b/z6.png"][1] == "b"


def test_of_any_number_of_copies_in_all_splits_one_stays(data):
    for split in ("train", "val"):
        for name in ("x", "y"):
            scene(99, 180, 140).save(data / split / "a" / f"{name}.jpg")
    gone = {file for file, (action, *_) in actions(data).items() if action == REMOVE}
    assert gone == {"train/a/x.jpg", "train/a/y.jpg", "val/a/y.jpg"}


def test_a_drawn_split_is_no_split_of_the_folder(tmp_path):
    for i in range(8):
        for label in "ab":
            (tmp_path / label).mkdir(exist_ok=True)
            scene(2 * i + (label == "b"), 180, 140).save(tmp_path / label / f"{i}.jpg")
    for i in range(8):
        (tmp_path / "a" / f"z{i}.jpg").write_bytes((tmp_path / "a" / f"{i}.jpg").read_bytes())
    found = audit(folder.read(tmp_path))
    assert found.duplicates  # in the split that was drawn
    fixes = proposed(found, folder.survey(tmp_path))
    assert {fix.file for fix in fixes} == {f"a/z{i}.jpg" for i in range(8)}
    assert {fix.action for fix in fixes} == {REMOVE}


def test_several_proposals_for_one_file_are_one_with_the_strongest_action_and_all_reasons():
    fixes = [
        Fix("a/1.jpg", KEEP, "a", why="one"),
        Fix("a/2.jpg", MOVE, "a", "b", "x"),
        Fix("a/1.jpg", MOVE, "a", "b", "two"),
        Fix("a/2.jpg", REMOVE, "a", why="y"),
        Fix("a/1.jpg", MOVE, "a", "b", "two"),
    ]
    assert merged(fixes) == (
        Fix("a/1.jpg", MOVE, "a", "b", "one; two"),
        Fix("a/2.jpg", REMOVE, "a", "", "x; y"),
    )


def test_a_list_comes_back_from_its_file_also_as_a_spreadsheet_writes_it():
    fixes = (
        Fix('a/with "quotes", commas.jpg', MOVE, "a", "b, too", "why; not"),
        Fix("ä/\\xe9 1.jpg", REMOVE, "ä", "", "broken\\n"),
        Fix(" a/ blank .jpg", KEEP, "a", "", ""),
    )
    data = as_csv(fixes)
    assert data.decode().splitlines()[0] == ",".join(HEAD)
    assert parse(data, "list.csv") == fixes
    assert parse(b"\xef\xbb\xbf" + data, "list.csv") == fixes
    assert parse(as_csv(()), "list.csv") == ()
    semicolons = "why;FILE;Action;to_class;mine\nx;a/1.jpg;Move;b;?\n"
    assert parse(semicolons.encode("utf-16"), "list.csv") == (Fix("a/1.jpg", MOVE, "", "b", "x"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "no column file"),
        ("file,class\na,b\n", "no column action"),
        ("", "no column file"),
        ("file,action\na/1.jpg,delete\n", "Line 2 of list.csv has the action 'delete'; write move, remove or keep"),
        ("file,action,to_class\na/0.jpg,keep,\na/1.jpg,move,\n", "Line 3 of list.csv moves a/1.jpg to no class"),
        ("file,action\n,remove\n", "names no file"),
        ("file,action\na/1.jpg,remove\na/1.jpg,keep\n", "two actions for a/1.jpg"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence_that_names_the_line(text, why):
    with pytest.raises(FixesError) as error:
        parse(text.encode(), "list.csv")
    assert why in str(error.value)
    assert str(error.value).endswith(".")
