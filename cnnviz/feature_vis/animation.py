"""Filter images one after another: how they grew, as a GIF or an MP4. Needs no torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.options import RequestError

T = TypeVar("T")


def enlarged(pictures: Sequence[np.ndarray], least: int) -> list[np.ndarray]:
    """Images uint8 (H, H, 3) all of one side: that of the last, or `least` px where it is smaller."""
    side = max(least, len(pictures[-1]))
    return [sheet.fitted(one, side) for one in pictures]


def together(
    ways: Sequence[Sequence[T]], columns: int, side: int, moments: int, opened: Callable[[T], np.ndarray]
) -> Iterator[np.ndarray]:
    """Contact sheets uint8 (h, w, 3) of many ways at the same share of each, one at a time: all while they grow.

    `opened` makes an image of what a way holds; only one moment's images are open at once.
    """
    for share in np.linspace(0, 1, moments) if moments > 1 else (1.0,):
        now = [sheet.fitted(opened(way[round(share * (len(way) - 1))]), side) for way in ways]
        yield sheet.contact_sheet(now, columns, gap=2, side=side)


def animation(frames: Sequence[np.ndarray], seconds: float = 4.0, rest: float = 1.5) -> bytes:
    """Frames uint8 (H, W, 3) as an endless GIF that lasts `seconds` and rests on the last one; at most 32 of them."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(32, len(frames))).round().astype(int))
    each = 1000 * seconds / max(1, len(chosen) - 1)
    each = round(min(160, max(40, each)), -1)  # ms; a GIF counts in tens of them
    return picture.gif([frames[i] for i in chosen], each, round(1000 * rest))


def film(frames: Iterable[np.ndarray], count: int, seconds: float = 4.0, rest: float = 1.5) -> bytes:
    """`count` frames uint8 (H, W, 3) as an MP4 of `seconds` that rests on the last one; VP9, which browsers play.

    Raises `RequestError` where OpenCV came without that codec (H.264 it may not ship).
    """
    import cv2  # only once somebody wants a film

    pace = min(25.0, max(4.0, (count - 1) / seconds))
    with tempfile.TemporaryDirectory() as folder:
        path, writer = Path(folder) / "film.mp4", cv2.VideoWriter()
        try:
            for frame in frames:
                even = np.ascontiguousarray(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2, ::-1])  # for chroma
                code = cv2.VideoWriter.fourcc(*"vp09")
                if not writer.isOpened() and not writer.open(str(path), code, pace, even.shape[1::-1]):
                    raise RequestError("OpenCV on this machine cannot write VP9; use the GIF instead.")
                writer.write(even)
            for _ in range(round(pace * rest)):
                writer.write(even)
        finally:
            writer.release()
        return path.read_bytes()
