"""The kernels of the lecture by name, each with one sentence on what it responds to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnviz.options import RequestError

LARGEST = 7


class KernelError(RequestError):
    """A kernel that does not exist or cannot slide."""


@dataclass(frozen=True)
class Kernel:
    """A named square kernel: its rows of weights, and one sentence on what it does to an image."""

    name: str
    title: str
    rows: tuple[tuple[float, ...], ...]
    sentence: str
    shows: str = "signed"  # how its output is best shown: "signed" around zero, "magnitude", or "picture" (0 to 255)

    @property
    def weights(self) -> np.ndarray:
        """The weights, float32 (k, k)."""
        return np.array(self.rows, np.float32)


def kernel(name: str, size: int | None = None) -> Kernel:
    """The kernel of that name; `size` (1, 3, 5 or 7) grows box, Gaussian, motion and identity.

    Raises `KernelError` for a name or a size that does not exist.
    """
    if name not in KERNELS:
        raise KernelError(f"There is no kernel called {name!r}; choose one of {', '.join(KERNELS)}.")
    found = KERNELS[name]
    if size is None or size == len(found.rows):
        return found
    if name not in _GROW or size not in range(1, LARGEST + 1, 2):
        raise KernelError(f"The kernel {name} has no {size} x {size} form; its own size is {len(found.rows)}.")
    return Kernel(name, found.title, _rows(_GROW[name](size)), found.sentence, found.shows)


def fit(weights: np.ndarray, size: int) -> np.ndarray:
    """The kernel cut to its middle or framed with zeros, float32 (size, size)."""
    k, out = weights.shape[-1], np.zeros((size, size), np.float32)
    inner, outer = max(0, (k - size) // 2), max(0, (size - k) // 2)
    n = min(k, size)
    out[outer : outer + n, outer : outer + n] = weights[inner : inner + n, inner : inner + n]
    return out


def _gaussian(size: int) -> np.ndarray:
    """Binomial weights, the usual integer Gaussian, (size, size), sum 1."""
    row = np.array([1.0])
    for _ in range(size - 1):
        row = np.convolve(row, [1.0, 1.0])
    square: np.ndarray = np.outer(row, row) / row.sum() ** 2
    return square


def _identity(size: int) -> np.ndarray:
    out = np.zeros((size, size))
    out[size // 2, size // 2] = 1
    return out


def _rows(weights: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(w) for w in row) for row in weights)


def _box(size: int) -> np.ndarray:
    return np.full((size, size), 1 / size**2)


def _motion(size: int) -> np.ndarray:
    return np.eye(size) / size


_GROW: dict[str, Callable[[int], np.ndarray]] = {
    "identity": _identity,
    "box": _box,
    "gaussian": _gaussian,
    "motion": _motion,
}

_TABLE = (
    Kernel(
        "horizontal_edge",
        "Horizontal edge",
        ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
        "The row below minus the row above: large where it gets brighter downwards, zero where nothing changes.",
    ),
    Kernel(
        "vertical_edge",
        "Vertical edge",
        ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
        "The column right minus the column left: large where it gets brighter to the right.",
    ),
    Kernel(
        "diagonal_edge",
        "Diagonal edge",
        ((-1, -1, 0), (-1, 0, 1), (0, 1, 1)),
        "The lower right half minus the upper left half: it responds to edges that run from bottom left to top right.",
    ),
    Kernel(
        "edge_detect",
        "Edge detect",
        ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
        "Eight times the middle minus its eight neighbours: zero wherever the patch is flat, whatever its brightness.",
    ),
    Kernel(
        "sobel_x",
        "Sobel x",
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        "A derivative from left to right that also smooths up and down, the middle row counting double.",
    ),
    Kernel(
        "sobel_y",
        "Sobel y",
        ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
        "A derivative downwards that also smooths sideways, the middle column counting double.",
    ),
    Kernel(
        "sobel_y_up",
        "Sobel y, upwards",
        ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
        "Sobel y rotated by 180 degrees: it responds to edges where the upper side is brighter.",
    ),
    Kernel(
        "diagonal_line",
        "Diagonal line",
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        "The 3 x 3 identity matrix, diag(1, 1, 1): it responds to bright lines from top left to bottom right.",
        "magnitude",
    ),
    Kernel(
        "prewitt_x",
        "Prewitt",
        ((-1 / 3, 0, 1 / 3), (-1 / 3, 0, 1 / 3), (-1 / 3, 0, 1 / 3)),
        "The plain average of three differences from left to right.",
    ),
    Kernel(
        "scharr_x",
        "Scharr",
        ((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)),
        "A Sobel whose weights were chosen so that its strength hardly depends on the edge's direction.",
    ),
    Kernel(
        "laplacian",
        "Laplacian",
        ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
        "The four neighbours minus four times the middle: the second derivative, crossing zero on every edge.",
    ),
    Kernel(
        "sharpen",
        "Sharpen",
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        "The image plus its edges: the weights sum to one, so flat areas keep their brightness.",
        "picture",
    ),
    Kernel(
        "box",
        "Box blur",
        _rows(_GROW["box"](3)),
        "The average of all the pixels under the window.",
        "picture",
    ),
    Kernel(
        "gaussian",
        "Gaussian blur",
        _rows(_gaussian(3)),
        "An average in which the middle counts most, the blur without corners.",
        "picture",
    ),
    Kernel(
        "emboss",
        "Emboss",
        ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
        "The image plus a diagonal difference: it looks lit from the top left.",
        "picture",
    ),
    Kernel(
        "motion",
        "Motion blur",
        _rows(_GROW["motion"](5)),
        "The average along one diagonal: the blur of a camera moving that way.",
        "picture",
    ),
    Kernel(
        "identity",
        "Identity",
        ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
        "One in the middle: the output is the input, a good place to start editing.",
        "picture",
    ),
)
KERNELS: dict[str, Kernel] = {kernel.name: kernel for kernel in _TABLE}
