"""More epochs for a run that has ended, with the optimizer it had; and its data where they lie now."""

from __future__ import annotations

import shutil

import pytest
import torch

from cnnviz.options import RequestError
from cnnviz.train import checkpoints, run
from cnnviz.train.extend import extend, move
from cnnviz.train.loop import fit
from tests.train.runs import same, trained


def test_more_epochs_end_with_the_weights_of_a_run_that_had_them_from_the_start(plan, tmp_path):
    constant = plan.but(schedule="constant", epochs=2)  # a rate that does not depend on how many there are
    whole = trained(constant.but(epochs=4), tmp_path, "whole")
    first = trained(constant, tmp_path, "first")
    assert run.verdict(first.folder)
    extend(first.folder, 4)
    assert run.verdict(first.folder) is None  # of fewer epochs
    assert fit(first.folder) == "finished"
    done = run.read(first.folder)
    assert [e["epoch"] for e in done.of("epoch")] == [1, 2, 3, 4]
    assert (done.plan.epochs, done.last("resume")["step"], done.last("resume")["steps"]) == (4, 10, 20)
    assert same(first.folder / "snapshots" / "20.safetensors", whole.folder / "snapshots" / "20.safetensors")
    assert same(first.folder / "best.safetensors", whole.folder / "best.safetensors")
    assert run.verdict(first.folder)["val"] == run.verdict(whole.folder)["val"]
    state = torch.load(first.folder / checkpoints.RESUME, weights_only=True)["optimizer"]["state"]
    assert {float(one["step"]) for one in state.values()} == {20.0}  # Adam's own count went on


def test_a_run_that_ended_early_has_patience_anew(plan, tmp_path):
    early = trained(plan.but(epochs=30, rate=1e-7, patience=2, schedule="constant"), tmp_path, "early")
    count = len(early.of("epoch"))
    assert count < 30
    extend(early.folder, 40)
    assert fit(early.folder) == "finished"
    assert len(run.read(early.folder).of("epoch")) > count


def test_what_cannot_have_more_epochs_is_one_sentence_and_stays_as_it_is(plan, tmp_path):
    folder = run.create(plan, tmp_path, "fresh")
    for epochs, why in ((3, "has 3 epochs; choose more"), (9, "kept no state .* run/fresh@best"), (10**6, "epochs")):
        with pytest.raises(run.RequestError, match=why):
            extend(folder, epochs)
    with run.holding(folder), pytest.raises(run.RunError, match="is training"):
        extend(folder, 9)
    (folder / checkpoints.RESUME).write_bytes(b"")
    (folder / f".{run.PLAN}.draft").mkdir()
    with pytest.raises(run.RunError, match="cannot be written"):
        extend(folder, 9)
    assert run.read(folder).plan.epochs == 3


def test_a_run_whose_data_were_moved_goes_on_where_they_lie_now(plan, tmp_path, circles, spoken):
    shutil.copytree(circles, tmp_path / "old")
    whole = trained(plan, tmp_path, "whole")
    folder = run.create(plan.but(data=str(tmp_path / "old")), tmp_path, "halves")
    assert (
        fit(folder, heard=lambda kind, v: run.stop(folder) if (kind, v.get("epoch")) == ("epoch", 1) else None)
        == "stopped"
    )
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(RequestError, match=r"no folder old any more.*--data DIR"):
        fit(folder)
    (tmp_path / "other" / "train" / "x").mkdir(parents=True)
    with pytest.raises(RequestError):
        move(folder, tmp_path / "other")
    assert run.read(folder).plan.data.endswith("old")  # what does not fit is not taken
    move(folder, tmp_path / "new")
    assert fit(folder) == "finished"
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")
