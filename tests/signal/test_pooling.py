"""Pooling and ReLU against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal.pooling import PoolingError, pool, relu

torch = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), (5, 3, 2)])
def test_pooling_equals_pytorch(rng, size, stride, padding):
    maps = rng.standard_normal((4, 21, 26)).astype(np.float32)
    x = torch.from_numpy(maps)[None]
    assert np.array_equal(pool(maps, size, stride, padding), F.max_pool2d(x, size, stride, padding)[0].numpy())
    ours = pool(maps, size, stride, padding, "average")
    assert np.allclose(ours, F.avg_pool2d(x, size, stride, padding)[0].numpy(), atol=1e-6)


def test_relu_keeps_what_is_above_zero(rng):
    maps = rng.standard_normal((2, 5, 5)).astype(np.float32)
    assert np.array_equal(relu(maps), torch.relu(torch.from_numpy(maps)).numpy())


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(PoolingError, match="does not fit"):
        pool(np.zeros((3, 3), np.float32), 4)
    with pytest.raises(PoolingError, match="half"):
        pool(np.zeros((9, 9), np.float32), 2, padding=2)
    with pytest.raises(PoolingError, match="max or average"):
        pool(np.zeros((9, 9), np.float32), kind="median")
