"""The numbers of epochs as CSV: what the events say, as they come, without those that a run went back behind."""

from __future__ import annotations

import csv

import pytest

from cnnviz.train import metrics, run
from cnnviz.train.interval import around
from cnnviz.train.loop import fit
from tests.train.runs import trained


def read(folder):
    with (folder / metrics.NAME).open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_each_epoch_is_a_row_as_soon_as_it_ends_and_has_the_interval_of_its_accuracy(plan, tmp_path):
    folder, seen = run.create(plan, tmp_path), []
    fit(folder, heard=lambda kind, _: kind == "epoch" and seen.append(len(read(folder))))
    assert seen == [1, 2, 3]
    for row, event in zip(read(folder), run.read(folder).of("epoch"), strict=True):
        assert {key: row[key] for key in metrics.KEYS} == {key: event[key] for key in metrics.KEYS}
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(around(event["accuracy"], 12), abs=1e-6)


def test_epochs_that_a_run_went_back_behind_are_no_rows(plan, tmp_path):
    done = trained(plan, tmp_path)
    log = run.Log(done.folder)
    log("resume", step=5, steps=15, parameters=1, trainable=1, device="CPU", val=12)
    metrics.write(done.folder)
    assert [row["epoch"] for row in read(done.folder)] == [1]


def test_a_folder_that_cannot_be_written_costs_the_file_alone(plan, tmp_path):
    done = trained(plan.but(epochs=1), tmp_path)
    (done.folder / metrics.NAME).unlink()
    (done.folder / metrics.NAME).mkdir()
    metrics.write(done.folder)
    assert not list(done.folder.glob(".*draft"))
