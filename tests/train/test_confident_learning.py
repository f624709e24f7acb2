"""Confident learning: by the plain loops of its paper, and on labels that were flipped on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.train.confident_learning import confident_learning


def by_loops(odds: np.ndarray, labels: np.ndarray):
    """Thresholds and confident joint as equations 1 and 2 of the paper write them, an image at a time."""
    classes = odds.shape[1]
    thresholds = [np.mean([odds[i, j] for i in range(len(odds)) if labels[i] == j]) for j in range(classes)]
    joint = np.zeros((classes, classes), int)
    off = []
    for i, row in enumerate(odds):
        reached = [j for j in range(classes) if row[j] >= thresholds[j]]
        if reached:
            best = max(reached, key=lambda j: row[j])
            joint[labels[i], best] += 1
            if best != labels[i] and row[labels[i]] < max(row):
                off.append((row[labels[i]] - row[best], i, best))
    return np.array(thresholds), joint, sorted(off)


@pytest.mark.parametrize("classes", [2, 5])
def test_thresholds_joint_and_ranking_are_those_of_the_paper(rng, classes):
    labels = rng.integers(0, classes, 400)
    odds = rng.dirichlet(np.ones(classes), 400) * 0.6 + 0.4 * np.eye(classes)[rng.permutation(labels)]
    found = confident_learning(odds, labels)
    thresholds, joint, off = by_loops(odds, labels)
    np.testing.assert_allclose(found.thresholds, thresholds)
    np.testing.assert_array_equal(found.joint, joint)
    assert [(i, k) for _, i, k in off] == list(zip(found.places.tolist(), found.suggested.tolist(), strict=True))
    np.testing.assert_allclose(found.margins, [margin for margin, _, _ in off])
    assert off


def test_flipped_labels_come_first_with_the_class_they_had(rng):
    truth = rng.integers(0, 3, 300)
    odds = np.full((300, 3), 0.05) + 0.85 * np.eye(3)[truth] + rng.uniform(0, 0.02, (300, 3))
    odds /= odds.sum(1, keepdims=True)
    labels = truth.copy()
    flipped = rng.choice(300, 15, replace=False)
    labels[flipped] = (labels[flipped] + 1) % 3
    found = confident_learning(odds, labels)
    assert set(found.places.tolist()) == set(flipped.tolist())
    np.testing.assert_array_equal(found.suggested, truth[found.places])
    assert (np.diff(found.margins) >= 0).all()
    assert found.margins.max() < 0


def test_what_was_not_judged_and_classes_without_images_suspect_nobody():
    odds = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.3, 0.7, 0.0], [np.nan] * 3, [0.95, 0.05, 0.0]])
    found = confident_learning(odds, np.array([0, 0, 1, 1, 1]))
    assert found.places.tolist() == [4]
    assert found.suggested.tolist() == [0]
    assert np.isnan(found.thresholds[2])
    assert found.joint.sum() == 3  # the image of 0.8 reaches no threshold
    assert found.joint[:, 2].sum() == 0


def test_an_image_whose_label_is_the_most_probable_class_is_no_suspect():
    odds = np.array([[0.6, 0.4], [0.99, 0.01], [0.99, 0.01], [0.7, 0.3], [0.75, 0.25]])
    found = confident_learning(odds, np.array([0, 0, 0, 1, 1]))  # the first: 0.6 < threshold of 0, 0.4 >= that of 1
    assert found.joint[0, 1] == 1
    assert 0 not in found.places
