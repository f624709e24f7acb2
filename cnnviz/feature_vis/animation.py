"""Filter images one after another: how they grew, as a GIF or an MP4. Needs no torch."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import repeat
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from cnnviz import picture
from cnnviz.feature_vis import sheet

if TYPE_CHECKING:
    from av import VideoFrame

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
    """`count` frames uint8 (H, W, 3) as an MP4 of `seconds` that rests on the last one, made in memory.

    H.264 with half the resolution in colour (yuv420p), which every browser, phone and slide program plays; its table
    of contents comes first, so that it plays while it loads. An odd row or column is left out.
    """
    import av  # only once somebody wants a film

    pace = min(25.0, max(4.0, (count - 1) / seconds))
    still = round(pace * rest)
    file, contents = io.BytesIO(), 4096 + 64 * (count + still)  # bytes kept free: more than twice what they take
    with av.open(file, "w", format="mp4", container_options={"moov_size": str(contents)}) as out:
        stream = out.add_stream("libx264", Fraction(pace).limit_denominator(1000), options=X264)
        stream.pix_fmt, stream.codec_context.color_range = "yuv420p", LIMITED
        stream.codec_context.colorspace = stream.codec_context.color_primaries = BT709
        stream.codec_context.color_trc = BT709
        for i, frame in enumerate(_resting(frames, still)):
            height, width = (side // 2 * 2 for side in frame.shape[:2])
            if not i:
                stream.height, stream.width = height, width
            out.mux(stream.encode(_yuv(frame[:height, :width])))
        out.mux(stream.encode())
    return file.getvalue()


def _resting(frames: Iterable[T], times: int) -> Iterator[T]:
    """Frames, and the last one `times` more."""
    for frame in frames:
        yield frame
    yield from repeat(frame, times)


def _yuv(frame: np.ndarray) -> VideoFrame:
    """A frame uint8 (H, W, 3) of even sides as luma and halved chroma, in the colours that the file says it has."""
    from av import VideoFrame

    return VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24").reformat(
        format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED
    )


BT709, LIMITED = 1, 1  # FFmpeg's numbers for HDTV's colours and for luma from 16 to 235
X264 = {"crf": "16", "threads": "1"}  # near lossless; one thread, because the file says how many
