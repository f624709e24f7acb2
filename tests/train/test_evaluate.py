"""Losses and verdicts: PyTorch's own losses, and counts made by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnviz.train.evaluate import Judged, Loss, class_weights, rest, verdict


@pytest.fixture
def batch(rng):
    return torch.from_numpy(rng.normal(size=(40, 3))).float(), torch.from_numpy(rng.integers(0, 3, 40))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0)])
def test_the_loss_of_several_logits_is_cross_entropy(batch, smoothing, weights):
    logits, labels = batch
    truth = nn.CrossEntropyLoss(None if weights is None else torch.tensor(weights), label_smoothing=smoothing)
    torch.testing.assert_close(Loss(False, smoothing, weights)(logits, labels), truth(logits, labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, (0.5, 2.0)])
def test_the_loss_of_one_logit_is_that_of_two_whose_first_is_zero(batch, smoothing, weights):
    z, labels = batch[0][:, :1], batch[1].clamp_max(1)
    both = torch.cat([torch.zeros_like(z), z], 1)
    loss = Loss(True, smoothing, weights)(z, labels)
    if weights is None:
        torch.testing.assert_close(loss, F.cross_entropy(both, labels, label_smoothing=smoothing))
    else:
        each = F.cross_entropy(both, labels, label_smoothing=smoothing, reduction="none")
        scale = torch.tensor(weights)[labels]
        torch.testing.assert_close(loss, (each * scale).sum() / scale.sum())


def test_class_weights_make_all_classes_count_the_same():
    labels = torch.tensor([0] * 6 + [1] * 2 + [2])
    weights = class_weights(labels, 4)
    assert [weights[c] * int((labels == c).sum()) for c in range(3)] == pytest.approx([weights[0] * 6] * 3)
    assert np.mean([weights[c] for c in labels[:9]]) == pytest.approx(3 / 4)  # a class without pictures has its share


def test_a_verdict_counts_what_was_said_and_lists_the_greatest_loss_first(batch):
    logits, labels = batch
    pictures = SimpleNamespace(paths=[Path(f"/data/{i}.png") for i in range(40)])
    found = verdict(Judged(logits, labels, torch.arange(40)), pictures, Path("/data"), 3)
    said = logits.argmax(1)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (labels.numpy(), said.numpy()), 1)
    assert found["confusion"] == confusion.tolist()
    assert found["accuracy"] == pytest.approx(float((said == labels).float().mean()))
    assert found["loss"] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)
    assert found["recall"] == pytest.approx((confusion.diagonal() / confusion.sum(1)).tolist())
    assert found["precision"] == pytest.approx((confusion.diagonal() / confusion.sum(0)).tolist())
    losses = [picture["loss"] for picture in found["pictures"]]
    assert losses == sorted(losses, reverse=True)
    assert {picture["path"] for picture in found["pictures"]} == {f"{i}.png" for i in range(40)}


def test_one_logit_is_judged_as_two():
    judged = Judged(torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([1, 0, 0]), torch.arange(3))
    assert judged.right.tolist() == [True, True, False]
    torch.testing.assert_close(judged.losses, F.softplus(torch.tensor([-2.0, -1.0, 0.5]).double()))


def test_what_rests_is_in_evaluation_mode_and_all_else_learns():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.Dropout(), nn.BatchNorm2d(2))).eval()
    rest(net, ("1",))
    assert [part.training for part in net.modules()] == [True, True, False, False, False]
