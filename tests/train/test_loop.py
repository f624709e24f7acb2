"""Training leaves a run that loads everywhere, repeats itself, and loses nothing to a kill or a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cnnviz.cli import train
from cnnviz.cli.main import main
from cnnviz.data.augment import Augment
from cnnviz.models import load
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.train import checkpoints, module, run
from cnnviz.train import loop as fitting
from cnnviz.train.loop import fit


def trained(plan, runs, name=None):
    folder = run.create(plan, runs, name)
    fit(folder)
    return run.read(folder)


def same(one, other) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture
def spoken(monkeypatch):
    """Every step is told and looks whether to stop."""
    monkeypatch.setattr(module, "SPOKEN", 0.0)


@pytest.fixture
def remembering(monkeypatch):
    """A function: pictures are decoded once only where they fit in so many bytes."""
    from cnnviz.data.loader import Pictures

    defaults = Pictures.__init__.__kwdefaults__
    return lambda memory: monkeypatch.setattr(Pictures.__init__, "__kwdefaults__", defaults | {"memory": memory})


def test_a_single_picture_left_over_is_nothing_to_normalise_by(plan, tmp_path):
    done = trained(plan.but(batch=7, head_norm=True, epochs=1), tmp_path)  # 36 pictures
    assert (done.state, done.last("epoch")["step"]) == ("finished", 6)


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


def test_a_run_stopped_in_its_very_last_step_is_judged_when_it_goes_on(plan, tmp_path, spoken):
    folder = run.create(plan.but(epochs=1), tmp_path)
    state = fit(folder, heard=lambda kind, v: run.stop(folder) if (kind, v.get("step")) == ("step", 5) else None)
    assert (state, run.verdict(folder)) == ("stopped", None)
    assert fit(folder) == "finished"
    assert run.verdict(folder)["val"]["images"] == 12


@pytest.fixture
def listening():
    """Signals as a terminal has them: what runs in the background of a script may have been told to ignore them."""
    before = [signal.getsignal(number) for number in fitting.ENDING]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(fitting.ENDING, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_which_saves_says_so_and_goes_on(circles, tmp_path, spoken, monkeypatch, capsys, number):
    handlers = [signal.getsignal(number) for number in fitting.ENDING]
    asked = ["train", circles, "--net", "lecture/mnist_gap", "--size", 32, "--epochs", 2, "--batch", 8, "--threads", 1]

    def ended(kind, values):
        if (kind, values.get("step")) == ("step", 7):
            os.kill(os.getpid(), number)

    with monkeypatch.context() as ending:
        ending.setattr(train, "_quiet", ended)
        assert main([str(word) for word in (*asked, "--out", tmp_path, "--name", "ended", "--json")]) == 130
    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["step"]) == ("stopped", 5)
    ended = run.read(tmp_path / "ended")
    assert (ended.state, ended.last("saved")["step"]) == ("stopped", ended.last("step")["step"])
    assert [signal.getsignal(number) for number in fitting.ENDING] == handlers
    assert main(["train", str(tmp_path / "ended"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 10


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


@pytest.mark.usefixtures("listening")
def test_a_search_for_a_rate_that_is_stopped_says_so(circles, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "_speak", lambda kind, _: kind == "rate" and signal.raise_signal(signal.SIGINT))
    asked = ["train", circles, "--net", "lecture/mnist_gap", "--size", 32, "--out", tmp_path, "--find-rate"]
    assert main([str(word) for word in asked]) == 130
    assert capsys.readouterr().out == "stopped before a rate was found\n"


def test_a_search_for_a_rate_of_a_run_leaves_the_run_as_it_is(plan, tmp_path, capsys):
    folder = run.create(plan, tmp_path)
    assert main(["train", str(folder), "--find-rate"]) == 0
    assert capsys.readouterr().out.startswith("rate 0.")
    assert run.read(folder).events == ()


@pytest.mark.timeout(120)
def test_a_stop_asked_while_the_process_is_starting_is_heard(plan, tmp_path):
    folder = run.create(plan.but(epochs=1000), tmp_path)
    process = run.spawn(folder)
    run.stop(folder)
    assert process.wait(60) == 130
    process.stdin.close()
    done = run.read(folder)
    assert (done.state, done.of("epoch"), (folder / run.STOP).exists()) == ("stopped", [], False)


def test_a_stop_asked_of_a_process_long_gone_is_forgotten(plan, tmp_path, capsys):
    folder = run.create(plan.but(epochs=1), tmp_path)
    run.stop(folder)
    assert main(["train", str(folder)]) == 0
    assert "finished" in capsys.readouterr().out


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
    with full_disk(100_000), pytest.raises(RequestError, match="free some space, then go on") as caught:
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
    assert told == ["The disk is full, free some space: training goes on, but resume.pt was not kept."]
    assert load.load(f"run/{folder.name}@best", runs=tmp_path)


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["decoded once", "decoded as needed"])
def test_a_corrupt_picture_costs_that_picture_alone(circles, plan, tmp_path, memory, remembering):
    remembering(memory)
    data = shutil.copytree(circles, tmp_path / "data")
    next((data / "train" / "1").iterdir()).write_bytes(b"\x89PNG\r\n")
    done = trained(plan.but(data=str(data), epochs=2), tmp_path / "runs")
    assert done.state == "finished"
    assert len(done.of("unreadable")) == 1
    assert ".png" in done.last("unreadable")["message"]


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
    assert {e["path"] for e in done.of("unreadable")} == {cut.name, gone.name, unseen.name, val.name}
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


def test_decoding_once_or_as_needed_trains_the_same(plan, tmp_path, remembering):
    once = trained(plan.but(epochs=1), tmp_path, "once")
    remembering(0)
    each = trained(plan.but(epochs=1), tmp_path, "each")
    assert same(once.folder / "best.safetensors", each.folder / "best.safetensors")


def test_features_are_computed_once_and_only_the_head_learns(plan, tmp_path):
    first = trained(plan.but(dropout=0.0, hidden=8), tmp_path, "first")
    second = trained(
        plan.but(recipe="features", start="run/first@best", hidden=8, dropout=0.0, epochs=5), tmp_path, "second"
    )
    assert second.state == "finished"
    a, b = load_file(first.folder / "best.safetensors"), load_file(second.folder / "best.safetensors")
    changed = {key for key in a if not torch.equal(a[key], b[key])}
    assert changed
    assert all(key.startswith(("hidden", "out")) for key in changed)
    assert run.verdict(second.folder)["val"]["accuracy"] == pytest.approx(second.last("best")["accuracy"])


def test_what_rests_keeps_its_statistics(plan, tmp_path):
    trained(plan, tmp_path, "first")
    second = trained(plan.but(recipe="frozen", start="run/first@best", epochs=1), tmp_path, "second")
    a = load_file(tmp_path / "first" / "best.safetensors")
    b = load_file(second.folder / "snapshots" / "5.safetensors")
    assert all(torch.equal(a[key], b[key]) for key in a if key.startswith(("conv", "bn")))


def test_small_pictures_first_then_larger_ones(plan, tmp_path):
    trained(plan, tmp_path, "small")
    large = trained(plan.but(start="run/small@best", size=40, epochs=1), tmp_path, "large")
    small, large = (load.load(f"run/{name}@best", runs=tmp_path).preprocess for name in ("small", large.id))
    assert (small.size, large.size) == ((1, 32, 32), (1, 40, 40))
    assert (small.mean, small.std) == (large.mean, large.std)


def test_early_stopping_class_weights_smoothing_and_the_other_optimizers(plan, tmp_path):
    early = trained(plan.but(epochs=50, rate=1e-7, patience=2, schedule="constant"), tmp_path, "early")
    assert early.state == "finished"
    assert len(early.of("epoch")) < 50
    for optimizer in ("sgd", "rmsprop"):
        values = {"optimizer": optimizer, "schedule": "cosine", "class_weights": True, "smoothing": 0.1, "epochs": 1}
        assert trained(plan.but(**values), tmp_path, optimizer).state == "finished"
    three = plan.but(epochs=1, single_logit=False, class_weights=True)
    assert trained(three, tmp_path, "two-logits").state == "finished"


def test_a_rate_too_high_and_a_missing_folder_fail_in_one_sentence(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnviz.train.evaluate.Loss.__call__", lambda _, logits, __: logits.sum() * float("nan"))
    with pytest.raises(RequestError, match="lower rate"):
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


@pytest.mark.timeout(180)
def test_the_command_line_trains_one_net_in_two_processes(circles, tmp_path):
    command = [sys.executable, "-m", "cnnviz", "train", str(circles), "--net", "lecture/mnist_gap", "--size", "32"]
    options = ["--epochs", "1", "--batch", "7", "--flip", "--threads", "1", "--device", "cpu", "--devices", "2"]
    where = ["--out", str(tmp_path), "--name", "two", "--json"]
    out = subprocess.run([*command, *options, *where], capture_output=True, text=True, check=True)
    document = json.loads(out.stdout)
    assert (document["key"], document["state"]) == ("run/two@best", "finished")
    done = run.read(tmp_path / "two")
    assert done.plan.augment == Augment(flip=True)
    assert done.last("epoch")["step"] == done.last("start")["per_epoch"] == 5  # the 36th picture is left out
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["two"]


def test_pictures_of_any_size_train_and_gray_ones_become_colour(tmp_path, rng, plan):
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(6):
            shape = tuple(rng.integers(20, 90, 2))
            Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(tmp_path / "data" / label / f"{i}.jpg")
    for kind in ("crop", "squash"):
        done = trained(plan.but(data=str(tmp_path / "data"), fit=kind, channels=3, epochs=1), tmp_path, kind)
        assert done.state == "finished"


def test_lightning_is_silent_and_nothing_is_left_in_the_run(plan, tmp_path, capsys):
    done = trained(plan.but(epochs=1), tmp_path)
    assert capsys.readouterr().out == ""
    assert {p.name for p in done.folder.iterdir()} == {
        "plan.json", "events.jsonl", "alive", "snapshots", "best.safetensors", "card.json", "resume.pt", "verdict.json",
    }  # fmt: skip
    assert fitting.__doc__
