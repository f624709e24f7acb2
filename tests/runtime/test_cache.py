"""The store: bounded in bytes, one computation a key, nothing personal on disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnviz.arrays import size
from cnnviz.runtime.cache import Cache, Codec

ARRAY = Codec(lambda value: {"value": value}, lambda arrays: arrays["value"])


def test_an_answer_is_computed_once_and_then_the_very_same_object():
    store, calls = Cache(10_000), []
    first = store.get(("a",), lambda: calls.append(1) or np.zeros(4))
    assert store.get(("a",), lambda: calls.append(1) or np.ones(4)) is first
    assert len(calls) == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400), st.booleans()), max_size=60))
def test_memory_never_exceeds_its_bound_and_is_counted_right(requests):
    store = Cache(1500)
    for name, length, personal in requests:
        store.get((name,), lambda length=length: np.zeros(length, np.uint8), personal=personal)
        assert store.bytes <= 1500
        assert store.bytes == sum(entry.bytes for entry in store._entries.values())


def test_the_least_recently_used_answer_goes_first():
    store = Cache(3 * size(np.zeros(100, np.uint8)))
    for name in "abc":
        store.get((name,), lambda: np.zeros(100, np.uint8))
    store.get(("a",), lambda: np.zeros(100, np.uint8))
    store.get(("d",), lambda: np.zeros(100, np.uint8))
    assert ("b",) not in store
    assert ("a",) in store


def test_what_is_personal_goes_before_what_is_not():
    store = Cache(3 * size(np.zeros(100, np.uint8)))
    for name in "abc":
        store.get((name,), lambda: np.zeros(100, np.uint8), personal=name == "c")
    store.get(("d",), lambda: np.zeros(100, np.uint8))
    assert ("c",) not in store
    assert ("a",) in store


def test_an_answer_larger_than_the_bound_is_given_but_not_kept():
    store = Cache(50)
    assert len(store.get(("a",), lambda: np.zeros(100, np.uint8))) == 100
    assert store.bytes == 0


def test_a_hundred_threads_asking_the_same_compute_it_once():
    store, calls, answers = Cache(10_000), [], []

    def compute():
        calls.append(1)
        time.sleep(0.05)
        return np.arange(3)

    threads = [threading.Thread(target=lambda: answers.append(store.get(("a",), compute))) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(a) for a in answers}) == 1


def test_an_error_reaches_everyone_who_waited_and_is_not_remembered():
    store, errors, started = Cache(10_000), [], threading.Event()

    def fail():
        started.wait()
        raise ValueError("no")

    def ask():
        try:
            store.get(("a",), fail)
        except ValueError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    started.set()
    for thread in threads:
        thread.join()
    assert errors == ["no"] * 5
    assert store.get(("a",), lambda: 7) == 7


def test_get_each_computes_only_what_is_missing():
    store, asked = Cache(10_000), []

    def make(missing):
        asked.append(missing)
        return [np.full(2, m) for m in missing]

    store.get_each(("k",), (1, 2), make)
    answers = store.get_each(("k",), (2, 3, 1), make)
    assert [int(a[0]) for a in answers] == [2, 3, 1]
    assert asked == [(1, 2), (3,)]


def test_purge_forgets_the_personal_and_only_that():
    store = Cache(10_000)
    store.get(("mine",), lambda: np.zeros(100, np.uint8), personal=True)
    store.get(("everyone's",), lambda: np.zeros(100, np.uint8))
    assert store.personal_bytes() > 100
    assert store.purge() > 100
    assert store.personal_bytes() == 0
    assert ("everyone's",) in store


@pytest.mark.parametrize("each", [False, True])
def test_what_was_under_way_during_a_purge_is_not_kept(each):
    store, inside, purged = Cache(10_000), threading.Event(), threading.Event()

    def compute(missing=None):
        inside.set()
        purged.wait()
        return [np.zeros(9)] if missing else np.zeros(9)

    ask = (
        (lambda: store.get_each(("k",), ("a",), compute, personal=True))
        if each
        else (lambda: store.get(("k", "a"), compute, personal=True))
    )
    thread = threading.Thread(target=ask)
    thread.start()
    inside.wait()
    store.purge()
    purged.set()
    thread.join()
    assert ("k", "a") not in store


def test_what_lies_on_disk_is_found_by_the_next_store(tmp_path: Path):
    made = Cache(10_000, tmp_path).get(("a", 1), lambda: np.arange(5.0), codec=ARRAY)
    found = Cache(10_000, tmp_path).get(("a", 1), lambda: pytest.fail("computed again"), codec=ARRAY)
    np.testing.assert_array_equal(made, found)


def test_nothing_personal_and_nothing_without_a_folder_reaches_the_disk(tmp_path: Path):
    Cache(10_000, tmp_path).get(("a",), lambda: np.arange(5.0), codec=ARRAY, personal=True)
    assert list(tmp_path.iterdir()) == []


DAMAGE = {
    "foreign": lambda data: b"not an archive",
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_computed_anew(tmp_path: Path, damage, rng):
    Cache(10_000, tmp_path).get(("a",), lambda: rng.random(50), codec=ARRAY)
    (file,) = tmp_path.iterdir()
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    for _ in range(2):
        found = Cache(10_000, tmp_path).get(("a",), lambda: np.arange(3.0), codec=ARRAY)
        assert len(found) == 3


def test_a_read_only_disk_still_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise PermissionError

    Cache(10_000, tmp_path).get(("a",), lambda: np.arange(5.0), codec=ARRAY)
    monkeypatch.setattr("os.utime", refuse)
    assert len(Cache(10_000, tmp_path).get(("a",), lambda: pytest.fail("computed again"), codec=ARRAY)) == 5


def test_who_leaves_does_not_take_the_others_along():
    """Streamlit ends a visitor's script with an exception that is no `Exception`; it must end no one else's."""

    class Left(BaseException):
        pass

    store, inside, others_wait, answers = Cache(10_000), threading.Event(), threading.Event(), []

    def leave():
        inside.set()
        others_wait.wait()
        raise Left

    def first():
        with pytest.raises(Left):
            store.get(("a",), leave)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    inside.wait()
    threads += [threading.Thread(target=lambda: answers.append(store.get(("a",), lambda: 7))) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    others_wait.set()
    for thread in threads:
        thread.join()
    assert answers == [7, 7, 7]


def test_the_newest_can_be_kept_whatever_its_size():
    store = Cache(100, newest=True)
    large = store.get(("a",), lambda: np.zeros(500, np.uint8))
    assert store.get(("a",), lambda: pytest.fail("computed again")) is large
    store.get(("b",), lambda: np.zeros(500, np.uint8))
    assert ("a",) not in store


def test_a_pickled_array_on_disk_is_not_unpickled(tmp_path: Path):
    Cache(10_000, tmp_path).get(("a",), lambda: np.arange(5.0), codec=ARRAY)
    (file,) = tmp_path.iterdir()
    np.savez(file, value=np.array([print], dtype=object))
    assert len(Cache(10_000, tmp_path).get(("a",), lambda: np.arange(3.0), codec=ARRAY)) == 3


def test_the_disk_stays_within_its_limit(tmp_path: Path, rng):
    store = Cache(10_000_000, tmp_path, disk_limit=30_000)
    for i in range(8):
        store.get(("a", i), lambda: rng.random(1000), codec=ARRAY)
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 30_000
    assert not list(tmp_path.glob("*.draft"))


def test_a_full_disk_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    assert len(Cache(10_000, tmp_path).get(("a",), lambda: np.arange(5.0), codec=ARRAY)) == 5
    assert list(tmp_path.iterdir()) == []


def test_what_is_on_its_way_when_it_is_forgotten_is_not_kept():
    store, began, go = Cache(10_000), threading.Event(), threading.Event()

    def slow():
        began.set()
        go.wait(10)
        return np.zeros(4)

    def each(_):
        return [slow()]

    for ask, key in (
        (lambda: store.get(("net", "one"), slow), ("net", "one")),
        (lambda: store.get_each(("net",), ("two",), each), ("net", "two")),
    ):
        began.clear(), go.clear()
        thread = threading.Thread(target=ask)
        thread.start()
        began.wait(10)
        store.forget(lambda known: "net" in known)  # for whoever asks, it may come
        store.forget(lambda known: "net" in known, computing=True)
        go.set()
        thread.join()
        assert key not in store
    assert store.get(("net", "one"), lambda: 1) == 1
