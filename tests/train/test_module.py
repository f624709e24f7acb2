"""What learns and what rests, step by step."""

from __future__ import annotations

import contextlib

import pytest
import torch
from safetensors.torch import load_file

from cnnviz.options import RequestError
from cnnviz.train import run
from cnnviz.train.loop import fit
from cnnviz.train.plan import PlanError
from tests.train.runs import same, trained

LONELY = {  # batch norms with one value per channel and image: before the head, and over maps of 1 x 1
    "head": {"head_norm": True},
    "maps": {"size": 20},
    "torchvision": {"net": "shufflenet_v2_x0_5", "batch_norm": None, "size": 32},
}


@pytest.mark.parametrize("kind", LONELY)
def test_a_single_image_left_over_joins_the_batch_before_it_and_the_run_resumes_to_the_same_weights(
    plan, tmp_path, spoken, kind
):
    plan = plan.but(batch=7, epochs=2, dropout=None, **LONELY[kind])  # 36 images
    whole = trained(plan, tmp_path, "whole")
    assert (whole.state, whole.last("epoch")["step"]) == ("finished", 10)
    folder = run.create(plan, tmp_path, "halves")
    fit(folder, heard=lambda kind, v: run.stop(folder) if kind == "step" and v["step"] == 4 else None)
    assert run.read(folder).state == "stopped"
    assert fit(folder) == "finished"
    assert same(folder / "snapshots" / "10.safetensors", whole.folder / "snapshots" / "10.safetensors")
    seeking = run.create(plan, tmp_path, "seeking")
    with contextlib.suppress(PlanError):  # a rate need not be found in noise, but every step has to be taken
        fit(seeking, finding=True)
    assert len(run.read(seeking).of("rate")) > 11


@pytest.mark.parametrize("finding", [False, True], ids=["training", "finding"])
def test_batches_of_one_image_are_refused_where_a_norm_needs_two_and_trained_where_none_does(plan, tmp_path, finding):
    maps = plan.but(batch=1, epochs=1, **LONELY["maps"])
    with pytest.raises(RequestError, match=r"at least 2 images, for .+ \(BatchNorm\) .* choose a batch size of 2"):
        fit(run.create(maps, tmp_path, "maps"), finding=finding)
    with pytest.raises(RequestError, match="choose a batch size of 4 or more"):
        fit(run.create(maps.but(batch=2, devices=2, device="cpu"), tmp_path, "two-processes"), finding=finding)
    if not finding:
        assert trained(plan.but(batch=1, epochs=1), tmp_path, "wide").state == "finished"


def test_what_rests_keeps_its_statistics(plan, tmp_path):
    trained(plan, tmp_path, "first")
    second = trained(plan.but(recipe="frozen", start="run/first@best", epochs=1), tmp_path, "second")
    a = load_file(tmp_path / "first" / "best.safetensors")
    b = load_file(second.folder / "snapshots" / "5.safetensors")
    assert all(torch.equal(a[key], b[key]) for key in a if key.startswith(("conv", "bn")))


def test_early_stopping_class_weights_smoothing_and_the_other_optimizers(plan, tmp_path):
    early = trained(plan.but(epochs=50, rate=1e-7, patience=2, schedule="constant"), tmp_path, "early")
    assert early.state == "finished"
    assert len(early.of("epoch")) < 50
    for optimizer in ("sgd", "rmsprop"):
        values = {"optimizer": optimizer, "schedule": "cosine", "class_weights": True, "smoothing": 0.1, "epochs": 1}
        assert trained(plan.but(**values), tmp_path, optimizer).state == "finished"
    three = plan.but(epochs=1, single_logit=False, class_weights=True)
    assert trained(three, tmp_path, "two-logits").state == "finished"
