"""What a list of names is as a data set."""

from __future__ import annotations

import unicodedata

import pytest

from cnnviz.data.layout import FolderError, arrange, split_named
from cnnviz.data.left_out import BESIDE, EMPTY, FORMAT, HIDDEN, LOOSE, OTHER, UNKNOWN


def read(*patterns, folders=()):
    """The layout of files such as "train/{a,b}/3", which stands for a/0.png to a/2.png and the same in b."""
    files = []
    for pattern in patterns:
        *above, last = pattern.split("/")
        for one in range(int(last)) if last.isdecimal() else [last]:
            for name in above[-1].strip("{}").split(",") if above else [None]:
                at = [*above[:-1], name] if above else []
                files.append((*at, f"{one}.png" if isinstance(one, int) else one))
    return arrange("set", files, [tuple(f.split("/")) for f in folders])


def counts(layout):
    return {
        name: [sum(i == c for _, i in images) for c in range(len(layout.classes))]
        for name, images in layout.splits.items()
    }


def left(layout):
    return {one.reason: one.names for one in layout.left_out}


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("TRAIN", "Valid", "TEST"),
        ("train_set", "dev_set", "test_set"),
        ("TrainingSet", "ValidationSet", "TestingSet"),
        ("training_data", "validation data", "test-data"),
        ("train_images", "val_images", "test_images"),
        ("train2017", "val2017", "test2017"),
        ("seg_train/seg_train", "seg_val/seg_val", "seg_test/seg_test"),
        ("images_train", "images_val", "images_test"),
        ("train/images", "val/images", "test/images"),
    ],
)
def test_splits_are_known_by_their_usual_names_in_any_case(train, val, test):
    found = read(f"{train}/{{a,b}}/4", f"{val}/{{a,b}}/2", f"{test}/{{a,b}}/3")
    assert found.classes == ("a", "b")
    assert counts(found) == {"train": [4, 4], "val": [2, 2], "test": [3, 3]}
    assert not found.left_out


@pytest.mark.parametrize(
    "name", ["cat", "steam train engine", "trainer", "train_val", "pretrained", "latest", "device", "2017"]
)
def test_other_names_mean_no_split(name):
    assert split_named(name) is None


def test_classes_may_be_called_like_splits():
    found = read("{bus,car,train}/3")
    assert found.classes == ("bus", "car", "train")
    found = read("steam_train/{old,new}/2", "bullet_train/{old,new}/2")
    assert found.classes == ("bullet_train", "steam_train")
    found = read("{crash_test,stress_test}/2", "crash_test/{cars,dolls}/2")
    assert found.classes == ("crash_test", "stress_test")


def test_splits_in_the_folders_of_classes_are_splits():
    found = read("cat/{Train}/3", "cat/{val}/1", "dog/{train}/2", "dog/{val}/2", "dog/{test}/1")
    assert (found.classes, counts(found)) == (("cat", "dog"), {"train": [3, 2], "val": [1, 2], "test": [0, 1]})
    assert not found.left_out
    deep = read("bottle/train/{good}/3", "bottle/test/{good,broken}/1", "tile/train/{good}/2")
    assert counts(deep) == {"train": [3, 2], "test": [2, 0]}


def test_folders_in_those_of_classes_are_no_splits_where_images_lie_beside_them():
    for more in ("{cat}/1", "cat/{more}/1", "{bird}/2", "bird/{val}/2"):
        assert list(read("cat/{train}/3", "cat/{val}/1", "dog/{train}/2", more).splits) == ["train"]
    assert list(read("cat/{train}/3", "dog/{train}/2").splits) == ["train"]


def test_a_split_without_a_folder_of_train_takes_the_classes_beside_it():
    assert counts(read("{a,b}/4", "val/{a,b}/2")) == {"train": [4, 4], "val": [2, 2]}
    found = read("val/{a,b}/2", "extra/3")
    assert (counts(found), left(found)) == ({"val": [2, 2]}, {BESIDE: ("extra/0.png", "extra/1.png", "extra/2.png")})


