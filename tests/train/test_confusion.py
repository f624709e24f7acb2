"""What follows from a confusion matrix."""

from __future__ import annotations

import pytest
import sklearn.metrics

from cnnviz.train import confusion


def test_f1_is_that_of_scikit_learn_and_0_where_nothing_is_right():
    for truth, guessed in (([1, 1, 0, 0, 1], [1, 0, 0, 1, 1]), ([1, 1, 0], [0, 0, 1])):
        precision, recall, wanted, _ = sklearn.metrics.precision_recall_fscore_support(
            truth, guessed, average="binary", zero_division=0
        )
        assert confusion.f1(recall, precision) == pytest.approx(wanted)


def test_the_pairs_confused_most_come_first_and_right_answers_are_none():
    counts = [[9, 1, 0], [4, 9, 4], [0, 1, 9]]
    assert confusion.pairs(counts, 3) == [(1, 0, 4), (1, 2, 4), (0, 1, 1)]
    assert confusion.pairs([[3, 0], [0, 2]], 5) == []


def test_a_report_is_that_of_scikit_learn(rng):
    truth, guessed = rng.integers(0, 4, 60), rng.integers(0, 3, 60)  # nothing is predicted as the last class
    counts = sklearn.metrics.confusion_matrix(truth, guessed)
    found = confusion.report(counts.tolist())
    precision, recall, f1, _ = sklearn.metrics.precision_recall_fscore_support(truth, guessed, zero_division=0)
    assert found["precision"] == pytest.approx(precision)
    assert found["recall"] == pytest.approx(recall)
    assert found["f1"] == pytest.approx(f1)
    assert found["confused"] == [list(pair) for pair in confusion.pairs(counts.tolist(), confusion.MOST)]
