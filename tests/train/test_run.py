"""Run directories: created, listed, read while they grow, stopped, deleted; unwritable places are one sentence."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from cnnviz.options import RequestError
from cnnviz.train import run
from cnnviz.train.plan import Plan


def test_runs_are_listed_with_the_newest_first_and_found_by_name(tmp_path):
    names = [run.create(Plan("x"), tmp_path, f"r{i}") for i in range(3)]
    for i, folder in enumerate(names):
        os.utime(folder / "plan.json", (i, i))
    (tmp_path / "other").mkdir()
    assert [f.name for f in run.folders(tmp_path)] == ["r2", "r1", "r0"]
    assert run.find("r1", tmp_path) == names[1]
    for wrong in ("../r1", "r9", ""):
        with pytest.raises(run.RunError, match="no run"):
            run.find(wrong, tmp_path)
    assert run.folders(tmp_path / "nowhere") == []


def test_names_are_safe_and_new(tmp_path):
    first, second = run.create(Plan("x"), tmp_path), run.create(Plan("x"), tmp_path)
    assert first != second
    for wrong in ("../x", "A B", ".x", "x/y"):
        with pytest.raises(run.RunError, match="no name"):
            run.create(Plan("x"), tmp_path, wrong)
    with pytest.raises(run.RunError, match="already"):
        run.create(Plan("x"), tmp_path, first.name)


def test_data_named_from_the_working_directory_are_found_from_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = run.create(Plan("pets"), "runs", "one"), run.trial(Plan("pets"), "runs")
    assert [run.read(folder).plan.data for folder in folders] == [str(tmp_path / "pets")] * 2
    assert run.read(run.create(Plan("/data/pets"), "runs")).plan.data == "/data/pets"


def test_a_run_that_was_refused_does_not_keep_its_name_and_one_that_trained_does(tmp_path):
    folder = run.create(Plan("x"), tmp_path, "one")
    with pytest.raises(run.RunError, match="already"):
        run.create(Plan("x"), tmp_path, "one")  # it may begin at any moment
    log = run.Log(folder)
    log("prepare", stage="images", done=1, of=2)
    log("failed", message="There is no folder x.")
    with run.holding(folder), pytest.raises(run.RunError, match="already"):
        run.create(Plan("x"), tmp_path, "one")
    assert run.create(Plan("x"), tmp_path, "one") == folder
    assert run.read(folder).state == "waiting"
    log = run.Log(folder)
    log("start", step=0)
    log("failed", message="The loss became infinite.")
    with pytest.raises(run.RunError, match="already"):
        run.create(Plan("x"), tmp_path, "one")


def test_a_plan_for_no_network_leaves_no_run(tmp_path):
    for wrong in ("nonsense", "lecture/nonsense"):
        with pytest.raises(RequestError, match="no network"):
            run.create(Plan("x", net=wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_runs_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(run.RunError, match="CNNVIZ_RUNS") as caught:
        run.create(Plan("x"), tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_a_disk_that_is_full_leaves_no_half_a_run(tmp_path, monkeypatch):
    def full(*_args, **_how):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as crowded:
        crowded.setattr(Path, "write_text", full)
        with pytest.raises(run.RunError, match="free some space"):
            run.create(Plan("x"), tmp_path, "full")
    assert not list(tmp_path.iterdir())
    folder = run.create(Plan("x"), tmp_path, "full")
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(run.RunError, match="No space left"):
        run.spawn(folder)


def test_a_search_for_a_rate_is_hidden_among_the_runs_and_old_ones_are_swept(tmp_path):
    old = run.trial(Plan("x"), tmp_path)
    assert run.folders(tmp_path) == []
    assert run.read(old).state == "waiting"
    os.utime(old, (0, 0))
    with run.holding(old):
        new = run.trial(Plan("x"), tmp_path)
        os.utime(old, (0, 0))
        assert old.exists()  # somebody works on it
    assert run.trial(Plan("x"), tmp_path).exists()
    assert (old.exists(), new.exists()) == (False, True)
    os.utime(new, (0, 0))
    run.create(Plan("x"), tmp_path)
    assert not new.exists()


def test_a_run_killed_before_anything_was_saved_begins_anew_with_clean_curves(tmp_path):
    folder = run.create(Plan("x"), tmp_path)
    log = run.Log(folder)
    log("start", step=0)
    log("snapshot", step=0)
    log("step", step=5)
    log("start", step=0)
    log("step", step=3)
    assert [e["step"] for e in run.read(folder).of("step")] == [3]


def test_events_survive_broken_lines_and_a_resume_goes_back(tmp_path):
    folder = run.create(Plan("x"), tmp_path)
    assert run.read(folder).state == "waiting"
    log = run.Log(folder)
    log("start", step=0)
    for step in (1, 2, 3, 4):
        log("step", step=step)
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "st')
    assert [e["step"] for e in run.read(folder).of("step")] == [1, 2, 3, 4]
    assert run.read(folder).state == "interrupted"
    log = run.Log(folder)
    log("resume", step=2)
    log("step", step=3)
    again = run.read(folder)
    assert [e["step"] for e in again.of("step")] == [1, 2, 3]
    assert again.last("step") == again.of("step")[-1]
    assert again.last("nothing") == {}
    log("finished", step=3)
    assert run.read(folder).state == "finished"
    assert all(json.loads(line) for line in (folder / "events.jsonl").read_bytes().split(b"\n")[-4:-1])


def test_a_run_that_is_held_is_alive_and_can_neither_be_held_again_nor_deleted(tmp_path):
    folder = run.create(Plan("x"), tmp_path)
    assert not run.alive(folder)
    with run.holding(folder):
        assert run.alive(folder)
        with pytest.raises(run.RunError, match="already"), run.holding(folder):
            pass
        with pytest.raises(run.RunError, match="stop it first"):
            run.delete(folder)
    assert not run.alive(folder)
    run.delete(folder)
    assert not folder.exists()


def test_a_disk_that_fills_up_costs_lines_not_the_training(tmp_path, monkeypatch):
    folder = run.create(Plan("x"), tmp_path)
    log = run.Log(folder)
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, line: real(handle, line[:9]))
    log("step", step=1)
    assert log.broken
    monkeypatch.setattr(os, "write", real)
    log("step", step=2)
    assert [e["step"] for e in run.events_of(folder)] == [2]


def test_an_unreadable_plan_is_one_sentence(tmp_path):
    folder = run.create(Plan("x"), tmp_path)
    (folder / "plan.json").write_text("{")
    with pytest.raises(RequestError, match="JSON"):
        run.read(folder)
