"""The feature maps of a layer and the statistics of their channels, against NumPy's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from cnnviz.inference.activations import activations
from cnnviz.inference.tap import LayerError

SEEN = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def out() -> torch.Tensor:
    maps = torch.randn(1, 9, 6, 5, generator=torch.Generator().manual_seed(0))
    maps[0, 4] = -1
    maps[0, 7] = maps[0, 2] * 3  # as alike as can be
    return maps


def test_the_numbers_are_the_tensors_own_and_the_statistics_numpys(out):
    found, maps = activations("conv", out, SEEN), out[0].numpy()
    np.testing.assert_array_equal(found.maps, maps)
    np.testing.assert_allclose(found.mean, maps.mean((1, 2)), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found.max, maps.max((1, 2)))
    np.testing.assert_allclose(found.alive, (maps > 0).mean((1, 2)), rtol=1e-6)
    assert found.dead.tolist() == [4]
    assert found.maps.dtype == found.mean.dtype == np.float32


def test_channels_last_and_half_precision_make_no_difference(out):
    wide = activations("conv", out.to(memory_format=torch.channels_last), SEEN)
    np.testing.assert_array_equal(wide.maps, out[0].numpy())
    half = activations("conv", out.half(), SEEN)
    np.testing.assert_allclose(half.maps, out[0].numpy(), atol=2e-3)
    assert half.maps.dtype == np.float32


@pytest.mark.parametrize("by", ["mean", "max", "share above 0"])
def test_the_largest_come_first_and_equal_ones_keep_their_order(out, by):
    found = activations("conv", out, SEEN)
    values = {"mean": found.mean, "max": found.max, "share above 0": found.alive}[by]
    order = found.order(by)
    assert sorted(order.tolist()) == list(range(9))
    assert all(values[a] > values[b] or (values[a] == values[b] and a < b) for a, b in pairwise(order))
    assert found.order("as it comes").tolist() == list(range(9))


def test_similarity_is_scipys_cosine(out):
    distance = pytest.importorskip("scipy.spatial.distance")
    found = activations("conv", out, SEEN)
    order = found.order("similarity", like=2)
    flat = found.maps.reshape(9, -1)
    far = [distance.cosine(flat[2], flat[i]) for i in order]
    assert set(order[:2].tolist()) == {2, 7}
    assert np.all(np.diff(far) >= -1e-6)


def test_what_is_no_stack_of_maps_is_refused():
    with pytest.raises(LayerError, match="convolutional layer"):
        activations("fc", torch.zeros(1, 10), SEEN)
