"""Events of TensorBoard, as TensorBoard itself reads them."""

from __future__ import annotations

import sys

import pytest

from cnnviz.options import RequestError
from cnnviz.train import run, tensorboard
from cnnviz.train.loop import fit
from tests.train.runs import trained


def read(folder):
    """What TensorBoard finds of a run."""
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = board.EventAccumulator(str(folder / tensorboard.FOLDER))
    found.Reload()
    return found


def test_every_epoch_is_there_by_its_step_with_the_plan_at_the_end(plan, tmp_path):
    pytest.importorskip("tensorboard")
    done = trained(plan.but(tensorboard=True), tmp_path)
    found = read(done.folder)
    for tag, key in tensorboard.EPOCH.items():
        wanted = [(event["step"], pytest.approx(event[key])) for event in done.of("epoch")]
        assert [(one.step, one.value) for one in found.Scalars(tag)] == wanted
    rates = [(event["step"], pytest.approx(event["rate"])) for event in done.of("step")]
    assert [(one.step, one.value) for one in found.Scalars("learning rate")] == rates
    assert found.Scalars("hparam/accuracy")[0].value == pytest.approx(done.last("best")["accuracy"])
    metadata = found.SummaryMetadata("_hparams_/session_start_info")
    assert b"mnist_gap" in metadata.plugin_data.content
    assert b"augment.rotate" in metadata.plugin_data.content


def test_what_a_run_went_back_behind_is_not_there_twice(plan, tmp_path, spoken):
    pytest.importorskip("tensorboard")
    folder = run.create(plan.but(tensorboard=True), tmp_path)
    assert (
        fit(folder, heard=lambda kind, v: run.stop(folder) if (kind, v.get("epoch")) == ("epoch", 2) else None)
        == "stopped"
    )
    assert fit(folder) == "finished"
    epochs = run.read(folder).of("epoch")
    assert [one.step for one in read(folder).Scalars("loss/val")] == [event["step"] for event in epochs] == [5, 10, 15]


def test_nothing_is_written_unless_it_is_asked_for(plan, tmp_path):
    assert not (trained(plan.but(epochs=1), tmp_path).folder / tensorboard.FOLDER).exists()


def test_without_the_package_a_sentence_says_what_to_install(plan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    folder = run.create(plan.but(tensorboard=True), tmp_path)
    with pytest.raises(RequestError, match=r"pip install cnnviz\[tensorboard\]"):
        fit(folder)
    assert run.read(folder).state == "failed"
