"""Predictions: softmax or sigmoid as torch has it, classes by name or number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnviz.inference.predict import TargetError, ranked, target
from cnnviz.options import RequestError

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


@pytest.mark.parametrize(
    "wanted", [2, "2", np.int64(2), np.uint8(2), "African elephant", "african_elephant", " AFRICAN  ELEPHANT "]
)
def test_a_class_is_found_by_index_and_by_name(wanted):
    assert target(LABELS, 4, wanted) == 2


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("elephant", "African elephant"), ("tigre cat", "tiger cat"), (9, "0 to 3"), ("-1", "0 to 3"), ("qqqq", "index")],
)
def test_an_unknown_class_is_answered_with_a_hint(wanted, hint):
    with pytest.raises(TargetError, match=hint):
        target(LABELS, 4, wanted)


@pytest.mark.parametrize(
    ("labels", "wanted", "index"),
    [
        (("1", "2", "3", "4", "5"), "1", 0),
        (("1", "2", "3", "4", "5"), 1, 1),
        (("1", "2", "3", "4", "5"), "0", 0),
        (("45", "46", "47", "48"), "48", 3),
        (("-1", "1"), "1", 1),
        (("1", "-1"), "-1", 1),
        (("Straße", "STRASSE_2"), "strasse", 0),
    ],
)
def test_a_class_called_by_a_number_is_found_by_its_name_first(labels, wanted, index):
    assert target(labels, len(labels), wanted) == index


@pytest.mark.parametrize("wanted", ["²", "--5", "-5", "9" * 5000, "٣", "", "-"])
def test_what_only_looks_like_a_number_is_no_class(wanted):
    with pytest.raises(TargetError):
        target(LABELS, 4, wanted)
    with pytest.raises(TargetError):
        target(("3", "5"), 2, wanted)


@pytest.mark.parametrize("top", [0, -1])
def test_less_than_one_class_cannot_be_listed(top):
    with pytest.raises(RequestError, match="1 or more"):
        ranked(np.zeros(4, np.float32), LABELS, top)
