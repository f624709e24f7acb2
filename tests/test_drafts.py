"""What killed processes left is swept, and what others are writing is not."""

from __future__ import annotations

import os
import time

from cnnviz import drafts


def test_old_drafts_go_and_young_ones_and_other_files_stay(tmp_path):
    for name in ("old.draft", "young.draft", "old.npz"):
        (tmp_path / name).write_bytes(b"half")
    for name in ("old.draft", "old.npz"):
        os.utime(tmp_path / name, (0, time.time() - drafts.ABANDONED - 9))
    drafts.sweep(tmp_path, "*.draft")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.npz", "young.draft"]


def test_a_clock_that_was_set_back_and_a_missing_folder_are_no_errors(tmp_path):
    (tmp_path / "later.draft").write_bytes(b"half")
    os.utime(tmp_path / "later.draft", (0, time.time() + 1e6))
    drafts.sweep(tmp_path, "*.draft")
    assert (tmp_path / "later.draft").exists()
    drafts.sweep(tmp_path / "gone", "*.draft")
