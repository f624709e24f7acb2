"""One holder at a time, and none once its file is closed."""

from __future__ import annotations

from cnnviz.train import locks


def test_a_lock_is_taken_once_and_let_go_of_when_its_file_closes(tmp_path):
    path = tmp_path / "lock"
    with path.open("wb+") as first, path.open("wb+") as second:
        assert locks.take(first)
        assert not locks.take(second)
        first.close()
        assert locks.take(second)
