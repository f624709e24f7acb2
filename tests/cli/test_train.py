"""Training from the command line: stopped by a signal, found a rate, spread over processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cnnviz.cli import train
from cnnviz.cli.main import main
from cnnviz.data.augment import Augment
from cnnviz.train import loop as fitting
from cnnviz.train import run
from cnnviz.train.plan import Plan


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


def test_a_head_that_is_solved_is_said_to_be_and_has_no_epochs(circles, capsys):
    runs = Path(os.environ["CNNVIZ_RUNS"])
    first = Plan(str(circles), net="lecture/mnist_gap", recipe="scratch", size=32, epochs=1, batch=8, threads=1)
    fitting.fit(run.create(first, runs, "first"))
    folder = run.create(first.but(recipe="features", start="run/first@best"), runs, "solved")
    assert main(["train", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "epoch" not in said
    assert "step" not in said
    head, row = next(pair for pair in itertools.pairwise(said.splitlines()) if pair[1].startswith("solved "))
    assert head.split()[:3] == ["head", "train", "loss"]
    done = run.read(folder).last("epoch")
    assert row.split()[1:3] == [f"{done['train_loss']:.4f}", f"{done['valid_loss']:.4f}"]
    assert row.index(row.split()[1]) + len(row.split()[1]) == head.index("train loss") + len("train loss")
    assert f"solved: {done['accuracy']:.2%} on val" in said


@pytest.mark.usefixtures("listening")
def test_a_search_for_a_rate_that_is_stopped_says_so(circles, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        train, "_speaker", lambda: lambda kind, _: kind == "rate" and signal.raise_signal(signal.SIGINT)
    )
    asked = ["train", circles, "--net", "lecture/mnist_gap", "--size", 32, "--out", tmp_path, "--find-rate"]
    assert main([str(word) for word in asked]) == 130
    assert capsys.readouterr().out == "stopped before a learning rate was found\n"
    assert not list(tmp_path.glob(".trial-*"))


def test_a_search_for_a_rate_of_a_run_leaves_the_run_as_it_is(plan, tmp_path, capsys):
    folder = run.create(plan, tmp_path)
    assert main(["train", str(folder), "--find-rate"]) == 0
    assert capsys.readouterr().out.startswith("rate 0.")
    assert run.read(folder).events == ()
    assert [p for p in tmp_path.iterdir() if p.is_dir()] == [folder]


def test_a_search_in_a_folder_made_for_it_is_done_there(plan, tmp_path, capsys):
    folder = run.trial(plan, tmp_path)
    assert main(["train", str(folder), "--find-rate"]) == 0
    assert run.read(folder).last("finished")["suggestion"] == float(capsys.readouterr().out.split()[1])
    assert [p for p in tmp_path.iterdir() if p.is_dir()] == [folder]


def test_a_stop_asked_of_a_process_long_gone_is_forgotten(plan, tmp_path, capsys):
    folder = run.create(plan.but(epochs=1), tmp_path)
    run.stop(folder)
    assert main(["train", str(folder)]) == 0
    assert "finished" in capsys.readouterr().out


def test_a_finished_run_gets_more_epochs_and_no_other_option(plan, tmp_path, capsys):
    folder = run.create(plan.but(epochs=1), tmp_path, "one")
    assert main(["train", str(folder)]) == 0
    assert main(["train", str(folder), "--epochs", "2"]) == 0
    assert [e["epoch"] for e in run.read(folder).of("epoch")] == [1, 2]
    capsys.readouterr()
    for options in (["--epochs", "2"], ["--epochs", "3", "--rate", "1e-2"], ["--epochs", "3", "--find-rate"]):
        assert main(["train", str(folder), *options]) == 2
        assert "epochs" in capsys.readouterr().err
    assert run.read(folder).plan.epochs == 2


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


@pytest.mark.long  # two processes that import everything, for one line of `settings.rank`
@pytest.mark.timeout(180)
def test_two_machines_train_one_run_of_which_the_first_writes(circles, tmp_path):
    plan = Plan(str(circles), net="lecture/mnist_gap", recipe="scratch", size=32, epochs=1, batch=8, device="cpu")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    alone, folder = (run.create(plan.but(nodes=nodes, threads=1), tmp_path, f"nodes-{nodes}") for nodes in (1, 2))
    place = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    machines = [
        subprocess.Popen(
            [sys.executable, "-m", "cnnviz", "train", str(folder), "--json"],
            env=place | {"NODE_RANK": str(number)}, stdout=subprocess.PIPE, text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    said = [machine.communicate()[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0]
    assert json.loads(said[0])["state"] == "finished"
    assert said[1] == ""
    assert len(run.read(folder).of("start")) == len(run.read(folder).of("epoch")) == 1
    assert main(["train", str(alone)]) == 0  # the same batches in one process
    one, two = (load_file(path / "best.safetensors") for path in (alone, folder))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
