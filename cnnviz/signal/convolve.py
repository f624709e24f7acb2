"""Convolution as CNNs do it (cross-correlation), for teaching images and for 24-megapixel photos alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from cnnviz.options import Options, RequestError, knob

_STRIP = 2**21  # padded pixels filtered at a time: memory stays bounded and the strip stays near the cache
_NUMPY_MODE: dict[str, Literal["constant", "reflect", "edge", "wrap"]] = {
    "zero": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "wrap": "wrap",
}
_CV2_MODE = {
    "zero": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT_101,
    "replicate": cv2.BORDER_REPLICATE,
    "wrap": cv2.BORDER_WRAP,
}
MODES = tuple(_NUMPY_MODE)


class ConvolutionError(RequestError):
    """A kernel that does not fit on the image it should slide over."""


@dataclass(frozen=True)
class Sliding(Options):
    """How a window walks over an image."""

    stride: int = knob(1, "How many pixels the kernel moves at each step.", low=1, high=16, unit="px")
    padding: int = knob(0, "How many pixels are added around the image.", low=0, high=64, unit="px")
    mode: str = knob("zero", "The values of the added pixels.", choices=MODES)
    dilation: int = knob(1, "Spacing of the kernel's weights.", low=1, high=16, unit="px")


@dataclass(frozen=True)
class Patch:
    """One output number spelled out: patch times kernel per channel (C, k, k), their sums (C,), the bias, the total."""

    values: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    bias: float
    total: float


def extent(kernel: int, dilation: int = 1) -> int:
    """Pixels from the first to the last cell of a dilated kernel."""
    return dilation * (kernel - 1) + 1


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Positions of a window along one side: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
    return max(0, (size + 2 * padding - extent(kernel, dilation)) // stride + 1)


def inside(size: int, kernel: int, sliding: Sliding) -> slice:
    """The output positions along a side of `size` pixels whose window touches no zero of the border.

    All of them where the border is no zeros, or every window touches it.
    """
    first = -(-sliding.padding // sliding.stride)
    last = (size + sliding.padding - extent(kernel, sliding.dilation)) // sliding.stride
    return slice(first, last + 1) if sliding.mode == "zero" and first <= last else slice(None)


def largest_padding(size: int, mode: str) -> int | None:
    """The most pixels a border mode can add to a side of that length; None where there is no limit."""
    return {"reflect": size - 1, "wrap": size}.get(mode)


def border(size: int, padding: int, mode: str = "zero") -> np.ndarray:
    """Source index of each padded pixel along one side, int (size + 2 padding,); -1 stands for a zero."""
    _check_border(size, padding, mode)
    if mode == "zero":
        return np.pad(np.arange(size), padding, constant_values=-1)
    return np.pad(np.arange(size), padding, mode=_NUMPY_MODE[mode])


def _check_border(size: int, padding: int, mode: str) -> None:
    limit = largest_padding(size, mode)
    if limit is not None and padding > limit:
        raise ConvolutionError(f"{mode} can add at most {limit} pixels to a side of {size}; lower the padding.")


def convolve(
    image: np.ndarray, weights: np.ndarray, sliding: Sliding | None = None, bias: float | np.ndarray = 0.0
) -> np.ndarray:
    """Cross-correlation, float32: (H', W') for one kernel, (F, H', W') for a bank, in the units of the image.

    `image` is (H, W) or (C, H, W), float32 or uint8; `weights` is (k, k), (C, k, k) or (F, C, k, k). Raises
    `ConvolutionError` where the window does not fit. Equal to `torch.nn.functional.conv2d` on the padded image.
    """
    sliding = sliding or Sliding()
    planes, bank = _shapes(image, weights)
    if bank.shape[0] == 1 and planes.shape[0] == 1 and np.size(bias) == 1:
        maps = _slide(planes[0], bank[0, 0], sliding, float(np.ravel(bias)[0]))[None]
    else:
        biases = np.broadcast_to(np.asarray(bias, np.float32), (len(bank),))
        maps = np.stack([_sum(planes, filters, sliding, float(b)) for filters, b in zip(bank, biases, strict=True)])
    return maps if weights.ndim == 4 else maps[0]


def patch_at(
    image: np.ndarray, weights: np.ndarray, row: int, column: int, sliding: Sliding | None = None, bias: float = 0.0
) -> Patch:
    """The numbers under the window at one output position, float64, and what becomes of them.

    `weights` is (k, k) or (C, k, k). Raises `ConvolutionError` outside the output map.
    """
    sliding = sliding or Sliding()
    planes, bank = _shapes(image, weights)
    k = bank.shape[-1]
    starts = []
    for at, size in ((row, planes.shape[1]), (column, planes.shape[2])):
        if not 0 <= at < output_size(size, k, sliding.stride, sliding.padding, sliding.dilation):
            raise ConvolutionError(f"There is no output at row {row}, column {column}.")
        index = border(size, sliding.padding, sliding.mode)
        first = at * sliding.stride
        starts.append(index[first : first + extent(k, sliding.dilation) : sliding.dilation])
    rows, columns = starts
    values = planes[:, rows[:, None], columns].astype(np.float64)  # (C, k, k)
    values[:, rows < 0, :] = 0
    values[:, :, columns < 0] = 0
    products = values * bank[0]
    sums = products.sum((1, 2))
    return Patch(values, products, sums, bias, float(sums.sum() + bias))


def _shapes(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image as (C, H, W) and the weights as (F, C, k, k), or `ConvolutionError`."""
    planes = image[None] if image.ndim == 2 else image
    bank = weights.reshape((1,) * (4 - weights.ndim) + weights.shape).astype(np.float32, copy=False)
    if planes.ndim != 3 or bank.ndim != 4 or bank.shape[-1] != bank.shape[-2]:
        raise ConvolutionError(f"An image {image.shape} and weights {weights.shape} do not fit; kernels are square.")
    if bank.shape[1] != planes.shape[0]:
        raise ConvolutionError(f"The kernel has {bank.shape[1]} channels and the image {planes.shape[0]}.")
    return planes, bank


