"""The Train page: from a data set to a run, its curves, its verdict, and its net on other pages."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import torch
from PIL import Image

from cnnviz import places
from cnnviz.data.augment import Augment
from cnnviz.data.counting import Counting, write
from cnnviz.models import load
from cnnviz.options import RequestError
from cnnviz.train import interval, run
from cnnviz.train import plan as plans
from cnnviz.train.loop import fit
from cnnviz.train.plan import Plan
from cnnviz.ui.server import runs, startup
from cnnviz.ui.views.train import confusion, curves, plan_files, plan_form, trained_network
from cnnviz.ui.widgets import feedback

ROOT = Path(__file__).resolve().parents[2]
NONE = -1  # the id of no process


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


def drawn_matrix(at):
    """What the page tells the confusion matrix."""
    return json.loads(at.get_by_key("confusion-val").proto.json)


def drawn_table(at, alt):
    """A table of the page as text: its head, and its rows."""
    (body,) = (part.body for part in at.get("html") if f'aria-label="{alt}"' in part.body)
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return rows[0], rows[1:]


def fine(at):
    assert not at.exception
    return at


def test_without_data_the_page_begins_with_circles_and_their_plan(visit, words, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNVIZ_DATA", str(tmp_path / "shelf"))
    monkeypatch.setattr(plan_files, "LESSON", dataclasses.replace(plan_files.LESSON, per_class=4))
    at = fine(visit("train"))
    assert "no data set" in words(at)
    assert any("circles" in alt for alt in pictures(at))
    next(b for b in at.button if b.label == "Generate and set up training").click()
    fine(at.run())
    assert [p.name for p in (tmp_path / "shelf").iterdir()] == ["counting_1_5"]
    assert len(list((tmp_path / "shelf").rglob("*.png"))) == 5 * 4
    assert not at.error
    ready = plans.read(ROOT / "plans" / "counting_1_5.json")
    assert (at.selectbox(key="set").value, at.selectbox(key="net").value) == ("counting_1_5", ready.net)
    assert at.number_input(key="plan-epochs").value == ready.epochs
    assert not next(b for b in at.button if b.label == "Train").disabled


@pytest.mark.parametrize("public", ["1", "true", "maybe"])  # the last cannot be read, so it opens nothing
def test_strangers_do_not_train(visit, circles, monkeypatch, public):
    monkeypatch.setenv("CNNVIZ_PUBLIC", public)
    at = fine(visit("train"))
    assert "off" in at.info[0].value
    assert "Train" not in {b.label for b in at.button}


def test_a_finished_run_shows_curves_table_confusion_and_losses(visit, trained, words):
    at = fine(visit("train", run="first"))
    head, rows = drawn_table(at, "The newest runs")
    assert (head[3], rows[0][0], rows[0][3]) == ("recipe", "first", "From scratch")
    head, rows = drawn_table(at, "Epochs, the last one first")
    assert head == ["epoch", "train loss", "validation loss", "seconds", "error", "accuracy", "95% interval"]
    epoch, images = run.read(trained).of("epoch")[-1], run.read(trained).last("start")["val"]
    assert rows[0][-1] == interval.words(epoch["accuracy"], images)
    assert [row[0] for row in rows] == ["2", "1"]
    assert "Epochs as CSV" in {button.label for button in at.get("download_button")}
    said = run.verdict(trained)["val"]
    assert drawn_matrix(at)["counts"] == said["confusion"]
    assert words(at).count('alt="Heat map: ') == min(8, said["images"])
    assert "run/first@best" in words(at)
    charts = {chart.proto.alt: json.loads(chart.proto.spec) for chart in at.get("echarts_chart")}
    (diagram,) = [spec for alt, spec in charts.items() if alt.startswith("Reliability diagram")]
    assert diagram["series"][1]["data"] == [[c, a] for c, a, _ in said["calibration"]["bins"]]
    (roc,) = [spec for alt, spec in charts.items() if alt.startswith("ROC curve of 2")]
    assert roc["series"][1]["data"] == said["roc"]["points"]
    assert {"Calibrated ONNX", "ONNX"} <= {button.label for button in at.get("download_button")}
    fine(at.selectbox(key="model").set_value("run/first@best").run())


def test_the_head_of_features_is_solved_without_a_rate_and_its_curve_is_shown(
    visit, circles, engine, words, monkeypatch
):
    monkeypatch.setattr(engine, "runs", Path(os.environ["CNNVIZ_RUNS"]))
    plan = Plan(str(circles), net="lecture/mnist_gap", size=32, epochs=1, batch=8, threads=1)
    fit(run.create(plan, os.environ["CNNVIZ_RUNS"], "first"))
    folder = run.create(plan.but(recipe="features", start="run/first@best"), os.environ["CNNVIZ_RUNS"], "solved")
    fit(folder)
    at = fine(visit("train", run="solved"))
    done, fine_tuned = run.read(folder), {"set": "circles", "net": plan.net, "begin": "run/first@best"}
    charts = {chart.proto.alt: json.loads(chart.proto.spec) for chart in at.get("echarts_chart")}
    charts = {alt: spec for alt, spec in charts.items() if "of run" in alt}  # and not those that compare runs
    assert len(charts) == 2
    for alt, spec in charts.items():
        curve, mark = spec["series"]
        key = "loss" if "loss" in alt else "accuracy"
        assert curve["data"] == [[e["l2"], e[key]] for e in done.of("l2")]
        assert {x for x, _ in mark["data"]} == {done.last("head")["l2"]}
        assert spec["xAxis"]["type"] == "log"
    assert drawn_table(at, "The newest runs")[1][0][5] == "solved"
    head, rows = drawn_table(at, "Loss and accuracy of the solved head")
    assert (head[0], len(rows)) == ("train loss", 1)
    assert "<dd>solved head, loss " in words(at)
    assert "solved, not trained, so there are no epochs" in words(at)
    assert "smoothing" not in {slider.key for slider in at.slider}
    assert drawn_matrix(at)["counts"] == run.verdict(folder)["val"]["confusion"]
    at = fine(visit("train", recipe="features", **fine_tuned))
    assert "plan-rate" not in {box.key for box in at.number_input}
    buttons = {button.label: button for button in at.button}
    assert (buttons["Learning rate finder"].disabled, buttons["Train"].disabled) == (True, False)
    at = fine(at.number_input(key="plan-hidden").set_value(8).run())  # such a head is trained
    assert "plan-rate" in {box.key for box in at.number_input}
    assert not next(button for button in at.button if button.label == "Learning rate finder").disabled


def test_the_curves_are_smoothed_as_far_as_the_slider_says_with_the_raw_ones_beneath(visit, trained):
    values = np.random.default_rng(0).normal(size=40)
    np.testing.assert_allclose(curves.smooth(values, 0.9), pd.Series(values).ewm(alpha=0.1).mean())
    at = fine(visit("train", run="first", smoothing="0.9"))
    loss = next(chart.proto for chart in at.get("echarts_chart") if "Loss of run" in chart.proto.alt)
    spec = json.loads(loss.spec)
    lines = {line["name"]: line for line in spec["series"]}
    named = [entry for row in spec["legend"] for entry in row["data"]]
    assert [entry["name"] for entry in named] == ["train", "train, smoothed", "validation", "validation, smoothed"]
    assert {entry["name"] for entry in named} == set(lines)
    for entry in named:  # a point in the legend where the curve has points, and there alone
        assert ("icon" not in entry) == (lines[entry["name"]]["symbol"] == "circle")
    assert lines["validation"]["symbol"] == "circle"
    fine(at.slider(key="smoothing").set_value(0.0).run())
    assert at.query_params["smoothing"] == "0.0"
    assert not any("smoothed" in str(chart.proto) for chart in at.get("echarts_chart"))


def test_the_best_epoch_is_named_as_that_of_the_lowest_loss_and_is_a_dash_before_any(visit, trained, words):
    log = run.Log(trained)
    log(
        "epoch", epoch=3, step=99, train_loss=1, train_accuracy=0.5, valid_loss=9, accuracy=1.0, error_rate=0, seconds=1
    )
    best, epochs = run.read(trained).last("best"), run.read(trained).of("epoch")
    (number,) = [e["epoch"] for e in epochs if e["step"] == best["step"]]
    at = fine(visit("train", run="first"))
    sure = interval.words(best["accuracy"], run.read(trained).last("start")["val"])
    wanted = f"epoch {number}, loss {best['valid_loss']:.4f}, {best['accuracy']:.2%} accuracy ({sure})"
    assert f"<dt>Lowest validation loss</dt><dd>{wanted}</dd>" in words(at)
    log("start", step=0, steps=8, trainable=1, parameters=1, device="CPU")
    assert "<dt>Lowest validation loss</dt><dd>–</dd>" in words(fine(at.run()))


def test_the_time_left_is_said_in_minutes_where_it_is_long(visit, circles):
    folder = run.create(Plan(str(circles), net="lecture/mnist_gap"), os.environ["CNNVIZ_RUNS"], "long")
    first = {"event": "start", "time": 0, "step": 0, "steps": 2002, "trainable": 1, "parameters": 1, "device": "CPU"}
    steps = [{"event": "step", "time": n, "step": n, "epoch": n / 9, "loss": 1.0} for n in (1, 2)]
    (folder / run.EVENTS).write_text("".join(json.dumps(event) + "\n" for event in (first, *steps)))
    with run.holding(folder):
        at = fine(visit("train", run="long"))
    assert "Step 2 of 2,002, 33 min left" in {bar.proto.text for bar in at.get("progress")}


def test_on_a_stage_the_results_follow_the_curves_and_the_plan_comes_last(visit, trained):
    at = fine(visit("train", run="first", present="true"))
    keys = [key for one in at.main if (key := getattr(one, "key", None)) in ("confusion-val", "net")]
    assert keys == ["confusion-val", "net"]
    assert len([chart for chart in at.get("echarts_chart") if "of run" in chart.proto.alt]) == 2
    assert not [part for part in at.get("html") if "Epochs, the last one first" in part.body]
    assert not any(one.key == "judged" for one in at.button_group)  # there is one split


def order(at):
    """What stands on the page from top to bottom: the curves, the results and the plan."""
    keys = {"smoothing": "curves", "confusion-val": "results", "net": "plan"}
    return [keys[key] for one in at.main if (key := getattr(one, "key", None)) in keys]


def test_the_results_of_an_open_run_follow_its_curves_and_the_plan_stands_on_top_once_it_is_filled(visit, trained):
    at = fine(visit("train", run="first"))
    assert order(at) == ["curves", "results", "plan"]
    assert order(press(at, "Use its plan")) == ["plan", "curves", "results"]
    assert order(fine(visit("train"))) == ["plan", "curves", "results"]


def test_a_button_beside_an_open_run_brings_the_form_for_a_new_one_to_the_top_and_is_there_no_longer(
    visit, trained, fragment, monkeypatch
):
    monkeypatch.setattr(trained_network, "doors", lambda now: None)  # links to pages, which a fragment alone lacks here
    at = fine(visit("train", run="first"))
    before = at.selectbox(key="net").value, at.session_state["recipe"]
    next(button for button in at.button if button.label == "New run").click()
    assert order(fine(fragment(at))) == ["plan", "curves", "results"]  # a click in a fragment runs that alone
    assert (at.selectbox(key="net").value, at.session_state["recipe"]) == before
    assert "New run" not in [button.label for button in at.button]
    assert order(fine(at.run()))[0] == "plan"
    at.selectbox(key="run").set_value("first")
    assert order(fine(visit("train", run="first")))[0] == "curves"


def test_the_form_of_partial_says_what_no_layers_and_no_rate_are(visit, circles, words):
    at = fine(visit("train", net="squeezenet1_1", recipe="partial"))
    assert "The last block (0), or as many trainable layers as given, is trained" in words(at)
    rate = at.number_input(key="plan-rate")
    assert (rate.proto.placeholder, rate.help) == ("auto", "Without one it is found by a range test")


def stopped(folder):
    """Makes a run that came to its end one that was stopped before."""
    lines = (folder / run.EVENTS).read_text().splitlines()
    (folder / run.EVENTS).write_text("\n".join([*lines[:-1], '{"event": "stopped"}', ""]))


def test_a_stopped_run_says_why_it_has_no_results_and_is_judged_as_the_end_would(visit, trained, words):
    said = run.verdict(trained)
    stopped(trained)
    (trained / run.VERDICT).unlink()
    at = fine(visit("train", run="first"))
    assert "resume it, or evaluate it now" in words(at)
    press(at, "Evaluate the best weights")
    assert run.verdict(trained) == said
    assert run.read(trained).state == "stopped"
    assert drawn_matrix(at)["counts"] == said["val"]["confusion"]
    os.utime(trained / "best.safetensors")  # it went on, and got better: the verdict is on older weights
    assert "resume it, or evaluate it now" in words(fine(at.run()))


def test_a_run_is_judged_on_its_own_split_and_what_changed_about_the_data_is_said(visit, trained, circles):
    said = run.verdict(trained)
    stopped(trained)
    (trained / run.VERDICT).unlink()
    images = sorted((circles / "val" / "1").iterdir())
    shutil.copy(images[0], images[0].with_name("new.png"))
    shutil.copytree(circles / "val" / "1", circles / "train" / "0")
    at = press(visit("train", run="first"), "Evaluate the best weights")
    assert {**run.verdict(trained), "changed": ""} == {**said, "changed": ""}
    assert "1 class is new and left out (0)" in run.verdict(trained)["changed"]
    assert any("new and left out" in warning.value for warning in fine(at.run()).warning)
    (trained / run.VERDICT).unlink()
    for split in ("train", "val"):
        (circles / split / "2").rename(circles / split / "two")
    at = press(visit("train", run="first"), "Evaluate the best weights")
    assert "2 is named two now" in at.error[0].value
    assert run.verdict(trained) is None


def test_a_verdict_shows_no_image_from_outside_of_its_data(visit, trained, tmp_path, jpeg):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.jpg").write_bytes(jpeg)
    said = run.verdict(trained)
    root = said["root"]
    sound = len(said["val"]["pictures"])
    first = said["val"]["pictures"][0]
    outside = Path(os.path.relpath(tmp_path / "secret" / "secret.jpg", root))
    for place, path in ((root, str(outside)), (str(tmp_path / "secret"), "secret.jpg"), (root, "/etc/x.jpg")):
        said["root"], first["path"] = place, path
        (trained / run.VERDICT).write_text(json.dumps(said))
        os.utime(trained / run.VERDICT, (2e9, 2e9))
        at = fine(visit("train", run="first"))
        assert any("lies outside of the data of run first" in error.value for error in at.error)
    assert sound == len(said["val"]["pictures"])


def test_a_finished_run_gets_more_epochs(visit, trained, monkeypatch):
    started = []
    monkeypatch.setattr(
        run,
        "spawn",
        lambda folder, *_: (
            started.append(folder) or SimpleNamespace(pid=NONE, stdin=None, poll=lambda: 0, wait=lambda: 0)
        ),
    )
    at = fine(visit("train", run="first"))
    assert at.number_input(key="epochs-first").value == 4
    at.number_input(key="epochs-first").set_value(2)
    at = press(at, "Train further")
    assert "has 2 epochs; choose more" in at.error[0].value
    at.number_input(key="epochs-first").set_value(3)
    press(at, "Train further")
    assert (started, run.read(trained).plan.epochs) == ([trained], 3)
    assert fit(trained) == "finished"
    assert len(run.read(trained).of("epoch")) == 3


def test_a_run_on_features_is_judged_as_the_end_would_and_pictures_that_are_gone_are_one_sentence(
    visit, trained, circles, words
):
    first = run.read(trained).plan.but(start="run/first@best", recipe="features", epochs=1)
    folder = run.create(first, os.environ["CNNVIZ_RUNS"], "head")
    fit(folder)
    said = run.verdict(folder)
    stopped(folder)
    (folder / run.VERDICT).unlink()
    circles.rename(circles.with_name("away"))
    at = press(visit("train", run="head"), "Evaluate the best weights")
    assert len(at.error) == 1
    assert "Evaluate the best weights" in {b.label for b in at.button}
    circles.with_name("away").rename(circles)
    press(at, "Evaluate the best weights")
    assert run.verdict(folder) == said


def test_a_run_stopped_before_its_first_epoch_ended_says_so(visit, circles, words):
    folder = run.create(Plan(str(circles), net="lecture/mnist_gap"), os.environ["CNNVIZ_RUNS"], "short")
    run.Log(folder)("stopped")
    at = fine(visit("train", run="short"))
    assert "no epoch has ended" in words(at)
    assert not [b for b in at.button if b.label == "Evaluate the best weights"]
    assert not at.get("echarts_chart")
    assert "smoothing" not in {slider.key for slider in at.slider}


def told(folder, *events):
    """Makes a run one that has told these events so far."""
    (folder / run.EVENTS).write_text("".join(json.dumps({"time": n, **e}) + "\n" for n, e in enumerate(events)))


BEGUN = {"event": "start", "step": 0, "steps": 8, "epochs": 2, "trainable": 1, "parameters": 1, "device": "CPU"}


@pytest.mark.parametrize("busy", [False, True])
def test_a_run_in_its_first_epoch_has_the_curve_of_its_training_loss_and_no_empty_chart(visit, circles, words, busy):
    folder = run.create(Plan(str(circles), net="lecture/mnist_gap"), os.environ["CNNVIZ_RUNS"], "first")
    steps = [{"event": "step", "step": n, "epoch": n / 4, "loss": 1.0} for n in (1, 2)]
    told(folder, BEGUN, *steps, *([] if busy else [{"event": "stopped"}]))
    with run.holding(folder) if busy else contextlib.nullcontext():
        at = fine(visit("train", run="first"))
    (chart,) = at.get("echarts_chart")
    assert [line["name"] for line in json.loads(chart.proto.spec)["series"]] == ["train", "train, smoothed"]
    assert "No epoch has ended yet" in words(at)
    assert drawn_table(at, "The newest runs")[1][0][5] == "0 of 2"


@pytest.mark.parametrize(
    ("recipe", "said"), [("features", "The head is solved as soon as"), ("full", "The curves begin")]
)
def test_a_run_that_prepares_its_images_has_a_sentence_where_its_curves_will_be(visit, circles, words, recipe, said):
    plan = Plan(str(circles), net="squeezenet1_1", recipe=recipe)
    folder = run.create(plan, os.environ["CNNVIZ_RUNS"], "first")
    told(folder, {"event": "prepare", "stage": "features of train", "done": 1, "of": 9})
    with run.holding(folder):
        at = fine(visit("train", run="first"))
    assert said in words(at)
    assert not at.get("echarts_chart")
    assert "smoothing" not in {slider.key for slider in at.slider}
    assert drawn_table(at, "The newest runs")[1][0][5] == ("–" if recipe == "features" else "0 of 10")


def test_the_accuracy_of_a_run_that_ended_before_its_first_epoch_is_said_to_be_that_before_training(
    visit, circles, words
):
    folder = run.create(Plan(str(circles), net="lecture/mnist_gap"), os.environ["CNNVIZ_RUNS"], "first")
    told(folder, {"event": "best", "step": 0, "valid_loss": 0.14, "accuracy": 0.95}, BEGUN, {"event": "stopped"})
    at = fine(visit("train", run="first"))
    row = dict(zip(*drawn_table(at, "The newest runs")[:1], drawn_table(at, "The newest runs")[1][0], strict=True))
    assert (row["epochs"], row["accuracy"]) == ("0 of 2", "95.0% before training")
    assert "<dd>before training, loss 0.1400, 95.00% accuracy" in words(at)


def test_a_cell_of_the_confusion_tells_how_many_it_has_and_how_many_are_shown(visit, trained, words):
    said = run.verdict(trained)
    said["val"]["confusion"] = [[0, 9], [1, 0]]
    path = said["val"]["pictures"][0]["path"]
    one = {"path": path, "true": 0, "said": 1, "probability": 0.9, "loss": 2.0}
    said["val"]["pictures"] = [one] * 9
    (trained / run.VERDICT).write_text(json.dumps(said))
    at = fine(visit("train", run="first"))

    def chosen(row, column, of=None):
        told = {"subject": of or drawn_matrix(at)["subject"], "row": row, "column": column}
        at.session_state["confusion-val"] = {"cell": told}
        return words(fine(at.run()))

    assert "8 of 9" in chosen(0, 1)
    assert drawn_matrix(at)["chosen"] == [0, 1]
    assert "There are none." in chosen(0, 0)
    assert "these are not among them" in chosen(1, 0)
    for odd in ((0, 7), (0, "1"), (-1, 0)):
        assert "Top losses" in chosen(*odd)
    assert "Top losses" in chosen(0, 1, "of another run")


def test_recall_precision_f1_and_the_most_confused_pairs_stand_beside_the_matrix_and_losses_under_images(
    visit, trained, words
):
    said = run.verdict(trained)
    said["val"] |= {"confusion": [[3, 1], [2, 4]], "recall": [0.75, 2 / 3], "precision": [0.6, 0.8]}
    (trained / run.VERDICT).write_text(json.dumps(said))
    at = fine(visit("train", run="first"))
    head, rows = drawn_table(at, "Recall, precision and F1 of each class")
    report = {name: [row[i] for row in rows] for i, name in enumerate(head)}
    truth, guessed = [0] * 4 + [1] * 6, [0, 0, 0, 1, 0, 0, 1, 1, 1, 1]
    wanted = sklearn.metrics.precision_recall_fscore_support(truth, guessed)
    forms = {"precision": "{:.1%}", "recall": "{:.1%}", "F1": "{:.3f}", "images": "{}"}
    for (column, form), values in zip(forms.items(), wanted, strict=True):
        assert report[column] == [form.format(value) for value in values]
    head, rows = drawn_table(at, "Pairs of classes confused most")
    assert rows == [["2", "1", "2", "33.3%"], ["1", "2", "1", "25.0%"]]
    files = {button.label for button in at.get("download_button")}
    assert {"Matrix as CSV", "Classes as CSV", "Pairs as CSV"} <= files


def test_of_very_many_classes_the_matrix_has_those_with_the_most_errors_and_a_cell_leads_to_its_images(
    visit, trained, words, monkeypatch
):
    said = run.verdict(trained)
    path = said["val"]["pictures"][0]["path"]
    one = {"path": path, "true": 2, "said": 1, "probability": 0.9, "loss": 2.0}
    counts = [[9, 0, 0], [0, 5, 0], [0, 4, 5]]
    said["classes"] = ["a", "b", "c"]
    said["val"] |= {"confusion": counts, "recall": [1, 1, 0.5], "precision": [1, 0.5, 1], "pictures": [one]}
    (trained / run.VERDICT).write_text(json.dumps(said))
    monkeypatch.setattr(confusion, "WIDEST", 2)
    at = fine(visit("train", run="first"))
    drawn = drawn_matrix(at)
    assert (drawn["classes"], drawn["counts"], drawn["totals"]) == (["b", "c"], [[5, 0], [4, 5]], [5, 9])
    assert "the 2 of 3 classes with the most errors" in words(at)
    at.session_state["confusion-val"] = {"cell": {"subject": drawn["subject"], "row": 1, "column": 0}}
    assert "c, predicted b" in words(fine(at.run()))
    assert f"loss {said['val']['pictures'][0]['loss']:.2f}" in words(at)


@pytest.fixture
def photos(circles):
    """A folder of small photos in colour, beside the circles."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (circles.parent / "pets" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(circles.parent / "pets" / name / f"{i}.png")


