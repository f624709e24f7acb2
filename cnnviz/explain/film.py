"""Filter images one after another: how they grew, as a GIF or an MP4. Needs no torch."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cnnviz.explain import sheet
from cnnviz.options import RequestError


def enlarged(pictures: Sequence[np.ndarray], least: int) -> list[np.ndarray]:
    """Pictures uint8 (H, H, 3) all of one side: that of the last, or `least` px where it is smaller."""
    side = max(least, len(pictures[-1]))
    return [sheet.fitted(one, side) for one in pictures]


def together(ways: Sequence[Sequence[np.ndarray]], columns: int, side: int, moments: int = 64) -> list[np.ndarray]:
    """Contact sheets uint8 (h, w, 3) of many ways at the same share of each: all pictures while they grow."""
    moments = min(moments, max(map(len, ways)))
    shares = np.linspace(0, 1, moments) if moments > 1 else [1.0]
    return [
        sheet.contact_sheet([way[round(share * (len(way) - 1))] for way in ways], columns, gap=2, side=side)
        for share in shares
    ]


def animation(frames: Sequence[np.ndarray], seconds: float = 4.0, rest: float = 1.5) -> bytes:
    """Frames uint8 (H, W, 3) as an endless GIF that lasts `seconds` and rests on the last one; at most 32 of them."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(32, len(frames))).round().astype(int))
    stills = [Image.fromarray(frames[i]) for i in chosen]
    moves = max(1, len(stills) - 1)
    each = round(min(160, max(40, 1000 * seconds / moves)), -1)  # ms; a GIF counts in tens of them
    times, file = [each] * (len(stills) - 1) + [round(1000 * rest)], io.BytesIO()
    stills[0].save(file, "GIF", save_all=True, append_images=stills[1:], duration=times, loop=0)
    return file.getvalue()


def film(frames: Sequence[np.ndarray], seconds: float = 4.0, rest: float = 1.5) -> bytes:
    """Frames uint8 (H, W, 3) as an MP4 that lasts `seconds` and rests on the last one; VP9, which browsers play.

    Raises `RequestError` where OpenCV came without that codec (H.264 it may not ship).
    """
    import cv2  # only once somebody wants a film

    pace = min(25.0, max(4.0, (len(frames) - 1) / seconds))
    height, width = (side - side % 2 for side in frames[0].shape[:2])  # chroma is stored for two by two pixels
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"vp09"), pace, (width, height))
        if not writer.isOpened():
            raise RequestError("OpenCV on this machine writes no VP9; take the GIF, or install opencv-python-headless.")
        try:
            for frame in [*frames, *[frames[-1]] * round(pace * rest)]:
                writer.write(np.ascontiguousarray(frame[:height, :width, ::-1]))
        finally:
            writer.release()
        return path.read_bytes()
