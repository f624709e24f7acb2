"""Convolution against PyTorch and OpenCV, over many shapes; the window's own numbers; what is refused."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from cnnviz.options import OptionError
from cnnviz.signal import convolve as c
from cnnviz.signal.kernels import KernelError, kernel

torch = pytest.importorskip("torch")
F = torch.nn.functional
TORCH_MODE = {"zero": "constant", "reflect": "reflect", "replicate": "replicate", "wrap": "circular"}
CV2_MODE = {
    "zero": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT_101,
    "replicate": cv2.BORDER_REPLICATE,
}


def oracle(image, weights, s: c.Sliding, bias=None):
    x = F.pad(torch.from_numpy(image)[None], (s.padding,) * 4, mode=TORCH_MODE[s.mode])
    b = None if bias is None else torch.tensor(bias)
    return F.conv2d(x, torch.from_numpy(weights), b, stride=s.stride, dilation=s.dilation)[0].numpy()


@pytest.mark.parametrize("mode", c.MODES)
@pytest.mark.parametrize("k", [1, 2, 3, 5, 7, 11, 15])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (1, 3, 1), (2, 1, 1), (3, 2, 2), (4, 7, 3)])
def test_it_equals_pytorch(rng, mode, k, stride, padding, dilation):
    image = rng.random((3, 53, 61), np.float32)
    weights = (rng.standard_normal((4, 3, k, k)) / k**2).astype(np.float32)
    sliding, bias = c.Sliding(stride, padding, mode, dilation), rng.standard_normal(4).astype(np.float32)
    ours = c.convolve(image, weights, sliding, bias)
    theirs = oracle(image, weights, sliding, bias)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape == (4, *(c.output_size(n, k, stride, padding, dilation) for n in (53, 61)))
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("mode", CV2_MODE)
@pytest.mark.parametrize("k", [3, 5, 7])
def test_padding_by_half_the_kernel_equals_opencv_with_the_same_border(rng, mode, k):
    image, weights = rng.random((40, 50), np.float32), rng.standard_normal((k, k)).astype(np.float32)
    theirs = cv2.filter2D(image, cv2.CV_32F, weights, borderType=CV2_MODE[mode])
    assert np.abs(c.convolve(image, weights, c.Sliding(padding=k // 2, mode=mode)) - theirs).max() < 1e-5


@pytest.mark.parametrize("mode", c.MODES)
def test_border_indices_are_those_of_opencv(mode):
    flag = {**CV2_MODE, "wrap": cv2.BORDER_WRAP}[mode]
    assert c.border(9, 5, mode).tolist() == [cv2.borderInterpolate(i, 9, flag) for i in range(-5, 14)]


def test_a_photo_in_strips_equals_the_photo_in_one_piece(rng, monkeypatch):
    image, weights = rng.random((97, 40), np.float32), rng.standard_normal((5, 5)).astype(np.float32)
    for mode in c.MODES:
        sliding = c.Sliding(2, 6, mode, 2)
        whole = c.convolve(image, weights, sliding)
        monkeypatch.setattr(c, "_STRIP", 400)
        assert np.array_equal(c.convolve(image, weights, sliding), whole)
        monkeypatch.undo()


def test_bytes_give_the_same_numbers_as_floats(rng):
    photo = rng.integers(0, 256, (64, 48), np.uint8)
    weights = rng.standard_normal((7, 7)).astype(np.float32)
    ours, same = (c.convolve(p, weights, c.Sliding(padding=3)) for p in (photo, photo.astype(np.float32)))
    assert np.abs(ours - same).max() < 2e-3  # of 255


def test_a_large_photo_needs_little_more_memory_than_its_answer(rng):
    photo = np.zeros((2000, 3000), np.uint8)
    tracemalloc.start()
    c.convolve(photo, np.ones((7, 7), np.float32), c.Sliding(padding=3, mode="reflect"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24e6 + 30e6


def test_one_position_spelled_out_sums_to_the_map_there(rng):
    image, weights = rng.random((3, 20, 23), np.float32), rng.standard_normal((3, 3, 3)).astype(np.float32)
    for mode in c.MODES:
        sliding = c.Sliding(2, 2, mode, 2)
        whole = c.convolve(image, weights, sliding, 0.5)
        for row, column in [(0, 0), (4, 5), (whole.shape[0] - 1, whole.shape[1] - 1)]:
            patch = c.patch_at(image, weights, row, column, sliding, 0.5)
            assert patch.values.shape == patch.products.shape == (3, 3, 3)
            assert patch.total == pytest.approx(patch.products.sum() + 0.5)
            assert patch.total == pytest.approx(whole[row, column], abs=1e-5)


def test_what_cannot_slide_is_refused_in_a_sentence(rng):
    small = np.zeros((4, 4), np.float32)
    with pytest.raises(c.ConvolutionError, match="does not fit"):
        c.convolve(small, np.ones((5, 5), np.float32))
    with pytest.raises(c.ConvolutionError, match="reflect can add at most 3"):
        c.convolve(small, np.ones((3, 3), np.float32), c.Sliding(padding=4, mode="reflect"))
    with pytest.raises(c.ConvolutionError, match="channels"):
        c.convolve(small, np.ones((3, 3, 3), np.float32))
    with pytest.raises(c.ConvolutionError, match="no output"):
        c.patch_at(small, np.ones((3, 3), np.float32), 2, 0)
    with pytest.raises(OptionError, match="mode"):
        c.Sliding(mode="mirror")
    with pytest.raises(KernelError, match="no kernel"):
        kernel("swirl")
    with pytest.raises(KernelError, match="form"):
        kernel("sobel_x", 5)


def test_the_input_is_left_as_it_was(rng):
    image = rng.random((30, 30), np.float32)
    before = image.copy()
    c.convolve(image, np.ones((3, 3), np.float32), c.Sliding(padding=1, mode="wrap"))
    assert np.array_equal(image, before)