def chosen_first(at):
    return at.selectbox(key="net").value, at.selectbox(key="recipe").value


def test_photos_begin_with_the_features_of_the_network_at_hand_and_digits_with_the_lectures(
    visit, photos, words, monkeypatch
):
    lecture, wide = ("lecture/mnist_flatten", "scratch"), ("squeezenet1_1", "features")
    at = fine(visit("train", set="pets"))
    assert chosen_first(at) == lecture
    assert "Fine-tuning" in words(at)
    assert "squeezenet1_1-b8a52dc0.pth" in words(at)
    listed = startup.rows()
    here = [dataclasses.replace(row, where="on disk") if row.key == wide[0] else row for row in listed]
    monkeypatch.setattr(startup, "rows", lambda: tuple(here))
    at = fine(visit("train", set="circles"))
    assert chosen_first(at) == lecture
    at.selectbox(key="set").set_value("pets")
    assert chosen_first(fine(at.run())) == wide
    assert not {"net", "recipe"} & set(link(at))
    assert "Fine-tuning" not in words(at)
    assert not at.error
    at.selectbox(key="set").set_value("circles")
    assert chosen_first(fine(at.run())) == lecture
    at.selectbox(key="net").set_value("lecture/mnist_gap")  # chosen: it stays
    fine(at.run())
    at.selectbox(key="set").set_value("pets")
    assert chosen_first(fine(at.run())) == ("lecture/mnist_gap", "scratch")
    assert chosen_first(fine(visit("train", **link(at)))) == ("lecture/mnist_gap", "scratch")
    augmented = fine(visit("train", set="pets", **{"plan-augment": "photos"}))
    assert chosen_first(augmented) == (wide[0], "frozen")  # features are computed once, on images as they are
    assert augmented.selectbox(key="plan-augment").value == "photos"
    own = Plan("pets", net=lecture[0], epochs=4)
    augmented.file_uploader(key="plan-upload").upload("own.json", own.json().encode(), "application/json")
    assert chosen_first(fine(augmented.run())) == lecture
    assert chosen_first(fine(augmented.run())) == lecture


