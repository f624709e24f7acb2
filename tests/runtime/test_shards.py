"""Results on disk: whole batches or none, and those of one question alone."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyarrow import parquet

from cnnviz.options import RequestError
from cnnviz.runtime.shards import Item, Results, placed

COLUMNS = {"file": "string", "value": "float32", "many": "list int32"}
ASKED = {"command": "measure", "model": "net", "options": ("a", 1)}


def _items(*names: str, mark: str = "1") -> list[Item]:
    return [Item(name, f"/photos/{name}", mark) for name in names]


def _rows(*names: str) -> list[dict]:
    return [{"file": name, "value": len(name) / 2, "many": [1, 2]} for name in names]


@pytest.fixture
def results(tmp_path):
    found = Results(tmp_path / "out", COLUMNS)
    found.open(ASKED)
    return found


def test_rows_of_all_batches_come_in_the_order_of_the_files(results):
    results.add(_items("c", "d"), _rows("c", "d"), {})
    results.add(_items("a", "bb"), _rows("bb"), {"a": "broken"})
    files = _items("a", "bb", "c", "d")
    known = results.known(files)
    assert {name for one in known for name in one.items} == {"a", "bb", "c", "d"}
    assert {name: why for one in known for name, why in one.errors.items()} == {"a": "broken"}
    path = results.finish(results.joined(known, files))
    assert parquet.read_table(path).to_pylist() == _rows("bb", "c", "d")


def test_a_file_that_changed_or_is_gone_does_not_count(results):
    results.add(_items("a", "b", "c"), _rows("a", "b", "c"), {})
    files = [*_items("a"), *_items("b", mark="2")]
    known = results.known(files)
    assert [one.items for one in known] == [{"a": "1"}]
    results.add(_items("b", mark="2"), [{"file": "b", "value": 9.0, "many": []}], {})
    table = results.joined(results.known(files), files)
    assert [row["value"] for row in table.to_pylist()] == [0.5, 9.0]


def test_a_batch_that_was_added_up_counts_as_a_whole(tmp_path):
    results = Results(tmp_path, {"sum": "float64"}, apart=False)
    results.open(ASKED)
    results.add(_items("a", "b"), [{"sum": 1.0}], {})
    results.add(_items("c"), [{"sum": 2.0}], {})
    files = [*_items("a", "c"), *_items("b", mark="2")]
    assert results.joined(results.known(files), files).to_pylist() == [{"sum": 2.0}]


@pytest.mark.parametrize("marks", range(8))  # the order in which the files of batches are listed
def test_of_batches_added_up_that_share_files_some_are_left_out_whole_and_said_to_be(tmp_path, marks):
    results = Results(tmp_path, {"sum": "float64"}, apart=False)
    results.open(ASKED)
    for names in ("abc", "ab", "cd", "de"):
        results.add(_items(*names, mark=str(marks)), [{"sum": float(len(names))}], {})
    for asked, wanted in (("abc", 3), ("ab", 2), ("abcd", 3), ("abcde", 5), ("bc", 0), ("cde", 2)):
        files = _items(*asked, mark=str(marks))
        known = results.known(files)
        names = [name for one in known for name in one.items]
        assert (len(names), len(set(names))) == (wanted, wanted)
        assert sum(results.joined(known, files)["sum"].to_pylist()) == wanted


def test_batches_done_twice_count_once(results):
    files = _items("a", "b", "c")
    results.add(files[:2], _rows("a", "b"), {})
    results.add(files[1:], _rows("b", "c"), {})
    assert results.joined(results.known(files), files).to_pylist() == _rows("a", "b", "c")


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", None])
def test_a_damaged_file_is_as_good_as_none(results, damage):
    results.add(_items("a"), _rows("a"), {})
    (path,) = (results.folder / "batches").iterdir()
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    assert results.known(_items("a")) == []


def test_a_file_half_written_is_none(results, monkeypatch):
    def full(table, path, **_):
        path.write_bytes(b"PAR1")
        raise OSError("no space left")

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(OSError, match="no space"):
        results.add(_items("a"), _rows("a"), {})
    assert list((results.folder / "batches").iterdir()) == []


def test_the_results_of_another_question_are_refused_with_the_difference(results):
    Results(results.folder, COLUMNS).open(ASKED)
    with pytest.raises(RequestError, match="model net, not other"):
        Results(results.folder, COLUMNS).open(ASKED | {"model": "other"})


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        Results(tmp_path, COLUMNS).open(ASKED)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    (tmp_path / "question.json").write_text("{")
    with pytest.raises(RequestError, match="damaged"):
        Results(tmp_path, COLUMNS).open(ASKED)


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "a/..", "/x.jpg", "away/x.jpg", "link.jpg"])
def test_nothing_is_placed_outside_of_its_folder(tmp_path, name):
    images, other = tmp_path / "out" / "images", tmp_path / "other"
    images.mkdir(parents=True)
    other.mkdir()
    (images / "away").symlink_to(other)
    (images / "link.jpg").symlink_to(other / "x.jpg")
    with pytest.raises(RequestError, match="nothing is written there"):
        placed(tmp_path / "out", "images", name)
    assert not any(other.iterdir())


def test_images_may_lie_on_another_disk_by_a_link(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "out" / "images").symlink_to(tmp_path / "disk")
    placed(tmp_path / "out", "images", "a/b.jpg").write_bytes(b"1")
    assert (tmp_path / "disk" / "a" / "b.jpg").read_bytes() == b"1"


@pytest.mark.parametrize(
    "left", [(), ("batches/",), ("batches/", "0123456789abcdef.draft", "batches/0123456789abcdef.draft")]
)
def test_a_command_killed_while_it_made_the_folder_stands_in_nobodys_way(tmp_path, left):
    out = tmp_path / "out"
    out.mkdir()
    for name in left:
        (out / name).mkdir() if name.endswith("/") else (out / name).write_bytes(b"{")
        os.utime(out / name, (1, 1))
    results = Results(out, COLUMNS)
    results.open(ASKED)
    assert sorted(path.name for path in out.rglob("*")) == ["batches", "question.json"]
    results.add(_items("a"), _rows("a"), {})
    with pytest.raises(RequestError, match="model net, not other"):
        Results(out, COLUMNS).open(ASKED | {"model": "other"})


@pytest.mark.parametrize("left", ["batches/a.parquet", "batches/a.txt", "notes.draft", "batches"])
def test_batches_of_an_unknown_question_are_refused_and_left_alone(tmp_path, left):
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_bytes(b"mine")
    os.utime(tmp_path / left, (1, 1))
    with pytest.raises(RequestError, match="not empty"):
        Results(tmp_path, COLUMNS).open(ASKED)
    assert (tmp_path / left).read_bytes() == b"mine"
    assert not (tmp_path / "question.json").exists()


def test_drafts_of_killed_commands_are_removed_an_hour_later(results):
    for place in (results.folder, results.folder / "batches"):
        for name, when in (("0123456789abcdef.draft", 1), ("fedcba9876543210.draft", time.time()), ("my.draft", 1)):
            (place / name).write_bytes(b"half")
            os.utime(place / name, (when, when))
    Results(results.folder, COLUMNS).open(ASKED)
    for place in (results.folder, results.folder / "batches"):
        assert sorted(path.name for path in place.glob("*.draft")) == ["fedcba9876543210.draft", "my.draft"]


@pytest.mark.parametrize("linked", [True, False])
def test_of_commands_that_begin_a_folder_together_those_of_one_question_go_on(tmp_path, monkeypatch, linked):
    def none(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not linked:
        monkeypatch.setattr(os, "link", none)
    for i in range(40):
        out, begin = tmp_path / str(i), threading.Barrier(6)

        def begun(model, out=out, begin=begin):
            begin.wait()
            try:
                Results(out, COLUMNS).open(ASKED | {"model": model})
            except RequestError as error:
                return f"{model}: {error}"
            return model

        asked = ["net"] * 6 if i % 2 or not linked else ["net", "other"] * 3
        with ThreadPoolExecutor(6) as pool:
            found = [*pool.map(begun, asked)]
        (kept,) = {one for one in found if ":" not in one}
        assert json.loads((out / "question.json").read_text())["model"] == kept
        assert found.count(kept) == asked.count(kept)
        assert all("another question" in one for one in found if one != kept)
        assert sorted(path.name for path in out.iterdir()) == ["batches", "question.json"]
