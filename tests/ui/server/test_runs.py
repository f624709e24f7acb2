"""Runs behind the pages: what a search for a learning rate found is told, at whatever moment its folder goes."""

from __future__ import annotations

import shutil
import threading
from types import SimpleNamespace

import pytest

from cnnviz.train import run
from cnnviz.train.plan import Plan
from cnnviz.ui.server import runs

NONE = 2**22 + 1  # the id of no process


def spawned(monkeypatch):
    """The processes that are started from now on are dead, but nobody knows it before this event."""
    end = threading.Event()
    process = SimpleNamespace(pid=NONE, stdin=None, poll=lambda: 1, wait=lambda: end.wait(30))
    monkeypatch.setattr(run, "spawn", lambda folder, *extra: process)
    return end


@pytest.fixture
def ends(tmp_path, monkeypatch):
    """Lets the process of a search end: until then, nobody has gathered what it found."""
    end = spawned(monkeypatch)
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path))
    yield end
    end.set()


def ended(folder, ends):
    """Lets the process end, and waits until what it found is gathered."""
    waiting = [thread for thread in threading.enumerate() if thread.name == folder.name]
    ends.set()
    for thread in waiting:
        thread.join(30)


@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_what_a_search_found_is_told_though_its_folder_goes_while_it_is_read(moment, ends, monkeypatch):
    folder = runs.find_rate(Plan("x"))
    log = run.Log(folder)
    log("rate", rate=1e-3, loss=0.5)
    if moment != "after":
        log("finished", suggestion=2e-3)
    read, remove, going = run.read, shutil.rmtree, threading.Lock()

    def removed(path, **how):
        if moment == "half":
            (path / run.EVENTS).unlink()
        else:
            remove(path, **how)

    def reading(path, outline=False):
        if threading.current_thread() is not threading.main_thread() or not going.acquire(blocking=False):
            return read(path, outline)
        found = read(path, outline)
        if moment == "after":
            log("finished", suggestion=2e-3)
        ended(folder, ends)
        return found if moment == "after" else read(path, outline)

    monkeypatch.setattr(shutil, "rmtree", removed)
    monkeypatch.setattr(run, "read", reading)
    for _ in range(2):
        found = runs.look_at(folder)
        assert (found.state, found.last("finished")["suggestion"]) == ("finished", 2e-3)


def test_a_search_that_died_goes_on_until_it_is_known_why(ends):
    folder = runs.find_rate(Plan("x"))
    run.Log(folder)("rate", rate=1e-3, loss=0.5)
    (folder / "errors.txt").write_text("MemoryError\n")
    assert runs.look_at(folder).state == "starting"
    ended(folder, ends)
    assert not folder.exists()
    found = runs.look_at(folder)
    assert found.state == "failed"
    assert found.last("failed")["message"] == "MemoryError"


def test_a_search_begins_though_another_visitor_starts_a_run_at_that_moment(ends, tmp_path, monkeypatch):
    """To start one forgets the processes that have ended: that of the search may be one of them already."""
    start = runs._start

    def both(folder, *extra):
        process = start(folder, *extra)
        start(run.create(Plan("x"), tmp_path))
        return process

    monkeypatch.setattr(runs, "_start", both)
    folder = runs.find_rate(Plan("x"))
    run.Log(folder)("finished", suggestion=2e-3)
    ended(folder, ends)
    assert runs.look_at(folder).last("finished")["suggestion"] == 2e-3


def test_of_many_searches_the_first_is_told_and_the_others_go_on(ends, monkeypatch):
    first = runs.find_rate(Plan("x"))
    run.Log(first)("finished", suggestion=2e-3)
    later = spawned(monkeypatch)
    others = [runs.find_rate(Plan("x")) for _ in range(runs.MOST + 2)]
    try:
        for folder in others:
            run.Log(folder)("rate", rate=1e-3, loss=0.5)
        ended(first, ends)
        assert runs.look_at(first).last("finished")["suggestion"] == 2e-3
        assert {runs.look_at(folder).state for folder in others} == {"starting"}
    finally:
        for folder in others:
            ended(folder, later)
    assert len(runs._sought) == runs.MOST
