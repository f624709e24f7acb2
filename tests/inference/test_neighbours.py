"""Nearest neighbours are scikit-learn's, by cosine."""

import numpy as np
import pytest

from cnnviz.inference.neighbours import nearest

neighbours = pytest.importorskip("sklearn.neighbors")


def test_the_nearest_and_their_similarities_are_those_of_scikit_learn(rng):
    given = np.maximum(rng.normal(size=(500, 40)), 0).astype(np.float32)
    theirs = neighbours.NearestNeighbors(n_neighbors=7, metric="cosine", algorithm="brute").fit(given)
    for of in np.maximum(rng.normal(size=(5, 40)), 0).astype(np.float32):
        distances, places = theirs.kneighbors(of[None])
        found, cosines = nearest(given, of, 7)
        np.testing.assert_array_equal(found, places[0])
        np.testing.assert_allclose(cosines, 1 - distances[0], atol=1e-5)


def test_an_image_is_not_its_own_neighbour_and_its_copy_comes_first(rng):
    given = rng.normal(size=(50, 8)).astype(np.float32)
    given[31] = 3 * given[12]
    found, cosines = nearest(given, given[12], 4, without=12)
    assert found[0] == 31
    assert cosines[0] == pytest.approx(1)
    assert 12 not in found


def test_features_of_zero_are_similar_to_nothing_and_there_are_never_more_neighbours_than_images(rng):
    given = np.zeros((3, 4), np.float32)
    given[1] = 1
    found, cosines = nearest(given, given[1], 9, without=1)
    assert found.tolist() == [0, 2]
    assert cosines.tolist() == [0, 0]
    assert nearest(given, given[0], 9)[1].tolist() == [0, 0, 0]
    assert nearest(given[:1], given[0], 5, without=0)[0].size == 0