def test_the_initial_weights_are_named_as_what_is_used(visit, circles):
    def named(**view):
        box = fine(visit("train", **view)).selectbox(key="begin")
        return box.options[0]

    assert named(net="lecture/mnist_gap") == "random"
    assert named(net="resnet18", recipe="frozen") == "ImageNet (pretrained)"
    assert named(net="resnet18", recipe="scratch") == "random"
    at = fine(visit("train", net="resnet18", recipe="frozen"))
    at.selectbox(key="recipe").set_value("scratch")
    assert fine(at.run()).selectbox(key="begin").options[0] == "random"


def test_a_number_that_cannot_be_disables_train_and_says_why(visit, circles, words):
    at = fine(visit("train"))
    for key, bad, good in (("epochs", 0, 3), ("batch", 5000, 8), ("rate", 11.0, 0.01), ("size", 8, 32)):
        at.number_input(key=f"plan-{key}").set_value(bad)
        fine(at.run())
        fine(at.run())
        assert at.number_input(key=f"plan-{key}").value == bad
        assert next(b for b in at.button if b.label == "Train").disabled
        assert len(at.error) == 1
        assert key in at.error[0].value
        at.number_input(key=f"plan-{key}").set_value(good)
        fine(at.run())
        assert not next(b for b in at.button if b.label == "Train").disabled