def _sum(planes: np.ndarray, filters: np.ndarray, sliding: Sliding, bias: float) -> np.ndarray:
    out = _slide(planes[0], filters[0], sliding, bias)
    for plane, weights in zip(planes[1:], filters[1:], strict=True):
        cv2.add(out, _slide(plane, weights, sliding, 0.0), dst=out)
    return out


def _slide(plane: np.ndarray, weights: np.ndarray, sliding: Sliding, bias: float) -> np.ndarray:
    """One plane under one kernel; cv2 turns to the FFT by itself from 11 x 11 on."""
    height, width = plane.shape
    k, s, p, mode = len(weights), sliding.stride, sliding.padding, sliding.mode
    span = extent(k, sliding.dilation)
    tall, wide = (output_size(n, k, s, p, sliding.dilation) for n in (height, width))
    if not (tall and wide):
        raise ConvolutionError(
            f"A window of {span} pixels does not fit on {height} x {width} with padding {p}; pad more or use a smaller "
            "kernel."
        )
    for side in (height, width):
        _check_border(side, p, mode)
    large = plane.dtype == np.uint8 and plane.size > _STRIP
    if not large:
        plane = np.asarray(plane, np.float32)
    dilated = np.zeros((span, span), np.float32)
    dilated[:: sliding.dilation, :: sliding.dilation] = weights
    middle = span // 2
    if (
        not large and s == 1 and span % 2 and p <= middle and mode != "wrap"
    ):  # cv2's own borders: nothing has to be copied
        answer = cv2.filter2D(plane, cv2.CV_32F, dilated, delta=bias, borderType=_CV2_MODE[mode])
        cut = middle - p
        return answer[cut : height - cut, cut : width - cut].copy() if cut else answer
    return _strips(plane, dilated, sliding, bias, np.empty((tall, wide), np.float32))


def _strips(plane: np.ndarray, dilated: np.ndarray, sliding: Sliding, bias: float, out: np.ndarray) -> np.ndarray:
    """Any stride, padding and border, into `out`, strip by strip so that memory stays bounded."""
    (tall, wide), (height, width) = out.shape, plane.shape
    span, middle, s, p, mode = len(dilated), len(dilated) // 2, sliding.stride, sliding.padding, sliding.mode
    rows = border(height, p, mode)
    step = max(1, _STRIP // ((width + 2 * p) * s))
    for top in range(0, tall, step):
        bottom = min(top + step, tall)
        index = rows[top * s : (bottom - 1) * s + span]
        strip: np.ndarray = np.asarray(
            _rows(plane, index), np.float32
        )  # cv2 filters floats four times as fast as bytes
        if p:
            strip = cv2.copyMakeBorder(strip, 0, 0, p, p, _CV2_MODE[mode], value=0)
        answer = cv2.filter2D(strip, cv2.CV_32F, dilated, delta=bias, borderType=cv2.BORDER_CONSTANT)
        out[top:bottom] = answer[middle:, middle:][: (bottom - top - 1) * s + 1 : s, : (wide - 1) * s + 1 : s]
    return out


def _rows(plane: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The rows of a plane by index, -1 standing for a row of zeros; a view where they simply follow each other."""
    if index[0] >= 0 and np.array_equal(index, np.arange(index[0], index[0] + len(index))):
        return np.ascontiguousarray(plane[index[0] : index[0] + len(index)])
    strip: np.ndarray = plane[index]
    strip[index < 0] = 0
    return strip
