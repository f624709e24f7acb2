"""Out-of-sample probabilities: scikit-learn's by the same folds, and no twin of an image among those fitted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from cnnviz.options import RequestError
from cnnviz.train import linear_head
from cnnviz.train.cross_validation import cross_validate, folded
from cnnviz.train.linear_head import standardised
from tests.train.test_linear_head import drawn


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("width", [10, 300])  # fewer features than images, and more
def test_probabilities_are_those_of_scikit_learn_on_the_same_folds(rng, classes, width):
    features, labels = drawn(rng, [50, 25, 30, 20][:classes], width, 0.3)
    groups = [(0, 7, 21), (51, 52)]
    found = cross_validate(features, labels, classes, groups, seed=3)
    x = standardised(features)[0].numpy()
    for fold in range(linear_head.FOLDS):  # scikit-learn's strength counts the images that are fitted
        learned, left = found.folds != fold, found.folds == fold
        peer = LogisticRegression(C=1 / (found.l2 * learned.sum()), tol=1e-10, max_iter=10_000)
        peer.fit(x[learned], labels.numpy()[learned])
        np.testing.assert_allclose(found.probabilities[left], peer.predict_proba(x[left]), atol=2e-4)
    strength = 1 / (found.l2 * (found.folds != 0).sum())  # of equal folds nearly the same for all
    peer = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
    split = PredefinedSplit(found.folds)
    wanted = cross_val_predict(peer, x, labels.numpy(), cv=split, method="predict_proba")
    np.testing.assert_allclose(found.probabilities, wanted, atol=0.01)


def test_folds_are_stratified_and_no_group_is_parted(rng):
    labels = torch.tensor([0] * 43 + [1] * 12 + [2] * 25)
    groups = [(0, 1, 2, 3), (10, 50), (60, 79, 61), (5, 6)]
    parts = folded(labels, groups, 5, 0)
    for group in groups:
        assert len({int(parts[place]) for place in group}) == 1
    for label in range(3):
        shares = torch.bincount(parts[labels == label], minlength=5)
        assert int(shares.max() - shares.min()) <= 3
    sizes = torch.bincount(parts)
    assert int(sizes.max() - sizes.min()) <= 4
    alone = folded(labels, (), 5, 0)
    for label in range(3):
        shares = torch.bincount(alone[labels == label], minlength=5)
        assert int(shares.max() - shares.min()) <= 1
    assert torch.equal(parts, folded(labels, groups, 5, 0))
    assert not torch.equal(parts, folded(labels, groups, 5, 1))


def test_the_only_image_of_a_class_is_never_left_out_also_where_it_lies_there_twice(rng):
    features, labels = drawn(rng, [20, 20, 1, 2], 8)
    found = cross_validate(features, labels, 4, [(41, 42)])
    assert found.folds[40:].tolist() == [-1, -1, -1]
    assert np.isnan(found.probabilities[40:]).all()
    assert np.isfinite(found.probabilities[:40]).all()
    np.testing.assert_allclose(found.probabilities[:40].sum(1), 1)


def test_a_copy_in_the_same_fold_does_not_tell_the_label_of_its_twin(rng):
    """Images of pure noise, each there twice: with the copies apart, the head knows all labels; together, none."""
    x = torch.from_numpy(rng.normal(size=(40, 400))).float()
    truth = torch.from_numpy(rng.integers(0, 2, 40))
    features, labels = torch.cat([x, x]), torch.cat([truth, truth])
    twins = [(i, i + 40) for i in range(40)]

    def right(groups):
        found = cross_validate(features, labels, 2, groups)
        return float((found.probabilities.argmax(1) == labels.numpy()).mean())

    assert right(()) > 0.85
    assert right(twins) < 0.75


def test_progress_is_told_to_the_end_and_may_stop_it(rng):
    features, labels = drawn(rng, [20, 20], 16)
    told = []
    cross_validate(features, labels, 2, progress=lambda *news: told.append(news))
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(*_):
        raise KeyError

    with pytest.raises(KeyError):
        cross_validate(features, labels, 2, progress=stop)


def test_too_few_images_are_refused():
    with pytest.raises(RequestError, match="at least two different images"):
        cross_validate(torch.eye(2), torch.tensor([0, 1]), 2)
