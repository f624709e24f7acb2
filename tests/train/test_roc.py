"""The curve of two classes: scikit-learn's area and points."""

from __future__ import annotations

import pytest
import sklearn.metrics
import torch

from cnnviz.train.roc import MOST, curve


@pytest.mark.parametrize("digits", [1, 8])  # with ties, and without
def test_the_area_is_that_of_scikit_learn(rng, digits):
    labels = torch.from_numpy(rng.integers(0, 2, 300))
    z = torch.from_numpy(rng.normal(size=300).round(digits)) + labels
    found = curve(torch.stack([torch.zeros(300), z], 1), labels)
    assert found["area"] == pytest.approx(sklearn.metrics.roc_auc_score(labels, z))
    false, true, _ = sklearn.metrics.roc_curve(labels, z, drop_intermediate=False)
    whole = {(round(f, 6), round(t, 6)) for f, t in zip(false, true, strict=True)}
    assert {tuple(point) for point in found["points"]} <= whole
    assert (found["points"][0], found["points"][-1], len(found["points"]) <= MOST) == ([0, 0], [1, 1], True)


def test_a_class_without_images_has_no_curve():
    assert curve(torch.randn(4, 2), torch.ones(4, dtype=torch.int64)) is None