def test_one_odd_file_of_events_leaves_the_page_to_all_other_runs(visit, trained, words):
    shelf = Path(os.environ["CNNVIZ_RUNS"])
    lines = ['{"event": "resume"}', '{"event": "epoch"}', '{"event": "best"}', '{"event": "failed", "offer": 3}']
    for n, line in enumerate([*lines, "[" * 100_000, '{"event": "start", "step": 0}', '{"event": "step", "step": 1}']):
        folder = run.create(run.read(trained).plan, shelf, f"odd{n}")
        (folder / run.EVENTS).write_text(f"{line}\n")
        fine(visit("train", run=f"odd{n}"))
    at = fine(visit("train"))
    assert {row[0] for row in drawn_table(at, "The newest runs")[1]} == {"first", *(f"odd{n}" for n in range(7))}


def test_many_runs_are_listed_without_reading_them_all(visit, trained, words, monkeypatch):
    shelf = Path(os.environ["CNNVIZ_RUNS"])
    for n in range(120):
        folder = shelf / f"copy{n:03d}"
        folder.mkdir()
        shutil.copy(trained / run.PLAN, folder)
    read, real = [], run.read
    monkeypatch.setattr(run, "read", lambda folder, *how: read.append((folder.name, *how)) or real(folder, *how))
    at = fine(visit("train"))
    whole = [name for name, outline in read if not outline]
    assert len(read) <= runs.MOST + 1
    assert len(whole) <= 1  # the one whose curves are shown; of the others, no single step
    assert len(at.selectbox(key="run").options) == 121
    assert f"the newest {runs.MOST} of 121" in words(at)
    read.clear()
    fine(at.run())
    assert read == []


