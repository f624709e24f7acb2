"""A data set arrives whole or not at all, and what a killed process left is swept."""

from __future__ import annotations

import os
import stat

import pytest

from cnnviz.data.staging import arriving
from cnnviz.options import RequestError


def test_it_is_there_once_the_block_ended_well_and_leaves_nothing_otherwise(tmp_path):
    with arriving(tmp_path / "new" / "set", RequestError) as draft:
        (draft / "a").mkdir()
        assert not (tmp_path / "new" / "set").exists()
    assert [p.name for p in (tmp_path / "new").rglob("*")] == ["set", "a"]
    with pytest.raises(ZeroDivisionError), arriving(tmp_path / "other", RequestError):
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_others_may_read_it_where_they_may_read_what_else_is_written(tmp_path):
    (tmp_path / "usual").mkdir()
    with arriving(tmp_path / "set", RequestError):
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
    with arriving(tmp_path / "set", RequestError):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".arriving-busy", "set"]
