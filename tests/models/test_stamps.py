"""Stamps of files: another state is another stamp, and within one answer each is looked at once."""

from __future__ import annotations

import os

from cnnviz.models import catalog, stamps


def test_a_stamp_changes_with_bytes_and_time_and_is_none_where_there_is_no_file(tmp_path):
    file = tmp_path / "net.pt"
    assert stamps.of_file(file) is None
    file.write_bytes(b"x")
    os.utime(file, ns=(5, 7))
    assert stamps.of_file(file) == (1, 7)
    os.utime(file, ns=(5, 8))
    assert stamps.of_file(file) == (1, 8)


def test_within_one_look_the_files_of_a_net_are_looked_at_once(tmp_path, monkeypatch):
    looked, look = [], catalog.files
    monkeypatch.setattr(catalog, "files", lambda *asked: looked.append(asked) or look(*asked))
    file = tmp_path / "mine.pt"
    file.write_bytes(b"x")
    with stamps.once():
        first = [catalog.stamp("file/mine", tmp_path) for _ in range(9)]
        file.write_bytes(b"another")
        assert {*first, catalog.stamp("file/mine", tmp_path)} == {first[0]}
        with stamps.once():  # a look of its own
            assert catalog.stamp("file/mine", tmp_path) != first[0]
    assert len(looked) == 2
    assert catalog.stamp("file/mine", tmp_path) != first[0]  # outside of it each time