def test_a_run_gets_the_name_it_is_given_and_runs_are_compared_by_loss_too(visit, trained, at_once):
    at = fine(visit("train", run="first"))
    at.text_input(key="run-name").set_value("My second run!")
    at.selectbox(key="net").set_value("lecture/mnist_gap")
    at.number_input(key="plan-epochs").set_value(1)
    at.number_input(key="plan-size").set_value(32)
    fine(at.run())
    press(at, "Train")
    assert run.read(Path(os.environ["CNNVIZ_RUNS"]) / "my-second-run").state == "finished"
    assert at.selectbox(key="run").value == "my-second-run"
    assert at.text_input(key="run-name").value == ""
    specs = [json.dumps(str(chart.proto)) for chart in at.get("echarts_chart")]
    for what in ("validation loss", "validation accuracy"):
        assert any(what in spec for spec in specs)


def test_a_run_is_deleted_once_confirmed(visit, trained):
    at = visit("train", run="first")
    at.button(key="delete-run").click()
    fine(at.run())
    assert not trained.exists()


def test_the_widgets_spell_a_plan_and_impossible_ones_cannot_be_chosen(visit, circles):
    at = fine(visit("train"))
    assert at.selectbox(key="recipe").options == ["From scratch"]
    at.selectbox(key="net").set_value("squeezenet1_1")
    fine(at.run())
    assert len(at.selectbox(key="recipe").options) == 5
    at.selectbox(key="recipe").set_value("features")
    fine(at.run())
    assert "plan-augment" not in {s.key for s in at.selectbox}


