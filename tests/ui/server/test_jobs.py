"""Jobs in the background: found by whoever asks for the same, stopped, bounded, forgotten."""

from __future__ import annotations

import threading
import time

import pytest

from cnnviz.options import RequestError
from cnnviz.ui.server import jobs
from cnnviz.ui.server.jobs import Job, Jobs


class Counter:
    def __init__(self, total: int) -> None:
        self.laid, self.total = [], total

    def lay(self, event: int) -> None:
        self.laid.append(event)

    def share(self) -> float:
        return len(self.laid) / self.total

    def pace(self) -> tuple[int, int]:
        return len(self.laid), self.total - len(self.laid)


def wait(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def some():
    made = Jobs()
    yield made
    made.close()


def test_a_job_lays_every_event_and_is_found_by_whoever_asks_for_the_same(some):
    job = some.ask("a", "count", lambda: Counter(5), lambda: (i for i in range(5)))
    assert some.ask("a", "count", lambda: Counter(5), lambda: (i for i in range(99))) is job
    wait(lambda: not job.busy)
    assert (job.state, job.look().laid, some.running()) == ("finished", [0, 1, 2, 3, 4], [])


def test_stop_ends_a_job_within_a_second_and_closes_its_generator(some):
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield time.sleep(0.01)
        finally:
            closed.set()

    job = some.ask("a", "endless", lambda: Counter(10**9), endless)
    wait(lambda: job.look().laid)
    began = time.monotonic()
    job.stop()
    assert job.state == "stopped"
    assert closed.wait(1.0)
    assert time.monotonic() - began < 1.0
    assert some.get("a") is job


def test_a_failing_job_says_so_in_one_sentence_and_closes(some):
    def refused():
        yield 1
        raise RequestError("Too small; choose a larger one.")

    def broken():
        yield 1
        raise KeyError("x")

    one, two = (some.ask(f, "bad", lambda: Counter(9), f) for f in (refused, broken))
    wait(lambda: not one.busy and not two.busy)
    assert (one.state, one.error) == ("failed", "Too small; choose a larger one.")
    assert two.state == "failed"
    assert "KeyError" in two.error


def test_only_so_many_run_at_once_and_one_stopped_in_line_never_starts(some, monkeypatch):
    gate, begun = threading.Event(), []

    def held(name):
        begun.append(name)
        yield gate.wait(10)

    made = [some.ask(i, "held", lambda: Counter(1), lambda i=i: held(i)) for i in range(jobs.AT_ONCE + 1)]
    wait(lambda: len(begun) == jobs.AT_ONCE)
    waiting = next(job for job in made if job.state == "queued")
    waiting.stop()
    gate.set()
    wait(lambda: not some.running())
    waiting._thread.join(5)
    assert len(begun) == jobs.AT_ONCE


def test_visits_have_turns_and_a_queued_job_knows_its_place(some):
    gates, begun = {}, []

    def held(name):
        begun.append(name)
        gates.setdefault(name, threading.Event()).wait(20)
        yield 1

    def ask(name):
        gates.setdefault(name, threading.Event())
        job = some.ask(name, name, lambda: Counter(1), lambda: held(name), visit=name[0])
        wait(lambda: job.state == "running" or job.queue is not None)
        return job

    asked = ["a1", "a2", "a3", "a4", "b1", "c1"]
    made = {name: ask(name) for name in asked}
    assert begun == ["a1", "a2"]
    wait(lambda: made["c1"].queue == (2, 4) and made["a4"].queue == (4, 4))
    for before in range(2, len(asked)):  # as one ends, the next begins
        gates[begun[before - 2]].set()
        wait(lambda before=before: len(begun) > before)
    for gate in gates.values():
        gate.set()
    wait(lambda: not some.running())
    assert begun == ["a1", "a2", "b1", "c1", "a3", "a4"]
    assert made["a4"].queue is None


def test_finished_jobs_are_forgotten_in_the_end_and_personal_ones_on_request(some):
    for i in range(jobs.KEPT + 8):
        job = some.ask(i, "short", lambda: Counter(1), lambda: iter_one(), owner="me" if i == jobs.KEPT + 7 else "")
        wait(lambda job=job: not job.busy)
    assert len(some._jobs) <= jobs.KEPT + 2
    some.forget_personal("you")
    assert some.get(jobs.KEPT + 7) is not None
    some.forget_personal("me")
    assert some.get(jobs.KEPT + 7) is None


def iter_one():
    yield 1


def test_a_job_nobody_looks_at_ends(some, monkeypatch):
    monkeypatch.setattr(jobs, "UNWATCHED", 0.05)

    def endless():
        while True:
            yield time.sleep(0.01)

    job = some.ask("a", "endless", lambda: Counter(10**9), endless)
    wait(lambda: not job.busy)
    assert job.state == "stopped"


def test_a_job_ends_when_the_last_visit_that_waits_for_it_leaves(some):
    def endless():
        while True:
            yield time.sleep(0.01)

    def ask(visit):
        return some.ask("a", "endless", lambda: Counter(10**9), endless, visit=visit)

    here = {"one", "two", "three"}
    job = ask("one")
    assert ask("two") is ask("three") is job
    assert not some.leave("a", "one", here.__contains__)
    assert not some.leave("a", "one", here.__contains__)  # left already
    assert some.get("a") is job
    assert job.busy
    here.remove("three")  # closed its tab
    assert some.leave("a", "two", here.__contains__, keep=True)
    assert (some.get("a") is job, job.state) == (True, "stopped")
    some.clear("a")
    assert ask("one") is not job
    some.clear("a")  # works: it stays
    assert some.leave("a", "one", here.__contains__)
    assert some.get("a") is None


def test_time_left_follows_from_the_share_done():
    shelf = Counter(32)
    job = Job("a", "count", shelf, lambda: iter_one(), "")
    assert job.left() is None
    job.state, job.began = "running", time.monotonic() - 10
    shelf.laid = [1] * 8
    assert job.left() == pytest.approx(30, abs=1)


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (40.4, ", 40 s left"), (760, ", 13 min left"), (29_000, ", 8 h left")]
)
def test_the_time_left_is_short(seconds, words):
    assert jobs.remaining(seconds) == words
