"""Training leaves a run that loads everywhere, repeats itself, and loses nothing to a kill or a full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
import torch

from cnnviz.data.augment import Augment
from cnnviz.models import load
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.train import checkpoints, module, run
from cnnviz.train import loop as fitting
from cnnviz.train.loop import fit
from tests.train.runs import same, trained


def test_a_run_is_a_directory_that_tells_everything(plan, tmp_path, spoken):
    done = trained(plan, tmp_path)
    assert done.state == "finished"
    assert [e["step"] for e in done.of("step")] == list(range(1, 16))
    assert [e["epoch"] for e in done.of("epoch")] == [1, 2, 3]
    start = done.last("start")
    assert (start["train"], start["val"], start["classes"], start["per_epoch"]) == (36, 12, ["1", "2"], 5)
    snapshots = sorted(int(p.stem) for p in (done.folder / "snapshots").iterdir())
    assert snapshots == [0, 1, 2, 6, 15]
    for step in ("best", "last", "0", "6"):
        model = load.load(f"run/{done.id}@{step}", runs=tmp_path)
        assert model.labels == ("1", "2")
        assert model.single_logit
    assert {"title", "net", "labels", "single_logit", "preprocess", "data", "recipe", "seed", "accuracy"} <= set(
        json.loads((done.folder / "card.json").read_text())
    )
    said = run.verdict(done.folder)["val"]
    assert sum(map(sum, said["confusion"])) == said["images"] == 12
    assert said["accuracy"] == pytest.approx(done.last("best")["accuracy"])
    assert said["pictures"][0]["loss"] == max(p["loss"] for p in said["pictures"])


def test_the_engine_sees_what_training_saw(plan, tmp_path):
    from cnnviz.runtime.engine import Engine

    done = trained(plan.but(epochs=1), tmp_path)
    engine = Engine(runs=tmp_path)
    said = run.verdict(done.folder)
    for picture in said["val"]["pictures"]:
        first = engine.predict(f"run/{done.id}@best", Photo.open(f"{said['root']}/{picture['path']}"), top=1)[0]
        assert (first.index, first.probability) == (picture["said"], pytest.approx(picture["probability"], abs=1e-4))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(plan, tmp_path):
    plan = plan.but(epochs=1, augment=Augment(rotate=20, flip=True))
    a, b, c = (trained(plan.but(seed=seed), tmp_path, name) for seed, name in ((1, "a"), (1, "b"), (2, "c")))
    assert same(a.folder / "best.safetensors", b.folder / "best.safetensors")
    assert not same(a.folder / "best.safetensors", c.folder / "best.safetensors")


def test_a_run_stopped_on_the_way_goes_on_to_the_very_weights_of_one_that_was_not(plan, tmp_path, spoken, monkeypatch):
    plan = plan.but(augment=Augment(shift=0.1, flip=True))
    whole = trained(plan, tmp_path, "whole")
    folder = run.create(plan, tmp_path, "halves")
    fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "step" and v["step"] == 7 else None)
    half = run.read(folder)
    assert half.state == "stopped"
    assert 7 <= half.last("step")["step"] <= 8
    fit(folder)
    both = run.read(folder)
    assert both.state == "finished"
    assert [e["epoch"] for e in both.of("epoch")] == [1, 2, 3]
    for key in ("train_loss", "valid_loss", "accuracy"):
        assert [e[key] for e in both.of("epoch")] == pytest.approx([e[key] for e in whole.of("epoch")], abs=2e-6)
    assert same(folder / "snapshots" / "15.safetensors", whole.folder / "snapshots" / "15.safetensors")
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")


def test_a_finished_run_stays_as_it_is_however_often_it_is_gone_on_with(plan, tmp_path):
    done = trained(plan.but(epochs=1), tmp_path)
    assert fit(done.folder) == "finished"
    assert run.read(done.folder) == done


def test_a_run_stopped_in_its_very_last_step_is_judged_when_it_goes_on(plan, tmp_path, spoken):
    folder = run.create(plan.but(epochs=1), tmp_path)
    state = fit(folder, heard=lambda kind, v: run.stop(folder) if (kind, v.get("step")) == ("step", 5) else None)
    assert (state, run.verdict(folder)) == ("stopped", None)
    assert fit(folder) == "finished"
    assert run.verdict(folder)["val"]["images"] == 12


@pytest.mark.usefixtures("listening")
def test_a_second_signal_waits_for_nothing(plan, tmp_path, monkeypatch):
    def endless(_):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    folder = run.create(plan.but(epochs=1), tmp_path)
    monkeypatch.setattr(checkpoints.Keeper, "judge", endless)
    with pytest.raises(KeyboardInterrupt):
        fit(folder)
    assert run.read(folder).state == "stopped"


@pytest.mark.timeout(120)
def test_a_stop_asked_while_the_process_is_starting_is_heard(plan, tmp_path):
    folder = run.create(plan.but(epochs=1000), tmp_path)
    process = run.spawn(folder)
    run.stop(folder)
    assert process.wait(60) == 130
    process.stdin.close()
    done = run.read(folder)
    assert (done.state, done.of("epoch"), (folder / run.STOP).exists()) == ("stopped", [], False)


def test_pictures_that_break_or_vanish_in_the_middle_of_an_epoch_cost_themselves_alone(
    circles, plan, tmp_path, remembering, spoken
):
    remembering(0)  # decoded as needed, so that the epoch meets what happens to the files
    data = shutil.copytree(circles, tmp_path / "data")
    cut, gone, unseen = sorted((data / "train" / "2").iterdir())[:3]
    val = next((data / "val" / "1").iterdir())
    folder = run.create(plan.but(data=str(data), epochs=3), tmp_path, "broken")

    def heard(kind, values):
        if kind == "step" and values["step"] == 7:  # of the second epoch's five
            cut.write_bytes(cut.read_bytes()[:60])
            val.write_bytes(b"no picture")
            gone.unlink()
            unseen.unlink()
            unseen.mkdir()

    assert fit(folder, heard=heard) == "finished"
    done = run.read(folder)
    assert [e["epoch"] for e in done.of("epoch")] == [1, 2, 3]
    broken = {str(path.relative_to(data)) for path in (cut, gone, unseen, val)}  # of two classes the names may be alike
    assert {e["path"] for e in done.of("unreadable")} == broken
    assert all(e["path"] in e["message"] for e in done.of("unreadable"))
    assert all("\n" not in e["message"] for e in done.of("unreadable"))
    assert run.verdict(folder)["val"]["images"] == 11


def test_a_data_set_that_goes_away_ends_the_run_in_one_sentence_and_it_goes_on_once_it_is_back(
    circles, plan, tmp_path, remembering
):
    remembering(0)
    data = shutil.copytree(circles, tmp_path / "data")
    folder = run.create(plan.but(data=str(data)), tmp_path, "unplugged")

    def heard(kind, values):
        if kind == "epoch" and values["epoch"] == 1:
            data.rename(tmp_path / "away")

    with pytest.raises(RequestError, match="bring them back"):
        fit(folder, heard=heard)
    assert run.read(folder).state == "failed"
    assert load.load("run/unplugged@best", runs=tmp_path)
    (tmp_path / "away").rename(data)
    assert fit(folder) == "finished"
    done = run.read(folder)
    assert [e["epoch"] for e in done.of("epoch")] == [1, 2, 3]
    assert all(e["valid_loss"] > 0 for e in done.of("epoch"))


def test_a_run_whose_folder_is_taken_away_ends(plan, tmp_path, spoken):
    folder = run.create(plan.but(epochs=1000), tmp_path, "taken")
    state = fit(folder, heard=lambda kind, v: shutil.rmtree(folder) if (kind, v.get("step")) == ("step", 12) else None)
    assert state == "stopped"
    assert not list(tmp_path.glob("taken/**/*.safetensors"))


def test_a_rate_too_high_and_a_missing_folder_fail_in_one_sentence(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnviz.train.evaluate.Loss.__call__", lambda _, logits, __: logits.sum() * float("nan"))
    with pytest.raises(RequestError, match="learning rate below"):
        trained(
            plan.but(rate=10.0, optimizer="sgd", schedule="constant", epochs=40, batch_norm=False), tmp_path, "high"
        )
    assert run.read(tmp_path / "high").state == "failed"
    with pytest.raises(RequestError, match="no folder"):
        trained(plan.but(data="/nowhere"), tmp_path, "nowhere")


def test_gpu_out_of_memory_offers_a_smaller_batch(plan, tmp_path, monkeypatch):
    def crowded(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module.Fitting, "training_step", crowded)
    with pytest.raises(RequestError, match="try 4"):
        trained(plan, tmp_path, "crowded")
    assert run.read(tmp_path / "crowded").last("failed")["offer"] == {"batch": 4}


def test_a_rate_is_found(plan, tmp_path):
    folder = run.create(plan.but(batch=16), tmp_path)
    fit(folder, finding=True)
    done = run.read(folder)
    assert 1e-5 < done.last("finished")["suggestion"] < 1
    assert len(done.of("rate")) > 20
    assert not (folder / "snapshots").exists()


def test_one_run_at_a_time_the_next_one_waits_in_line(plan, tmp_path):
    folder = run.create(plan.but(epochs=1), tmp_path)
    seen = []
    with run.turn(tmp_path, "cpu", lambda: False):
        state = fit(folder, heard=lambda kind, _: (seen.append(kind), run.stop(folder)))
    assert (state, seen) == ("stopped", ["queued", "stopped"])
    assert fit(folder) == "finished"


def test_lightning_is_silent_and_nothing_is_left_in_the_run(plan, tmp_path, capsys):
    done = trained(plan.but(epochs=1), tmp_path)
    assert capsys.readouterr().out == ""
    assert {p.name for p in done.folder.iterdir()} == {
        "plan.json", "events.jsonl", "alive", "snapshots", "best.safetensors", "card.json", "resume.pt", "verdict.json",
        "metrics.csv",
        "data.json",
    }  # fmt: skip
    assert fitting.__doc__


@pytest.mark.parametrize(("size", "fit_"), [(28, "crop"), (64, "pad"), (96, "squash"), (150, "crop"), (224, "crop")])
def test_a_runs_results_are_those_of_evaluate_to_the_last_digit(plan, tmp_path, rng, size, fit_):
    from cnnviz.runtime.engine import Engine
    from tests.data.test_decode import scene, stripes

    data = tmp_path / "data"
    for split, count in (("train", 6), ("val", 5)):
        for label, draw in (("a", scene), ("b", stripes)):
            (data / split / label).mkdir(parents=True)
            for i in range(count):
                width, height = (int(n) for n in rng.integers(150, 500, 2))
                draw(width, height).save(data / split / label / f"{i}.{('jpg', 'png', 'webp')[i % 3]}")
    scene(4000, 3000).save(data / "val" / "a" / "camera.jpg", quality=85)
    net = "lecture/cats_gap" if size > 28 else plan.net
    change = {"data": str(data), "net": net, "size": size, "fit": fit_, "epochs": 1, "channels": 3}
    done = trained(plan.but(**change), tmp_path)
    said = run.verdict(done.folder)["val"]
    found = Engine(runs=tmp_path).evaluate(f"run/{done.id}@best", data)
    assert found.images == said["images"] == 11
    assert (found.accuracy, found.loss) == (said["accuracy"], said["loss"])
    assert [list(row) for row in found.confusion] == said["confusion"]
