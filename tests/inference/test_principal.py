"""The map's axes are those of scikit-learn's PCA."""

import numpy as np
import pytest

from cnnviz.inference.principal import plane
from cnnviz.options import RequestError

decomposition = pytest.importorskip("sklearn.decomposition")


def features(rng, count, width, offset=0.0):
    strengths = 0.8 ** np.arange(width)
    turned = np.linalg.qr(rng.normal(size=(width, width)))[0]
    return (rng.normal(size=(count, width)) * strengths @ turned + offset).astype(np.float32)


@pytest.mark.parametrize(("count", "width"), [(400, 3), (300, 64), (40, 300), (3, 5), (1000, 17)])
@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_axes_shares_and_places_are_scikit_learns_up_to_sign(rng, count, width, offset):
    given = features(rng, count, width, offset)
    theirs = decomposition.PCA(2, svd_solver="full").fit(given.astype(np.float64))
    ours = plane(given)
    np.testing.assert_allclose(np.abs((ours.axes * theirs.components_).sum(1)), 1, atol=1e-5)
    np.testing.assert_allclose(ours.shares, theirs.explained_variance_ratio_, rtol=1e-3, atol=1e-6)
    signs = np.sign((ours.axes * theirs.components_).sum(1))
    scale = np.abs(theirs.transform(given)).max()
    np.testing.assert_allclose(ours.place(given) * signs / scale, theirs.transform(given) / scale, atol=2e-4)


def test_an_axis_points_where_its_largest_entry_is_positive(rng):
    axes = plane(features(rng, 200, 30)).axes
    assert (axes[np.arange(2), np.abs(axes).argmax(1)] > 0).all()


def test_features_that_do_not_vary_or_vary_along_one_line_have_a_map_all_the_same(rng):
    same = plane(np.ones((5, 4), np.float32))
    assert np.allclose(same.place(np.ones((5, 4), np.float32)), 0, atol=1e-5)
    assert np.allclose(same.shares, 0, atol=1e-6)
    line = np.outer(np.arange(9), [1.0, 2.0, 2.0]).astype(np.float32)
    np.testing.assert_allclose(plane(line).shares, [1, 0], atol=1e-5)
    single = plane(np.arange(4, dtype=np.float32)[:, None])
    np.testing.assert_allclose(
        single.place(np.arange(4, dtype=np.float32)[:, None])[:, 0], [-1.5, -0.5, 0.5, 1.5], atol=1e-5
    )


def test_two_images_are_too_few_for_a_plane():
    with pytest.raises(RequestError, match="three images"):
        plane(np.zeros((2, 8), np.float32))
