"""Features on disk: found again, whole or not at all, put together, and bounded."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cnnviz.runtime import feature_shards
from cnnviz.runtime.feature_shards import Shards, mark


def names(count: int, begin: int = 0) -> list[bytes]:
    return [i.to_bytes(16, "little") for i in range(begin, begin + count)]


def test_features_are_found_by_their_marks_bit_for_bit(tmp_path, rng):
    values = rng.normal(size=(5, 3)).astype(np.float32)
    Shards(tmp_path / "a").add(names(5), values)
    found = Shards(tmp_path / "a").find(names(7, 2))
    assert sorted(found) == sorted(names(3, 2))
    np.testing.assert_array_equal(np.stack([found[n] for n in names(3, 2)]), values[2:])


def test_damaged_and_half_written_files_count_as_absent(tmp_path, rng):
    shards = Shards(tmp_path / "a")
    shards.add(names(2), rng.normal(size=(2, 3)))
    (whole,) = (tmp_path / "a").glob("*.npz")
    (tmp_path / "a" / "cut.npz").write_bytes(whole.read_bytes()[:-40])
    (tmp_path / "a" / "other.npz").write_bytes(b"nothing")
    (tmp_path / "a" / "old.draft").write_bytes(whole.read_bytes())
    assert set(shards.find(names(9))) == set(names(2))
    shards.tidy()
    assert set(shards.find(names(9))) == set(names(2))


def test_many_small_files_become_few(tmp_path, rng):
    shards, values = Shards(tmp_path / "a"), rng.normal(size=(40, 3)).astype(np.float32)
    for i in range(40):
        shards.add(names(1, i), values[i : i + 1])
    shards.tidy()
    assert len(list((tmp_path / "a").iterdir())) == 1
    found = shards.find(names(40))
    np.testing.assert_array_equal(np.stack([found[n] for n in names(40)]), values)


def test_the_network_asked_longest_ago_goes_first_where_there_is_too_much(tmp_path, rng):
    for age, name in enumerate(("newest", "older", "oldest")):
        Shards(tmp_path / name).add(names(2), rng.normal(size=(2, 100)))
        os.utime(tmp_path / name, (10_000 - age, 10_000 - age))
    one = sum(path.stat().st_size for path in (tmp_path / "older").iterdir())
    now = Shards(tmp_path / "now", limit=int(3.5 * one))
    now.add(names(2), rng.normal(size=(2, 100)))
    now.tidy()
    assert {path.name for path in tmp_path.iterdir()} == {"now", "newest", "older"}


def test_a_file_is_another_once_its_size_its_time_or_its_place_is(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12")
    os.utime(path, (1, 1))
    marks = [mark(path)]
    path.write_bytes(b"123")
    os.utime(path, (1, 1))
    marks.append(mark(path))
    os.utime(path, (2, 2))
    marks.append(mark(path))
    marks.append(mark(path.rename(tmp_path / "b.png")))
    marks.append(mark(path))
    assert len(set(marks)) == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_disk_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    tmp_path.chmod(0o500)
    shards = Shards(tmp_path / "a")
    shards.add(names(1), np.zeros((1, 3)))
    shards.tidy()
    assert shards.find(names(1)) == {}


def test_nothing_is_kept_without_a_folder():
    shards = Shards(None)
    shards.add(names(1), np.zeros((1, 3)))
    shards.tidy()
    assert shards.find(names(1)) == {}
    assert len(mark(__import__("pathlib").Path("nowhere"))) == feature_shards.WIDTH
