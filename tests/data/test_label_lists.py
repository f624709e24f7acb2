"""Classes from a CSV file, or from the names of the images: only when asked for, and nothing is lost on the way."""

from __future__ import annotations

import shutil

import pytest

from cnnviz.data import folder, label_lists
from cnnviz.data.folder import FolderError
from cnnviz.data.left_out import ABSENT, NAMELESS, OTHER, UNLISTED


@pytest.fixture
def flat(tmp_path):
    """Eight images without folders of classes, two of them in test/."""
    for name in (
        "cat.1.jpg",
        "cat.2.jpg",
        "cat.3.jpg",
        "dog.1.jpg",
        "dog.2.jpg",
        "dog.3.jpg",
        "test/7.jpg",
        "test/8.jpg",
    ):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    return tmp_path / "set"


def left(data):
    return {one.reason: one.names for one in data.left_out}


def counts(data):
    return {name: split.counts(len(data.classes)) for name, split in data.splits().items()}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cat.1.jpg", "cat"),
        ("cat_12.png", "cat"),
        ("cat (3).jpg", "cat"),
        ("cat-003.JPG", "cat"),
        ("cat3.jpg", "cat"),
        ("dog_12_7.jpg", "dog"),
        ("american_bulldog_10.jpg", "american_bulldog"),
        ("n01440764_10026.JPEG", "n01440764"),
        ("Äpfel 1.png", "Äpfel"),
        ("кошка_1.png", "кошка"),
        ("1.jpg", ""),
        ("2021-05-01.png", ""),
        ("cover.png", ""),
    ],
)
def test_the_class_in_a_name_is_what_stands_before_its_number(name, label):
    assert label_lists.class_in(name) == label


def test_names_say_the_classes_once_that_is_asked_for(flat):
    with pytest.raises(FolderError, match="set labels to names") as refused:
        folder.read(flat)
    assert "the 2 classes in the names of the images (cat: 3, dog: 3)" in str(refused.value)
    data = folder.read(flat, labels="names")
    assert (data.classes, counts(data)) == (("cat", "dog"), {"train": (2, 2), "val": (1, 1)})
    assert left(data) == {NAMELESS: ("test/7.jpg", "test/8.jpg")}


@pytest.mark.parametrize(
    "text",
    [
        "file,label\ncat.1.jpg,a\ncat.2.jpg,b\ntest/7.jpg,a\n",
        "cat.1.jpg,a\ncat.2.jpg,b\n7.jpg,a\n",
        "\ufeffid;breed\r\ncat.1;a\r\ncat.2;b\r\n7;a\r\n",
        'label\tfilename\na\t./cat.1.jpg\nb\t"cat.2.jpg"\na\ttest\\7.jpg\n\n',
        "image_name,species,colour\ncat.1.jpg,a,red\ncat.2.jpg,b,blue\n7.jpg,a,red\n",
    ],
)
def test_a_list_may_have_a_heading_and_name_files_in_the_usual_ways(flat, text):
    (flat / "labels.csv").write_text(text)
    data = folder.survey(flat, "labels.csv")
    assert (data.classes, counts(data)) == (("a", "b"), {"train": (1, 1), "test": (1, 0)})
    assert len(left(data)[UNLISTED]) == 5
    shutil.move(flat / "labels.csv", flat.parent / "elsewhere.csv")
    assert counts(folder.survey(flat, str(flat.parent / "elsewhere.csv"))) == counts(data)


def test_a_column_says_the_split_and_numbers_are_classes_in_their_order(flat):
    rows = ["file,label,split", "cat.1.jpg,10,Train", "cat.2.jpg,2,training", "cat.3.jpg,10,valid", "dog.1.jpg,2,test"]
    (flat / "labels.csv").write_text("\n".join([*rows, "gone.jpg,2,test", "dog.2.jpg,,"]))
    (flat / "notes.txt").touch()
    data = folder.read(flat, labels="labels.csv")
    assert (data.classes, counts(data)) == (("2", "10"), {"train": (1, 1), "val": (0, 1), "test": (1, 0)})
    assert left(data)[ABSENT] == ("gone.jpg",)
    assert left(data)[OTHER] == ("notes.txt",)
    assert left(data)[UNLISTED] == ("dog.2.jpg", "dog.3.jpg", "test/7.jpg", "test/8.jpg")


@pytest.mark.parametrize("page", ["utf-8", "utf-16", "gb18030"])
def test_labels_may_be_written_in_any_code_page(flat, page):
    (flat / "labels.csv").write_bytes("file,label\ncat.1.jpg,苹果\ncat.2.jpg,香蕉\ncat.3.jpg,橙子\n".encode(page))
    assert set(folder.survey(flat, "labels.csv").classes) == {"苹果", "香蕉", "橙子"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "which column is what"),
        ("file\ncat.1.jpg\n", "which column is what"),
        ("file,a,b\ncat.1.jpg,1,2\n", "which column is what"),
        ("file,label,split\ncat.1.jpg,a,somewhere\n", "split somewhere"),
        ("cat.1.jpg,a\ncat.1.jpg,b\n", "two labels or splits for cat.1.jpg"),
        ("cat.1.jpg,a\ncat.2.jpg,a\n", "1 classes \\(a\\) by its labels"),
        ("\0\1\2", "which column is what"),
    ],
)
def test_a_list_that_says_no_classes_is_refused_in_one_sentence(flat, text, words):
    (flat / "labels.csv").write_text(text)
    with pytest.raises(FolderError, match=words):
        folder.read(flat, labels="labels.csv")
    with pytest.raises(FolderError, match="no list of labels nowhere"):
        folder.read(flat, labels="nowhere.csv")
