"""The film of the sliding window."""

from __future__ import annotations

import numpy as np

from cnnviz.signal import convolve as c
from cnnviz.signal.kernels import kernel
from cnnviz.signal.slide import film_of, gray_levels


def test_the_film_of_the_sliding_window_is_a_gif_that_ends_finished(rng):
    import io

    from PIL import Image

    photo = rng.integers(0, 256, (28, 28), np.uint8)
    film = Image.open(io.BytesIO(film_of(photo, kernel("sobel_x").weights, c.Sliding(padding=1), count=8)))
    assert film.n_frames == 8
    assert film.size == (28 * 8 + 16 + 12 + 28 * 8, 240)


def test_gray_levels_put_zero_in_the_middle_and_clip_pictures():
    signed = gray_levels(np.array([[-2.0, 0, 2]], np.float32))
    assert signed.tolist() == [[0, 128, 255]]
    assert gray_levels(np.array([[-2.0, 300, 7]]), "picture").tolist() == [[0, 255, 7]]
    assert gray_levels(np.array([[-2.0, 0, 1]]), "magnitude").tolist() == [[255, 0, 128]]
