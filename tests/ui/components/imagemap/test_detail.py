"""At each level of a map, no thumbnail covers another, and none is left out that has room."""

import numpy as np
import pytest

from cnnviz.ui.components.imagemap.detail import FIRST, LEVELS, STEP, ends, levels, order


@pytest.fixture
def places(rng):
    middles = rng.random((6, 2))
    return np.clip(middles[rng.integers(0, 6, 1500)] + rng.normal(0, 0.03, (1500, 2)), 0, 1)


def apart(points):
    """The largest of the distances in x and in y of each two, (n, n)."""
    return np.abs(points[:, None] - points[None]).max(2)


@pytest.mark.parametrize("level", [0, 5, 12, 20])
def test_thumbnails_of_a_level_keep_their_distance_and_every_other_image_is_covered_by_one(places, level):
    found, reach = levels(places), FIRST * STEP**level
    shown, hidden = places[found <= level], places[found > level]
    distances = apart(shown)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() >= reach
    assert (np.abs(hidden[:, None] - shown[None]).max(2).min(1) < reach).all()


def test_who_stands_at_a_level_stands_at_every_further_one_and_all_do_at_last(places):
    found = levels(places)
    assert found.min() == 0
    assert found.max() < LEVELS
    counted = ends(found)
    assert counted == sorted(counted)
    assert counted[-1] == len(places)
    assert counted[0] == (found == 0).sum()


def test_images_at_one_and_the_same_place_come_at_the_last_level():
    found = levels(np.full((5, 2), 0.5))
    assert sorted(found.tolist()) == [0, *[LEVELS - 1] * 4]


def test_the_order_goes_by_level_and_has_neighbours_together(places):
    found = levels(places)
    ordered = order(places, found)
    assert sorted(ordered.tolist()) == list(range(len(places)))
    assert (np.diff(found[ordered]) >= 0).all()
    last = ordered[found[ordered] == found.max() // 2]
    along = np.abs(np.diff(places[last], axis=0)).sum(1).mean()
    shuffled = np.abs(np.diff(places[np.random.default_rng(0).permutation(last)], axis=0)).sum(1).mean()
    assert along < shuffled / 3
