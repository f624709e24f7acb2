"""What a run keeps, on a full disk too, and judged at the end."""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest

from cnnviz.models import load
from cnnviz.options import RequestError
from cnnviz.train import checkpoints, module, run
from cnnviz.train.loop import fit
from tests.train.runs import trained


@pytest.mark.parametrize("patience", [0, 1])
def test_a_run_killed_while_it_was_judged_is_judged_when_it_goes_on(plan, tmp_path, monkeypatch, patience):
    class Killed(BaseException):
        """Nothing in the run hears of it."""

    def killed(_):
        raise Killed

    slow = {"rate": 1e-7, "schedule": "constant", "epochs": 50} if patience else {"epochs": 1}
    folder = run.create(plan.but(patience=patience, **slow), tmp_path, "killed")
    with monkeypatch.context() as deadly:
        deadly.setattr(checkpoints.Keeper, "judge", killed)
        with pytest.raises(Killed):
            fit(folder)
    before = run.read(folder)
    assert (before.state, run.verdict(folder)) == ("interrupted", None)
    assert fit(folder) == "finished"
    assert run.read(folder).of("epoch") == before.of("epoch")
    assert run.verdict(folder)["val"]["images"] == 12


@contextlib.contextmanager
def full_disk(most: int):
    """A disk on which no file can grow beyond so many bytes: the system itself refuses to write on."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_from_the_start_fails_in_one_sentence_and_goes_on_once_there_is_room(plan, tmp_path):
    folder = run.create(plan.but(epochs=1), tmp_path, "full")
    with full_disk(100_000), pytest.raises(RequestError, match="free some space, then resume") as caught:
        fit(folder)
    assert "\n" not in str(caught.value)
    failed = run.read(folder)
    assert failed.state == "failed"
    assert len(failed.of("warning")) == 1
    assert not list(folder.rglob("*.safetensors"))
    assert not list(folder.rglob("*.draft"))
    assert fit(folder) == "finished"
    assert load.load("run/full@best", runs=tmp_path)


def test_a_disk_that_fills_up_on_the_way_costs_nothing_that_was_saved_nor_the_training(plan, tmp_path, spoken):
    folder, kept = run.create(plan.but(epochs=6, patience=0), tmp_path, "crowded"), []

    with contextlib.ExitStack() as crowd:

        def heard(kind, values):
            if kind == "epoch" and values["epoch"] == 2:
                kept.extend((folder / name).read_bytes() for name in ("best.safetensors", "card.json"))
                crowd.enter_context(full_disk(100_000))
            if kind == "step" and values["step"] == 18:  # in the fourth epoch: what was said before stands untouched
                assert kept == [(folder / name).read_bytes() for name in ("best.safetensors", "card.json")]
                crowd.close()

        assert fit(folder, heard=heard) == "finished"
    done = run.read(folder)
    assert [e["epoch"] for e in done.of("epoch")] == [1, 2, 3, 4, 5, 6]
    card, best = json.loads((folder / "card.json").read_text()), done.last("best")
    assert card["accuracy"]["val"] == pytest.approx(best["accuracy"], abs=1e-4)
    assert run.verdict(folder)["val"]["loss"] == pytest.approx(best["valid_loss"], abs=1e-4)
    assert not list(folder.rglob("*.draft"))


def test_snapshots_leave_room_for_the_best_weights(plan, tmp_path, monkeypatch):
    room = iter([10**9, 10**9, *[10**6] * 100])  # the net has 224 kB
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(room)))
    done = trained(plan, tmp_path)
    assert done.state == "finished"
    assert len(done.of("snapshot")) == 2
    assert [e["message"] for e in done.of("warning")] == [
        "The disk is almost full: snapshots are left out, so that the best weights can be kept."
    ]
    assert load.load(f"run/{done.id}@best", runs=tmp_path)


def test_torchs_own_words_for_a_full_disk_are_understood(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVED", 0.0)
    told = []

    def heard(kind, values):
        told.append(values["message"]) if kind == "warning" else None

    folder = run.create(plan.but(epochs=1, optimizer="adam"), tmp_path)
    with full_disk(300_000):  # the weights fit, a state to resume from does not
        assert fit(folder, heard=heard) == "finished"
    assert told == ["The disk is full, free some space: training continues, but resume.pt was not kept."]
    assert load.load(f"run/{folder.name}@best", runs=tmp_path)
