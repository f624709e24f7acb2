"""Which channels are asked for, and filter images side by side or in one archive. Needs no torch."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from cnnviz.options import RequestError
from cnnviz.picture import encode, grid

PLAIN = ("ReLU", "Pool", "Dropout", "Norm", "Hardswish", "SiLU", "Sigmoid", "Identity", "Permute")  # nothing learned
NUMBER = r"\d{1,18}"


class ChannelsError(RequestError):
    """A layer that does not have the channels asked for."""


def channels(wanted: str, count: int, seed: int = 0, top: Callable[[], Sequence[int]] | None = None) -> tuple[int, ...]:
    """The channels that "0-63", "3,7,20-25", "random:6" or "top:9" stand for, of a layer that has `count`.

    `top` lists all channels, the one that answers a photo most first. Raises `RequestError` where nothing fits.
    """
    text = wanted.replace(" ", "")
    kind, colon, number = text.partition(":")
    if colon and kind in ("random", "top") and re.fullmatch(NUMBER, number) and int(number):
        many = min(int(number), count)
        if kind == "random":
            return tuple(sorted(int(c) for c in np.random.default_rng(seed).permutation(count)[:many]))
        if top is None:
            raise RequestError("The top channels are those of a photo; name one.")
        return tuple(int(c) for c in top()[:many])
    chosen: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(rf"({NUMBER})(?:-({NUMBER}))?", part)
        if match is None:
            raise RequestError(f"{wanted[:40]!r} names no channels; write for example 0-15, 3,7,20, random:6 or top:9.")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= count:
            raise ChannelsError(f"{part} does not fit: the layer has channels 0 to {count - 1}.")
        chosen.update(dict.fromkeys(range(first, last + 1)))
    return tuple(chosen)


def layers(names: Sequence[str], kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Of the layers with maps those that learn something: convolutions and blocks, in execution order."""
    return tuple(name for name in names if not any(plain in kinds.get(name, "") for plain in PLAIN))


def contact_sheet(
    pictures: Sequence[np.ndarray], columns: int = 0, gap: int = 4, side: int = 0, ground: Sequence[int] = (255,) * 3
) -> np.ndarray:
    """Images uint8 (H, W, 3) in rows on a ground, each `side` px (its own largest where 0): uint8 (h, w, 3)."""
    side = side or max(len(picture) for picture in pictures)
    columns = columns or max(1, round(len(pictures) ** 0.5 * 1.25))
    sized = [fitted(picture, side) for picture in pictures]
    return grid(sized, min(columns, len(sized)), gap=gap, border=gap, ground=ground)


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """An image uint8 (H, H, 3) at another side."""
    if len(picture) == side:
        return picture
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def archive(pictures: Mapping[str, np.ndarray]) -> bytes:
    """Images uint8 (H, W, 3) by name as PNGs in one zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:  # a PNG is compressed already
        for name, pixels in pictures.items():
            packed.writestr(f"{name}.png", encode(pixels, "png"))
    return file.getvalue()


def file_name(layer: str, channel: int | str) -> str:
    """layer_filter without an ending, as the lectures name these images."""
    return f"{re.sub(r'[^A-Za-z0-9.-]', '-', layer)}_{re.sub(r'[^A-Za-z0-9.+-]', '-', str(channel))}"