@pytest.fixture
def at_once(monkeypatch):
    """What a process of its own would do is done here, before the page goes on."""

    def spawn(folder, *extra):
        with contextlib.suppress(RequestError):
            fit(folder, finding="--find-rate" in extra)
        return SimpleNamespace(pid=NONE, stdin=None, poll=lambda: 0, wait=lambda: 0)

    monkeypatch.setattr(run, "spawn", spawn)


def press(at, label):
    next(b for b in at.button if b.label == label).click()
    return fine(at.run())


def test_stage_by_stage_the_head_is_fitted_all_is_unfrozen_a_rate_is_found_and_it_goes_on(
    visit, trained, at_once, words
):
    shelf = Path(os.environ["CNNVIZ_RUNS"])
    augment = Augment(flip=True)
    first = run.read(trained).plan.but(start="run/first@best", recipe="frozen", rate=0.004, augment=augment, epochs=1)
    fit(run.create(first, shelf, "head"))

    at = press(visit("train", run="head"), "Unfreeze and continue")
    assert "The next stage of run/head@best" in words(at)
    spelt = {w.key: w.value for w in [*at.selectbox, *at.number_input, *at.toggle]}
    wanted = {
        "set": "circles", "net": "lecture/mnist_gap", "begin": "run/head@best", "recipe": "full", "plan-rate": 0.0004,
        "plan-backbone_rate": 0.1, "plan-size": 32, "plan-batch": 8, "plan-batch_norm": True,
        "plan-augment": plan_form.OWN,
    }  # fmt: skip
    assert {key: spelt[key] for key in wanted} == wanted

    press(at, "Learning rate finder")
    fine(at.run())
    _, suggestion, why = at.session_state["_rate_curve"]
    assert suggestion is not None, why
    assert 1e-6 < suggestion < 1
    assert feedback.minus(f"{suggestion:.1e}") in words(at)
    assert not list(shelf.glob(".trial-*"))  # nothing is left of the search
    press(at, f"Use {suggestion:.1e}")
    assert at.number_input(key="plan-rate").value == suggestion

    at.number_input(key="plan-epochs").set_value(2)
    fine(at.run())
    press(at, "Train")
    done = run.read(run.folders(shelf)[0])
    assert done.state == "finished"
    assert (done.plan.start, done.plan.recipe, done.plan.rate) == ("run/head@best", "full", suggestion)
    assert (done.plan.backbone_rate, done.plan.augment) == (0.1, augment)
    assert done.last("start")["trainable"] == done.last("start")["parameters"]


