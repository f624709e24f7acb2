"""The kernels do what their sentences say."""

from __future__ import annotations

import numpy as np
import pytest

from cnnviz.signal import convolve as c
from cnnviz.signal.kernels import KERNELS, fit, kernel


def test_every_kernel_does_what_its_sentence_says():
    flat = np.full((9, 9), 100, np.float32)
    for name, k in KERNELS.items():
        answer = c.convolve(flat, k.weights)
        assert k.sentence.endswith(".")
        assert k.sentence.count(". ") == 0
        assert np.allclose(answer, {"picture": 100, "signed": 0, "magnitude": 300}[k.shows], atol=1e-4), name
    for name in ("box", "gaussian", "motion", "identity"):
        for size in (1, 3, 5, 7):
            assert kernel(name, size).weights.sum() == pytest.approx(1)
    assert KERNELS["sobel_y_up"].rows == ((1, 2, 1), (0, 0, 0), (-1, -2, -1))  # as the lectures write them
    assert np.array_equal(KERNELS["diagonal_line"].weights, np.diag([1, 1, 1]))
    down = np.tile(np.arange(9, dtype=np.float32)[:, None], 9)
    assert (c.convolve(down, kernel("horizontal_edge").weights) > 0).all()
    assert (c.convolve(down.T, kernel("vertical_edge").weights) > 0).all()
    assert np.allclose(fit(fit(kernel("sobel_x").weights, 7), 3), kernel("sobel_x").weights)
