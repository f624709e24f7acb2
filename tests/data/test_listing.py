"""What lies in a folder: links are followed where that is safe, nothing is counted twice, nothing runs in circles."""

from __future__ import annotations

import os

import pytest

from cnnviz.data import folder
from cnnviz.data.left_out import BROKEN, CLOSED, LINKED, ODD
from cnnviz.data.listing import listing


@pytest.fixture
def root(tmp_path):
    """A folder with a/0.png, b/0.png and a hidden folder in a."""
    for name in ("a", "b", "a/.ipynb_checkpoints"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "0.png").touch()
    return tmp_path / "set"


def test_files_and_folders_are_listed_and_hidden_folders_not_entered(root):
    found = listing(root)
    assert sorted(found.files) == [("a", "0.png"), ("b", "0.png")]
    assert sorted(found.folders) == [("a",), ("a", ".ipynb_checkpoints"), ("b",)]
    assert not found.left


def test_links_count_as_what_they_lead_to_and_nothing_counts_twice(root, tmp_path):
    store = tmp_path / "store"
    (store / "c" / "deep").mkdir(parents=True)
    (store / "c" / "deep" / "1.png").touch()
    (store / "2.png").touch()
    (root / "a" / "out.png").symlink_to(store / "2.png")
    (root / "b" / "twice.png").symlink_to(store / "2.png")
    (root / "b" / "inside.png").symlink_to(root / "a" / "0.png")
    (root / "b" / "lost.png").symlink_to(tmp_path / "gone.png")
    (root / "c").symlink_to(store / "c")
    (root / "again").symlink_to(root / "a")
    found = listing(root)
    assert {("a", "out.png"), ("c", "deep", "1.png")} < set(found.files)
    assert len(found.files) == 4
    assert sorted(found.left[LINKED]) == [("again",), ("b", "inside.png"), ("b", "twice.png")]
    assert found.left[BROKEN] == [("b", "lost.png")]


def test_links_that_lead_back_up_end(root, tmp_path):
    (root / "a" / "loop").symlink_to(root)
    (root / "b" / "up").symlink_to(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "round").symlink_to(root / "a")
    (other / "self").symlink_to(other)
    (root / "c").symlink_to(other)
    found = listing(root)
    assert sorted(found.files) == [("a", "0.png"), ("b", "0.png")]
    assert sorted(found.left[LINKED]) == [("a", "loop"), ("b", "up"), ("c", "round"), ("c", "self")]


def test_what_is_neither_file_nor_folder_or_is_closed_is_named(root):
    os.mkfifo(root / "a" / "pipe.png")
    (root / "closed").mkdir(mode=0)
    found = listing(root)
    assert found.left[ODD] == [("a", "pipe.png")]
    assert os.geteuid() == 0 or found.left[CLOSED] == [("closed",)]


def test_a_data_set_of_links_is_read(root, tmp_path):
    for name in "ab":
        (tmp_path / "links" / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}.png").touch()
            (tmp_path / "links" / name / f"{i}.png").symlink_to(root / name / f"{i}.png")
    data = folder.read(tmp_path / "links")
    assert (len(data.train), len(data.val), data.left_out) == (4, 2, ())