def test_the_plan_stays_while_other_pages_are_looked_at_and_a_runs_own_comes_back(visit, trained):
    at = visit("train", run="first")
    at.number_input(key="plan-epochs").set_value(77)
    fine(at.run())
    at.switch_page("pages/gabor.py")
    at.run()
    at.switch_page("pages/train.py")
    assert fine(at.run()).number_input(key="plan-epochs").value == 77
    press(at, "Use its plan")
    assert at.number_input(key="plan-epochs").value == 2
    assert at.selectbox(key="begin").value == ""


def link(at):
    return {name: value[-1] if isinstance(value, list) else value for name, value in at.query_params.items()}


def test_the_plan_stands_in_the_link_and_is_there_again_after_a_reload(visit, circles, monkeypatch):
    at = fine(visit("train"))
    assert link(at) == {"model": link(at)["model"], "set": "circles"}
    own = Plan(
        str(circles), net="lecture/mnist_gap", epochs=4, rate=0.25, size=48, pooling="gap", channels=1, batch_norm=True,
        smoothing=0.1, single_logit=False, share=0.3, augment=Augment(rotate=9, flip=True),
    )  # fmt: skip
    at.file_uploader(key="plan-upload").upload("own.json", own.json().encode(), "application/json")
    fine(at.run())
    again = fine(visit("train", **link(at)))
    spelt = {w.key: w.value for w in [*at.selectbox, *at.number_input, *at.toggle, *at.slider]}
    assert spelt == {w.key: w.value for w in [*again.selectbox, *again.number_input, *again.toggle, *again.slider]}
    assert (spelt["plan-rate"], spelt["plan-size"], spelt["plan-augment"]) == (0.25, 48, plan_form.OWN)
    assert link(again) == link(at)
    begun = []
    monkeypatch.setattr(runs, "begin", lambda wanted, name: begun.append(wanted) or "first")
    press(again, "Train")
    assert begun == [own.but(threads=begun[0].threads)]

    again.number_input(key="plan-size").set_value(None)
    again.number_input(key="plan-epochs").set_value(10)
    assert not {"plan-size", "plan-epochs"} & set(link(fine(again.run())))
    bad = {"plan-rate": "nan", "plan-channels": "2", "plan-own": "[1]", "plan-epochs": "0", "plan-size": "big"}
    broken = fine(visit("train", **bad))
    assert broken.number_input(key="plan-epochs").value == 10
    assert not set(bad) & set(link(broken))


def test_switches_left_to_the_net_say_so(visit, circles):
    at = fine(visit("train"))
    assert {at.selectbox(key=f"plan-{key}").proto.placeholder for key in ("pooling", "channels")} == {
        "the network’s own"
    }


def test_the_link_names_its_data_set_though_another_may_be_first_tomorrow(visit, circles):
    assert link(fine(visit("train")))["set"] == "circles"


def test_a_ready_made_plan_and_a_file_fill_the_widgets_and_a_bad_one_is_a_sentence(visit, circles, words):
    at = fine(visit("train"))
    at.selectbox(key="plan-ready").set_value("mnist_gap")
    fine(at.run())
    ready = plans.read(places.PLANS / "mnist_gap.json")
    assert at.selectbox(key="net").value == ready.net
    assert at.number_input(key="plan-epochs").value == ready.epochs
    assert at.number_input(key="plan-rate").value == ready.rate
    assert "mnist_10k is not here" in words(at)
    own = Plan(str(circles), net="squeezenet1_1", recipe="partial", last=3, epochs=4, augment=Augment(rotate=9))
    at.file_uploader(key="plan-upload").upload("own.json", own.json().encode(), "application/json")
    fine(at.run())
    assert (at.selectbox(key="recipe").value, at.number_input(key="plan-last").value) == ("partial", 3)
    assert at.selectbox(key="plan-augment").value == plan_form.OWN
    assert not at.error
    at.file_uploader(key="plan-upload").upload("bad.json", b"{", "application/json")
    fine(at.run())
    assert "bad.json is no JSON" in words(at)
    assert at.number_input(key="plan-epochs").value == 4


def test_the_layers_are_counted_once_they_are_asked_for(visit, circles, words):
    at = fine(visit("train", net="resnet18", recipe="partial"))
    assert not any("mult-adds" in frame.value.columns for frame in at.dataframe)
    at.session_state["layers-open"] = True
    fine(at.run())
    table = next(frame.value for frame in at.dataframe if "mult-adds" in frame.value.columns)
    assert {"layer", "kind", "output", "parameters", "mult-adds", "trainable", "memory"} == set(table.columns)
    learning = table[table["trainable"] == "yes"]["layer"]
    assert all(name.startswith(("layer4", "fc")) for name in learning)
    assert "11,177,025" in words(at)
    assert "8,394,241" in words(at)


