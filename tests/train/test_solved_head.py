"""Runs whose head is solved: in one go, stopped, gone on with, and as the start of fine-tuning."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from cnnviz.models import build, load
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import Photo
from cnnviz.train import linear_head, range_test, run, solved_head
from cnnviz.train.events import weighed
from cnnviz.train.loop import fit
from cnnviz.train.onnx import onnx
from tests.train.runs import same, trained


@pytest.fixture
def begun(plan, tmp_path):
    """The plan of a run on the features of another one, whose head is one linear layer."""
    trained(plan.but(dropout=0.0, epochs=1), tmp_path, "first")
    return plan.but(recipe="features", start="run/first@best", dropout=0.0, epochs=7)


@pytest.mark.parametrize(
    ("head", "solved"),
    [
        (nn.Sequential(nn.Linear(4, 2)), True),
        (nn.Sequential(nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(4, 1))), True),
        (nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 2)), False),
        (nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)), False),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), False),
    ],
)
def test_a_head_of_one_linear_layer_is_solved_and_any_other_trained(head, solved):
    assert (solved_head.layer(head) is not None) == solved


@pytest.mark.parametrize("single", [True, False])
def test_a_run_on_features_is_solved_and_leaves_what_every_run_leaves(begun, tmp_path, single):
    start = trained(begun.but(recipe="scratch", start="", epochs=1, single_logit=single), tmp_path, "start")
    done = trained(begun.but(start="run/start@best", single_logit=single), tmp_path, "second")
    assert done.state == "finished"
    a, b = load_file(start.folder / "best.safetensors"), load_file(done.folder / "best.safetensors")
    assert {key for key in a if a[key].shape != b[key].shape or not torch.equal(a[key], b[key])} == {
        "out.weight", "out.bias",
    }  # fmt: skip
    curve, chosen = done.of("l2"), done.last("head")["l2"]
    assert chosen == min(curve, key=lambda e: e["loss"])["l2"]
    assert not done.of("step")
    (epoch,) = done.of("epoch")
    best, said = done.last("best"), run.verdict(done.folder)["val"]
    assert epoch["accuracy"] == pytest.approx(said["accuracy"], abs=1e-6) == best["accuracy"]
    assert epoch["valid_loss"] == pytest.approx(said["loss"], abs=1e-4)
    assert {p.name for p in (done.folder / "snapshots").iterdir()} == {"0.safetensors", "14.safetensors"}
    model = load.load(f"run/{done.id}@best", runs=tmp_path)
    assert model.single_logit == single
    assert json.loads((done.folder / "card.json").read_text())["accuracy"]["val"] == pytest.approx(
        said["accuracy"], abs=1e-4
    )


def test_the_exported_network_is_the_ordinary_head_on_the_features_as_they_are(begun, tmp_path):
    import onnxruntime

    done = trained(begun, tmp_path, "second")
    model, said = load.load(f"run/{done.id}@best", runs=tmp_path), run.verdict(done.folder)
    session = onnxruntime.InferenceSession(onnx(model))
    for one in said["val"]["pictures"]:
        photo = Photo.open(f"{said['root']}/{one['path']}")
        x = model.preprocess.input(photo)
        mean = torch.tensor(model.preprocess.mean).view(1, -1, 1, 1)
        std = torch.tensor(model.preprocess.std).view(1, -1, 1, 1)
        (chances,) = session.run(None, {"pixels": ((x * std + mean) * 255).numpy()})
        assert chances[0, one["said"]] == pytest.approx(one["probability"], abs=1e-3)


def test_the_same_seed_solves_the_same_and_nothing_else_of_the_plan_counts(begun, tmp_path):
    one = trained(begun, tmp_path, "one")
    two = trained(begun.but(rate=1.0, epochs=1, batch=3, optimizer="sgd"), tmp_path, "two")
    assert same(one.folder / "best.safetensors", two.folder / "best.safetensors")
    assert [e["loss"] for e in one.of("l2")] == [e["loss"] for e in two.of("l2")]


def test_it_is_stopped_on_the_way_and_ends_as_if_it_had_not_been(begun, tmp_path):
    whole = trained(begun, tmp_path, "whole")
    folder = run.create(begun, tmp_path, "halves")
    assert fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "l2" and v["l2"] == 1.0 else None) == "stopped"
    half = run.read(folder)
    assert len(half.of("l2")) < len(whole.of("l2"))
    assert not half.of("best")
    assert fit(folder) == "finished"
    assert same(folder / "best.safetensors", whole.folder / "best.safetensors")
    assert run.verdict(folder) == run.verdict(whole.folder)


def test_stopped_after_it_was_solved_it_is_evaluated_and_not_solved_again(begun, tmp_path, monkeypatch):
    folder = run.create(begun, tmp_path, "late")

    def broken(_):
        raise RequestError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("cnnviz.train.checkpoints.Keeper.judge", broken)
        with pytest.raises(RequestError, match="no room"):
            fit(folder)
    monkeypatch.setattr(linear_head, "solve", None)
    assert fit(folder) == "finished"
    assert run.verdict(folder)["val"]["accuracy"] == pytest.approx(run.read(folder).last("best")["accuracy"], abs=1e-6)


def test_no_validation_image_runs_through_the_network_twice(begun, tmp_path):
    images = []

    def count(part, given, _):
        if isinstance(part, nn.AdaptiveAvgPool2d):
            images.append(len(given[0]))

    with nn.modules.module.register_module_forward_hook(count):
        done = trained(begun, tmp_path, "second")
    start = done.last("start")
    assert sum(images) == start["train"] + start["val"]


@pytest.mark.parametrize(("size", "change"), [(28, {}), (64, {}), (96, {}), (150, {}), (224, {}), (64, {"hidden": 8})])
@pytest.mark.parametrize("single", [True, False])
def test_its_results_are_those_of_evaluate_to_the_last_digit(plan, tmp_path, size, change, single):
    from cnnviz.runtime.engine import Engine

    shape = {"size": size, "net": "lecture/cats_gap" if size > 28 else plan.net, "single_logit": single}
    first = plan.but(epochs=1, dropout=0.0, **shape, **change)
    trained(first, tmp_path, "first")
    done = trained(first.but(recipe="features", start="run/first@best"), tmp_path, "second")
    said = run.verdict(done.folder)
    found = Engine(runs=tmp_path).evaluate("run/second@best", said["root"])
    assert (found.accuracy, found.loss) == (said["val"]["accuracy"], said["val"]["loss"])
    assert [list(row) for row in found.confusion] == said["val"]["confusion"]


@pytest.mark.parametrize(("asked", "told"), [(None, True), (False, None), (True, None)])
def test_classes_of_few_images_weigh_as_much_unless_the_plan_says_otherwise(begun, tmp_path, circles, asked, told):
    data = tmp_path / "uneven"
    shutil.copytree(circles, data)
    for few in sorted(data.glob("train/*"))[1:]:
        for image in sorted(few.iterdir())[3:]:
            image.unlink()
    done = trained(begun.but(data=str(data), class_weights=asked), tmp_path, "second")
    assert done.last("head")["weighted"] == told
    assert bool(weighed(done.last("head"))) == (told is not None)


def test_there_is_no_rate_to_find(begun, tmp_path):
    with pytest.raises(RequestError, match="no learning rate"):
        fit(run.create(begun, tmp_path, "rate"), finding=True)


def test_the_plan_says_whether_its_head_is_solved(plan):
    own = plan.but(recipe="features", start="run/first@best")
    assert not own.solves  # it has dropout
    assert own.but(dropout=0.0).solves
    assert not own.but(dropout=0.0, hidden=8).solves
    assert not own.but(dropout=0.0, head_norm=True).solves
    assert not own.but(dropout=None, net="lecture/cats_flatten").solves
    assert own.but(dropout=None, net="squeezenet1_1").solves
    assert not own.but(dropout=0.0, recipe="frozen").solves


@pytest.fixture
def pretrained(plan, monkeypatch):
    """A plan for a torchvision network whose pretrained weights are the first that torch draws."""
    net = "squeezenet1_1"
    torch.manual_seed(0)
    state = build.fresh_net(net).state_dict()
    real = load.load

    def loaded(key, *places):
        if key != net:
            return real(key, *places)
        made = build.fresh_net(key)
        made.load_state_dict(state)
        return load.Model(key, key, made, "", (), Preprocess(64, 64), (3, 64, 64), False, "test")

    monkeypatch.setattr(load, "load", loaded)
    return plan.but(net=net, size=64, epochs=1, batch_norm=None, dropout=None, rate=None)


@pytest.mark.parametrize("recipe", ["partial", "full"])
def test_fine_tuning_begins_with_the_solved_head_and_finds_its_rate(pretrained, tmp_path, recipe):
    first = trained(pretrained.but(recipe="features"), tmp_path, "solved")
    done = trained(pretrained.but(recipe=recipe), tmp_path, "tuned")
    assert done.state == "finished"
    assert [e["loss"] for e in done.of("l2")] == [e["loss"] for e in first.of("l2")]
    begun, solved = load_file(done.folder / "snapshots" / "0.safetensors"), load_file(first.folder / "best.safetensors")
    assert all(torch.equal(begun[key], solved[key]) for key in solved)  # the test of rates has left no trace
    assert done.last("step")["step"] == 5
    rate = done.last("found")["rate"]
    assert range_test.LEAST <= rate <= 0.1
    assert json.loads((done.folder / "card.json").read_text())["recipe"]["rate"] == rate
    assert max(e["rate"] for e in done.of("step")) <= rate
    assert not trained(pretrained.but(recipe=recipe, rate=1e-3), tmp_path, "told").of("found")
    later = trained(pretrained.but(recipe=recipe, start="run/tuned@best"), tmp_path, "later")  # its head is not new
    assert (later.of("l2"), len(later.of("found"))) == ([], 1)


def test_fine_tuning_that_was_stopped_goes_on_with_the_rate_it_found(pretrained, tmp_path, spoken):
    plan = pretrained.but(recipe="full", epochs=2)
    whole = trained(plan, tmp_path, "whole")
    folder = run.create(plan, tmp_path, "halves")
    assert (
        fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "step" and v["step"] == 6 else None) == "stopped"
    )
    assert fit(folder) == "finished"
    both = run.read(folder)
    assert len(both.of("found")) == 1
    assert len(both.of("l2")) == len(whole.of("l2"))
    assert [e["valid_loss"] for e in both.of("epoch")] == pytest.approx(
        [e["valid_loss"] for e in whole.of("epoch")], abs=2e-5
    )


def test_where_fine_tuning_makes_it_worse_the_solved_head_is_kept(pretrained, tmp_path):
    solved = trained(pretrained.but(recipe="features"), tmp_path, "solved")
    worse = trained(pretrained.but(recipe="full", rate=1.0, backbone_rate=1.0, optimizer="adam"), tmp_path, "worse")
    assert worse.last("epoch")["valid_loss"] > worse.last("best")["valid_loss"]
    assert worse.last("best")["step"] == 0
    assert worse.last("best")["valid_loss"] == pytest.approx(solved.last("best")["valid_loss"], abs=1e-4)
    assert same(worse.folder / "best.safetensors", solved.folder / "best.safetensors")
