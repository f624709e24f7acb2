"""The sliding window as a film: the image with the window on the left, the output filling in on the right."""

from __future__ import annotations

import numpy as np

from cnnviz import picture
from cnnviz.signal.convolve import Sliding, border, convolve, extent

_WINDOW = (214, 120, 18)
_UNSEEN = 232


def frames(gray: np.ndarray, weights: np.ndarray, sliding: Sliding, grays: np.ndarray, count: int = 60) -> np.ndarray:
    """`count` frames of one window on its way over a gray image (H, W) of 0..255, uint8 (T, H, W, 3).

    `grays` is the finished output as an image, uint8 (H', W') or (H', W', 3); one cell of it is drawn as large as a
    pixel of the input.
    """
    tall, wide = grays.shape[:2]
    index = [border(n, sliding.padding, sliding.mode) for n in gray.shape]
    padded = np.where((index[0] < 0)[:, None] | (index[1] < 0)[None], 0, gray[np.ix_(*index)]).astype(np.uint8)
    scale = max(1, 240 // max(padded.shape))
    left = _enlarge(np.repeat(padded[..., None], 3, 2), scale)
    right = _enlarge(grays if grays.ndim == 3 else np.repeat(grays[..., None], 3, 2), scale)
    gap = 12
    height = max(left.shape[0], right.shape[0])
    film = np.full((count, height, left.shape[1] + gap + right.shape[1], 3), _UNSEEN, np.uint8)
    span = extent(weights.shape[-1], sliding.dilation)
    for t, frame in enumerate(film):
        at = round(t * (tall * wide - 1) / max(1, count - 1))
        row, column = divmod(at, wide)
        frame[: left.shape[0], : left.shape[1]] = left
        y, x = row * sliding.stride * scale, column * sliding.stride * scale
        _outline(frame[: left.shape[0], : left.shape[1]], y, x, span * scale)
        out = frame[: right.shape[0], left.shape[1] + gap :]
        out[: row * scale] = right[: row * scale]
        out[row * scale : (row + 1) * scale, : (column + 1) * scale] = right[
            row * scale : (row + 1) * scale, : (column + 1) * scale
        ]
        _outline(out, row * scale, column * scale, max(scale, 2))
    return film


def gray_levels(answer: np.ndarray, shows: str = "signed", gain: float = 0.0, most: float | None = None) -> np.ndarray:
    """An output map as grays, uint8: "signed" puts zero at 128 and the largest magnitude at the ends, "image" clips
    to 0..255, "magnitude" runs from 0 (black) to the largest magnitude. Each step of `gain` doubles the contrast.
    `most` stands for the largest magnitude where another map sets the scale.
    """
    levels: np.ndarray
    if shows == "picture":
        levels = answer
    else:
        peak = ((float(np.abs(answer).max()) if most is None else most) or 1.0) / 2**gain
        levels = np.abs(answer) * (255 / peak) if shows == "magnitude" else 127.5 + answer * (127.5 / peak)
    levels = np.rint(np.clip(levels, 0, 255))
    return levels.astype(np.uint8)


def painted(answer: np.ndarray, shows: str = "signed", gain: float = 0.0, most: float | None = None) -> np.ndarray:
    """An output map as the lab shows it, uint8 (H', W', 3): signed ones in the colours of activations, others gray."""
    levels = gray_levels(answer, shows, gain, most)
    return picture.colourise(levels / np.float32(255), picture.ACTIVATION if shows == "signed" else picture.INPUT)


def smaller(answer: np.ndarray, side: int) -> np.ndarray:
    """An output map of any size with its longer side at most `side` pixels, float32 (h, w)."""
    scale = min(1.0, side / max(answer.shape))
    return picture.resize(answer, *(max(1, round(n * scale)) for n in answer.shape[::-1]))


def film_of(
    gray: np.ndarray, weights: np.ndarray, sliding: Sliding, shows: str = "signed", gain: float = 0.0, count: int = 60
) -> bytes:
    """The whole film of one kernel (k, k) over a gray image as a GIF that rests on its last frame for two seconds."""
    answer = convolve(gray.astype(np.float32), weights, sliding)
    film = frames(gray, weights, sliding, painted(answer, shows, gain), count)
    return picture.gif(film, milliseconds=60, rest=2000, colours=128)


def _enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    return picture.repeat(scale, 0).repeat(scale, 1)


def _outline(picture: np.ndarray, top: int, left: int, side: int) -> None:
    """A window's frame, two pixels thick, drawn into the picture."""
    window = picture[top : top + side, left : left + side]
    for edge in (window[:2], window[-2:], window[:, :2], window[:, -2:]):
        edge[:] = _WINDOW