def test_a_runs_folder_that_cannot_be_written_is_one_sentence_and_the_plan_stays(visit, circles, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNVIZ_RUNS", str(tmp_path / "file" / "runs"))
    at = visit("train")
    at.number_input(key="plan-epochs").set_value(3)
    fine(at.run())
    for label in ("Train", "Learning rate finder"):
        press(at, label)
        assert [e.value for e in at.error if "CNNVIZ\\_RUNS" in e.value]
        assert len(at.error) == 1
        assert at.number_input(key="plan-epochs").value == 3


def test_a_full_disk_and_a_run_gone_and_too_large_a_batch_are_one_sentence_each(visit, trained, words, monkeypatch):
    at = fine(visit("train", run="first"))
    assert not at.error
    log = run.Log(trained)
    log("failed", message="The GPU has too little memory for batches of 8; try 4.", offer={"batch": 4})
    press(fine(at.run()), "Use batch size 4")
    assert at.number_input(key="plan-batch").value == 4
    log("start", step=0, steps=4, trainable=1, parameters=1, device="CPU")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    fine(at.run())
    assert len(at.error) == 1
    assert "disk with the runs is full" in words(at)
    run.delete(trained)
    fine(at.run())
    assert "first" not in words(at)


@pytest.mark.timeout(180)
def test_kill_9_of_the_training_process_is_one_sentence_and_resuming_loses_at_most_what_was_not_saved(visit, circles):
    at = visit("train")
    at.selectbox(key="net").set_value("lecture/mnist_gap")
    at.number_input(key="plan-epochs").set_value(1000)
    fine(at.run())
    press(at, "Train")
    name = at.selectbox(key="run").value
    folder = run.find(name, os.environ["CNNVIZ_RUNS"])
    limit = time.monotonic() + 100
    while not run.read(folder).of("saved") and time.monotonic() < limit:
        time.sleep(0.1)
    again = fine(visit("train", run=name))  # another visitor, or the same after a reload
    assert again.button(key=f"stop-{name}")
    with pytest.raises(RequestError, match="still training"):
        run.delete(folder)

    os.kill(run.read(folder).last("start")["pid"], signal.SIGKILL)
    while run.alive(folder) or runs.spawned(name):
        time.sleep(0.05)
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "step", "st')  # a line that the crash broke off
    fine(again.run())
    before = run.read(folder)
    assert before.state == "interrupted"
    saved = torch.load(folder / "resume.pt", weights_only=True)["progress"]["step"]
    said = next(e.value for e in again.error).replace("\\", "")
    assert "ended unexpectedly" in said
    assert f"Resume continues from step {saved:,}." in said
    assert again.button(key=f"go-{name}").label == "Resume"
    assert load.load(f"run/{name}@best", runs=folder.parent)

    events = []
    fit(folder, heard=lambda kind, v: (events.append((kind, v)), run.stop(folder) if kind == "step" else None))
    kind, values = next(e for e in events if e[0] in ("start", "resume"))
    assert (kind, values["step"]) == ("resume", saved)
    after = run.read(folder)
    assert after.state == "stopped"
    steps, epochs = ([e[k] for e in after.of(k)] for k in ("step", "epoch"))
    assert steps == sorted(steps)
    assert epochs == sorted(set(epochs))


def test_a_run_is_resumed_while_the_process_that_was_stopped_still_exits(circles, monkeypatch):
    monkeypatch.setattr(
        run, "spawn", lambda folder, *extra: SimpleNamespace(pid=NONE, stdin=None, poll=lambda: None, wait=lambda: 0)
    )
    name = runs.begin(Plan(str(circles), net="lecture/mnist_gap"))
    with pytest.raises(RequestError, match="training already"):
        runs.go_on(name)
    run.Log(run.find(name, os.environ["CNNVIZ_RUNS"]))("stopped")
    runs.go_on(name)
    with pytest.raises(RequestError, match="training already"):  # the new process has not written yet
        runs.go_on(name)
    del runs._processes[name]


def test_a_run_is_renamed_unless_another_one_began_with_its_weights(visit, trained, words, circles):
    at = visit("train")
    at.text_input(key="rename-first").set_value("Two circles, GAP").run()
    at.button(key="rename-run").click()
    fine(at.run())
    assert [folder.name for folder in run.folders(os.environ["CNNVIZ_RUNS"])] == ["two-circles-gap"]
    assert at.session_state["run"] == "two-circles-gap"
    assert "run/two-circles-gap@best" in words(at)
    plan = Plan(str(circles), net="lecture/mnist_gap", size=32, batch_norm=True, start="run/two-circles-gap@best")
    run.create(plan, os.environ["CNNVIZ_RUNS"], "later")
    with pytest.raises(RequestError, match="later began with the weights"):
        runs.rename("two-circles-gap", "third")
    at.text_input(key="rename-two-circles-gap").set_value("later").run()
    at.button(key="rename-run").click()
    assert "later began with the weights" in fine(at.run()).error[0].value
    for name, why in (("", "no name"), ("two-circles-gap", "already a run")):
        with pytest.raises(RequestError, match=why):
            runs.rename("later", name)
    assert runs.rename("later", "../../out") == "out"
    assert {folder.parent for folder in run.folders(os.environ["CNNVIZ_RUNS"])} == {Path(os.environ["CNNVIZ_RUNS"])}


@pytest.mark.skipif(sys.platform == "win32", reason="has no such priorities")
def test_a_training_stands_back_behind_the_server(tmp_path, monkeypatch):
    def spawn(_folder):
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.setattr(run, "spawn", spawn)
    runs._start(folder)
    process = runs._processes.pop("new")
    assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    process.communicate(b"go")
