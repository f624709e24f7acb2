"""A data set arrives whole or not at all, and what a killed process left is swept."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from cnnviz.data import staging
from cnnviz.data.staging import MARK, arriving
from cnnviz.options import RequestError


def test_it_is_there_once_the_block_ended_well_and_leaves_nothing_otherwise(tmp_path):
    with arriving(tmp_path / "new" / "set", RequestError, "zip") as draft:
        (draft / "a").mkdir()
        assert not (tmp_path / "new" / "set").exists()
    assert sorted(p.name for p in (tmp_path / "new").rglob("*")) == [".cnnviz.json", "a", "set"]
    with pytest.raises(ZeroDivisionError), arriving(tmp_path / "other", RequestError, "zip"):
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_others_may_read_it_where_they_may_read_what_else_is_written(tmp_path):
    (tmp_path / "usual").mkdir()
    with arriving(tmp_path / "set", RequestError, "zip"):
        pass
    usual, mode = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "set"))
    assert mode == usual


def test_drafts_that_a_killed_process_left_are_swept_and_those_being_written_are_not(tmp_path):
    for name in ("killed", "busy"):
        (tmp_path / f".arriving-{name}" / "a").mkdir(parents=True)
        (tmp_path / f".arriving-{name}" / "a" / "1.png").write_bytes(b"")
        for place in ("a/1.png", "a", "."):
            os.utime(tmp_path / f".arriving-{name}" / place, (0, 0))
    os.utime(tmp_path / ".arriving-busy" / "a" / "1.png")
    with arriving(tmp_path / "set", RequestError, "zip"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".arriving-busy", "set"]


def test_what_arrives_is_marked_as_made_here_and_nothing_else_counts_as_that(tmp_path):
    notes = ["one"]
    with arriving(tmp_path / "set", RequestError, "zip", notes) as draft:
        (draft / "1.png").write_bytes(b"")
        notes.append("two")
    made = staging.origin(tmp_path / "set")
    assert (made.made, made.notes, made.files) == ("zip", ("one", "two"), staging.listing(tmp_path / "set"))
    (tmp_path / "link").symlink_to(tmp_path / "set")
    (tmp_path / "own").mkdir()
    assert (
        staging.origin(tmp_path / "own") is staging.origin(tmp_path / "link") is staging.origin(tmp_path / "no") is None
    )
    shutil.copytree(tmp_path / "set", tmp_path / "copy")  # somebody goes on with it under another name
    assert staging.origin(tmp_path / "copy") is None
    (tmp_path / "own" / MARK).symlink_to(tmp_path / "set" / MARK)
    assert staging.origin(tmp_path / "own") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", "[" * 60_000, '{"made": 1, "name": "set", "notes": [], "files": ""}', " " * 70_000]
)
def test_a_mark_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / MARK).write_text(text)
    assert staging.origin(tmp_path / "set") is None
