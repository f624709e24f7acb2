"""A data set in a plane: scikit-learn's PCA of the features, and what the whole network predicts of each image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cnnviz.data.folder import survey
from cnnviz.options import RequestError
from cnnviz.photo import Photo

KEY = "lecture/mnist_gap"


def test_places_are_the_first_two_principal_components_of_the_features(circles, engine):
    decomposition = pytest.importorskip("sklearn.decomposition")
    found = engine.project(KEY, circles)
    values = engine.embed(KEY, circles).values
    theirs = decomposition.PCA(2, svd_solver="full").fit_transform(values.astype(np.float64))
    signs = np.sign((theirs * found.places).sum(0))
    np.testing.assert_allclose(found.places * signs, theirs, atol=1e-4 * np.abs(theirs).max())


def test_predictions_are_those_of_the_whole_network(circles, engine):
    found = engine.project(KEY, circles)
    said = found.predictions
    assert said is not None
    for i in range(0, len(found.places), 7):
        (best,) = engine.predict(KEY, Photo.open(found.embedding.paths[i]), top=1)
        assert said.classes[i] == best.index
        assert said.probabilities[i] == pytest.approx(best.probability, abs=1e-3)


def test_who_is_wrong_is_told_where_the_network_knows_the_classes_and_only_there(circles, engine):
    found = engine.project(KEY, circles)
    names = np.array(found.predictions.labels)[found.predictions.classes]
    wanted = names != np.array(found.embedding.classes)[found.embedding.labels]
    np.testing.assert_array_equal(found.predictions.wrong, wanted)
    other = engine.project("bundled/cats_dogs", circles)
    assert other.predictions is None or other.predictions.wrong is None


def test_a_photo_has_the_features_of_its_file_in_the_folder(circles, engine):
    found = engine.embed(KEY, circles)
    for i in (0, len(found.paths) - 1):
        ours = engine.photo_features(KEY, Photo.open(found.paths[i]))
        np.testing.assert_allclose(ours, found.values[i], atol=1e-4 * np.abs(found.values[i]).max())


def test_the_features_of_a_persons_photo_go_with_it(engine, rng):
    engine.photo_features(KEY, Photo.of(rng.integers(0, 256, (40, 40, 3), np.uint8)))
    assert engine.personal_bytes() > 0
    engine.purge()
    assert engine.personal_bytes() == 0


def test_two_images_are_too_few(circles, engine):
    data = survey(circles)
    few = dataclasses.replace(
        data,
        train=dataclasses.replace(data.train, paths=data.train.paths[:2], labels=data.train.labels[:2]),
        val=dataclasses.replace(data.val, paths=(), labels=()),
        test=dataclasses.replace(data.test, paths=(), labels=()),
    )
    with pytest.raises(RequestError, match="three images"):
        engine.project(KEY, few)
