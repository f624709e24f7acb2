"""Probabilities become the logits that they are the softmax or sigmoid of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnviz.models import probabilities
from cnnviz.models.probabilities import Ending


@pytest.mark.parametrize(("kind", "classes"), [("softmax", 4), ("sigmoid", 1), ("sigmoid", 3)])
def test_logits_of_probabilities_make_these_again(kind, classes):
    p = probabilities.MAKES[kind](torch.randn(5, classes, generator=torch.Generator().manual_seed(0)) * 4)
    z = probabilities.turned(p, kind)
    torch.testing.assert_close(probabilities.MAKES[kind](z), p, rtol=1e-5, atol=1e-6)
    assert probabilities.makes(kind, z, p)
    assert not probabilities.makes(kind, p + 1, p * 0)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_certainty_has_finite_logits(kind):
    assert probabilities.turned(torch.tensor([[0.0, 1.0]]), kind).isfinite().all()


def test_kinds_are_told_by_the_numbers():
    x = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))
    shares = {"softmax": lambda z: z.softmax(1), "": lambda z: z, "sigmoid": lambda z: z.sigmoid()}
    for kind, net in shares.items():
        assert probabilities.of_numbers(net, x, mixed=True) == kind
    assert probabilities.of_numbers(lambda z: z.sigmoid(), x, mixed=False) == ""
    assert probabilities.of_numbers(lambda z: nn.functional.one_hot(z.argmax(1), 3).float(), x, mixed=False) == ""
    assert probabilities.of_numbers(lambda z: z[:, :1].softmax(1), x, mixed=False) == ""


def test_what_was_done_is_said():
    assert Ending("log_softmax", 3).said == "its log-softmax at the end is taken off, as maps explain logits"
    assert "log(p / (1 - p))" in Ending("sigmoid", 1, taken=False).said
    assert "not its 3 sigmoids" in Ending("sigmoid", 3).said
