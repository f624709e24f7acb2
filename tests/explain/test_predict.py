"""Predictions: softmax or sigmoid as torch has it, classes by name or number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.explain.predict import TargetError, ranked, target

LABELS = ("tabby", "tiger cat", "African elephant", "great_white shark")


def test_probabilities_are_torchs_softmax_most_probable_first():
    logits = np.array([0.5, -1.0, 3.0, 2.0], np.float32)
    found = ranked(logits, LABELS, 3)
    truth = torch.softmax(torch.from_numpy(logits), 0)
    assert [p.label for p in found] == ["African elephant", "great_white shark", "tabby"]
    assert [p.probability for p in found] == pytest.approx([float(truth[p.index]) for p in found])
    assert [p.logit for p in found] == [3.0, 2.0, 0.5]


def test_a_single_logit_speaks_for_the_second_class_and_against_the_first():
    dog, cat = ranked(np.array([2.0], np.float32), ("cat", "dog"), 5)
    assert (dog.label, dog.logit, cat.logit) == ("dog", 2.0, -2.0)
    assert dog.probability == pytest.approx(float(torch.sigmoid(torch.tensor(2.0))))
    assert dog.probability + cat.probability == pytest.approx(1)


@pytest.mark.parametrize("wanted", [2, "2", "African elephant", "african_elephant", " AFRICAN  ELEPHANT "])
def test_a_class_is_found_by_index_and_by_name(wanted):
    assert target(LABELS, 4, wanted) == 2


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("elephant", "African elephant"), ("tigre cat", "tiger cat"), (9, "0 to 3"), ("-1", "0 to 3"), ("qqqq", "index")],
)
def test_an_unknown_class_is_answered_with_a_hint(wanted, hint):
    with pytest.raises(TargetError, match=hint):
        target(LABELS, 4, wanted)
