"""The Train page: from a data set to a run, its curves, its verdict, and its net on other pages."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cnnviz.data.counting import Counting, write
from cnnviz.train import run
from cnnviz.train.fit import fit
from cnnviz.train.plan import Plan


@pytest.fixture
def circles(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "shelf"))
    options = Counting(low=1, high=2, per_class=16, size=32, smallest=4, largest=6)
    return write(tmp_path / "shelf" / "circles", options)


@pytest.fixture
def trained(circles, engine, monkeypatch):
    monkeypatch.setattr(engine, "runs", Path(os.environ["CNNVIZ_RUNS"]))
    plan = Plan(str(circles), net="lecture/mnist_gap", size=32, epochs=2, batch=8, threads=1, batch_norm=True)
    folder = run.create(plan, os.environ["CNNVIZ_RUNS"], "first")
    fit(folder)
    return folder


def fine(at):
    assert not at.exception
    return at


def test_without_data_the_page_says_where_to_begin(visit, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "nothing"))
    assert "no data set" in fine(visit("train")).info[0].value


def test_strangers_do_not_train(visit, circles, monkeypatch):
    monkeypatch.setenv("CNNVIZ_PUBLIC", "1")
    at = fine(visit("train"))
    assert "off" in at.info[0].value
    assert "Train" not in {b.label for b in at.button}


def test_a_finished_run_shows_curves_table_confusion_and_losses(visit, trained, words, pictures):
    at = fine(visit("train", run="first"))
    tables = [frame.value for frame in at.dataframe]
    assert any("first" in table.to_string() for table in tables)
    assert any("train_loss" in table.columns and len(table) == 2 for table in tables)
    said = run.verdict(trained)["val"]
    confusion = next(t for t in tables if "is" in t.columns)
    assert confusion[["1", "2"]].values.tolist() == said["confusion"]
    assert any(alt.startswith("Heat map: ") for alt in pictures(at))
    assert "run/first@best" in words(at)
    fine(at.selectbox(key="model").set_value("run/first@best").run())


def test_a_run_is_deleted_once_confirmed(visit, trained):
    at = visit("train", run="first")
    at.button(key="delete-run").click()
    fine(at.run())
    assert not trained.exists()


def test_the_widgets_spell_a_plan_and_impossible_ones_cannot_be_chosen(visit, circles):
    at = fine(visit("train"))
    assert at.selectbox(key="recipe").options == ["From scratch: every weight begins at random"]
    at.selectbox(key="net").set_value("squeezenet1_1")
    fine(at.run())
    assert len(at.selectbox(key="recipe").options) == 5
    at.selectbox(key="recipe").set_value("features")
    fine(at.run())
    assert "augment" not in {s.key for s in at.selectbox}


def test_the_page_starts_a_run_and_stops_it(visit, circles):
    at = visit("train")
    at.selectbox(key="net").set_value("lecture/mnist_gap")
    at.number_input(key="epochs").set_value(1000)
    fine(at.run())
    next(b for b in at.button if b.label == "Train").click()
    fine(at.run())
    name = at.selectbox(key="run").value
    folder = run.find(name, os.environ["CNNVIZ_RUNS"])
    limit = time.monotonic() + 100
    while not run.read(folder).of("step") and time.monotonic() < limit:
        time.sleep(0.2)
    again = fine(visit("train", run=name))  # another visitor, or the same after a reload
    again.button(key=f"stop-{name}").click()
    fine(again.run())
    while run.read(folder).state != "stopped" and time.monotonic() < limit:
        time.sleep(0.2)
    assert run.read(folder).state == "stopped"
    while run.alive(folder) and time.monotonic() < limit:
        time.sleep(0.2)
    assert any(b.key == f"go-{name}" for b in fine(visit("train", run=name)).button)
