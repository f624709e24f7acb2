"""What learns and what rests, step by step."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from tests.train.runs import trained


def test_a_single_picture_left_over_is_nothing_to_normalise_by(plan, tmp_path):
    done = trained(plan.but(batch=7, head_norm=True, epochs=1), tmp_path)  # 36 pictures
    assert (done.state, done.last("epoch")["step"]) == ("finished", 6)


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