@pytest.mark.parametrize("folders", ["w", "a folder/in a folder", "Users/me/My Documents/2024/cnn/data/x/y/z"])
def test_wrapping_folders_are_looked_through_however_deep(folders):
    assert read(f"{folders}/{{a,b}}/2").root == tuple(folders.split("/"))
    found = read(f"{folders}/train/{{a,b}}/2", f"{folders}/test/{{a,b}}/2", f"__MACOSX/{folders}/a/._0.png")
    assert (found.root, left(found)) == (tuple(folders.split("/")), {HIDDEN: ("__MACOSX/",)})


def test_hidden_folders_are_left_out_at_every_depth():
    found = read("train/{a,b}/3", "train/a/.ipynb_checkpoints/3", "train/b/x/__MACOSX/deep/3", "train/b/Thumbs.db")
    assert counts(found) == {"train": [3, 3]}
    assert left(found) == {HIDDEN: ("train/a/.ipynb_checkpoints/", "train/b/Thumbs.db", "train/b/x/__MACOSX/")}


def test_classes_without_an_image_are_named_with_what_they_hold():
    found = read("{a,b}/2", "fox/IMG_0.CR2", "cow/notes.txt", folders=["empty"])
    assert found.classes == ("a", "b")
    assert left(found) == {EMPTY: ("cow/", "empty/", "fox/"), FORMAT: ("fox/IMG_0.CR2",), OTHER: ("cow/notes.txt",)}


def test_images_of_classes_that_train_lacks_are_named():
    found = read("train/{a,b,c}/5", "val/{a,b,d}/1")
    assert counts(found) == {"train": [5, 5, 5], "val": [1, 1, 0]}
    assert left(found) == {UNKNOWN: ("val/d/0.png",)}


def test_names_that_differ_in_case_or_unicode_form_are_one_class_where_nothing_clashes():
    nfc, nfd = (unicodedata.normalize(form, "Äpfel") for form in ("NFC", "NFD"))
    assert nfc != nfd
    found = read(f"train/{{Cat,{nfc}}}/3", f"val/{{cat,{nfd}}}/2")
    assert found.classes == ("Cat", nfc)
    assert counts(found) == {"train": [3, 3], "val": [2, 2]}
    assert read(f"train/{{{nfd},b}}/3").classes == ("b", nfc)
    clash = read("train/{Cat,cat,CAT}/3", "val/{Cat,cAt}/2")
    assert clash.classes == ("CAT", "Cat", "cat")
    assert counts(clash) == {"train": [3, 3, 3], "val": [0, 2, 0]}
    assert left(clash) == {UNKNOWN: ("val/cAt/0.png", "val/cAt/1.png")}


def test_images_in_no_class_folder_are_named():
    found = read("train/{a,b}/2", "test/2", "cover.png", "train/loose.png")
    assert counts(found) == {"train": [2, 2], "test": [0, 0]}
    assert left(found) == {LOOSE: ("cover.png", "test/0.png", "test/1.png", "train/loose.png")}


def test_numbers_are_in_the_order_of_numbers():
    assert read("train/{10,9,2,b,A}/1").classes == ("2", "9", "10", "A", "b")


def test_too_few_classes_are_refused_with_what_was_left_out():
    with pytest.raises(FolderError) as refused:
        read("a/2", "b/IMG_0.cr2", "0.png")
    assert str(refused.value) == (
        "set holds 1 folders with images (a), which have to be at least two classes; make one folder per class, or "
        "train/<class> and val/<class>. Left out, classes without an image: 1 (b/). Left out, images of a format that "
        "is not read: 1 (b/IMG_0.cr2). Left out, images in no class folder: 1 (0.png)."
    )


def test_names_of_other_bytes_become_printable_classes():
    assert read("{\udce9t\udce9,b}/2").classes == ("\\xe9t\\xe9", "b")


def test_a_val_without_a_class_of_train_is_refused():
    with pytest.raises(FolderError, match=r"No image of val \(c, d\) is of a class that train has \(a, b\)"):
        read("train/{a,b}/2", "val/{c,d}/2")
    assert left(read("train/{a,b}/2", "test/{unknown}/1")) == {UNKNOWN: ("test/unknown/0.png",)}
