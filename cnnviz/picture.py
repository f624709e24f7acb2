"""Images: arrays become colours, overlays, mosaics and bytes.

One meaning per colour: heat in HEAT, activations around 0 in ACTIVATION, weights around 0 in WEIGHT, inputs in INPUT.
"""

from __future__ import annotations

import base64
import functools
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from PIL import Image

from cnnviz.arrays import Heat
from cnnviz.options import RequestError
from cnnviz.photo import Photo

if TYPE_CHECKING:
    from cmap import Colormap

HEAT = "inferno"
ACTIVATION = "cmasher:iceburn"  # 0 is black, above it is warm, below it is cold
WEIGHT = "crameri:vik"
INPUT = "gray"
DIRECTION = "crameri:romao"  # cyclic, so that 179 and 1 degree look alike
ALPHAS = ("heat", "uniform")  # how opaque a heat map is: the more the hotter a place, or everywhere alike
OPACITY = 0.7  # of an overlay whose alpha is heat, on pages and on the command line
HEAT_MAPS = ("inferno", "magma", "viridis", "cividis", "gray", "turbo")  # what a page offers; turbo is not uniform
GAP = (66, 68, 72)  # the grey between tiles, told apart from black and from white
NOWHERE = (128, 128, 128)  # the colour of NaN


class PictureError(RequestError):
    """An image that cannot be drawn; the message says why and what to do next."""


def colourise(values: np.ndarray, colour_map: str = HEAT) -> np.ndarray:
    """Colours of values in 0..1 (clipped; NaN is grey), uint8 of the values' shape and a last axis of 3.

    Raises `PictureError` for a colour map that the `cmap` package does not know.
    """
    table = _table(colour_map)
    values = np.asarray(values, np.float32)
    holes = np.isnan(values)
    index = (np.clip(np.where(holes, 0, values), 0, 1) * 256).astype(np.uint16)
    colours: np.ndarray = table[np.where(holes, 256, np.minimum(index, 255))]  # the 257th colour is NaN's
    return colours


def diverging(values: np.ndarray, limit: float | None = None, colour_map: str = ACTIVATION) -> np.ndarray:
    """Colours of signed values, 0 in the map's middle and +-limit (their largest size by default) at its ends."""
    values = np.asarray(values, np.float32)
    reach = _reach(values) if limit is None else float(limit)
    return colourise(values / (2 * (reach or 1.0)) + np.float32(0.5), colour_map)


def directions(angle: np.ndarray, strength: np.ndarray, most: float = 0.0) -> np.ndarray:
    """Colours of directions in degrees 0..180 (H, W), the darker the weaker, uint8 (H, W, 3).

    The brightest have the strength `most`; 0 stands for the largest.
    """
    light = np.minimum(np.asarray(strength, np.float32) / (most or strength.max() or 1.0), 1.0)
    turn = colourise(np.asarray(angle, np.float32) / 180, DIRECTION)
    darkened: np.ndarray = np.rint(turn * light[..., None])
    return darkened.astype(np.uint8)


def is_diverging(colour_map: str) -> bool:
    """Whether a colour map has a middle, so that it belongs to signed values."""
    return _map(colour_map).category == "diverging"


def overlay(
    photo: Photo | np.ndarray,
    heat: Heat | np.ndarray,
    opacity: float = 0.5,
    colour_map: str = HEAT,
    *,
    side: int | None = None,
    threshold: float = 0.0,
    alpha: str = "uniform",
) -> Image.Image:
    """The photo under its heat: (1 - opacity) x photo + opacity x colours, a PIL image of the photo's size.

    `heat` is a Heatmap, laid over the pixels of the network's input while the rest of the photo fades, or any
    (H, W) array in 0..1, stretched over the whole photo. `side` bounds the longer side of the result in pixels; heat
    below the `threshold` is left out. With `alpha` "heat" the opacity of each place is multiplied by its heat.
    """
    if alpha not in ALPHAS:
        raise PictureError(f"The alpha of an overlay is {' or '.join(ALPHAS)}, not {alpha!r}.")
    pixels = _pixels(photo)
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width)) if side else 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = resize(pixels, *size).astype(np.float32)
    values, box = cast(Heat, heat).lying if hasattr(heat, "lying") else (np.asarray(heat, np.float32), None)
    if values.ndim != 2:
        raise PictureError(f"Heat has shape {values.shape}; give one map of shape (H, W).")
    left, top, across, down = (0, 0, width, height) if box is None else box
    x, y = (max(0, min(n - 1, round(at * scale))) for at, n in zip((left, top), size, strict=True))
    right = max(x + 1, min(size[0], round((left + across) * scale)))
    low = max(y + 1, min(size[1], round((top + down) * scale)))
    warmth = resize(values, right - x, low - y)
    colours = colourise(warmth, colour_map)
    under = canvas[y:low, x:right]
    drawn = _faded(canvas) if under.shape != canvas.shape else canvas.copy()
    share = np.float32(opacity) * (np.clip(warmth, 0, 1) if alpha == "heat" else np.ones_like(warmth))[..., None]
    share[warmth < threshold] = 0
    drawn[y:low, x:right] = under * (1 - share) + colours * share
    return Image.fromarray(np.rint(drawn).astype(np.uint8))


def mosaic(
    maps: np.ndarray,
    *,
    columns: int | None = None,
    scope: Literal["channel", "layer"] = "layer",
    colour_map: str = ACTIVATION,
    tile: int | None = None,
    gap: int = 1,
    limit: float | None = None,
) -> np.ndarray:
    """All maps (C, H, W) side by side in rows, uint8 (rows x tile, columns x tile, 3) with grey gaps.

    `scope` is what shares one scale: the whole layer or each channel by itself. A diverging map keeps 0 in its middle;
    any other runs from lowest to highest. `tile` is the wanted size of a tile in pixels: small maps grow by a whole
    factor, so that a value stays a square; large ones are averaged down. `limit` is the value at the ends of a
    diverging map, in place of the layer's own largest.
    """
    maps = np.asarray(maps, np.float32)
    if maps.ndim != 3 or 0 in maps.shape:
        raise PictureError(f"A mosaic takes maps of shape (C, H, W), not {maps.shape}.")
    maps = _sized(maps, tile)
    count, height, width = maps.shape
    colours = colourise(_scaled(maps, scope, is_diverging(colour_map), limit), colour_map)  # (C, H, W, 3)
    return grid(colours, columns or wide(count, height / width), gap=gap)


def grid(
    pictures: np.ndarray | Sequence[np.ndarray],
    columns: int,
    *,
    gap: int = 4,
    border: int = 0,
    ground: Sequence[int] = GAP,
) -> np.ndarray:
    """Images uint8 (H, W, 3), all of one size, side by side in rows, uint8 (h, w, 3); `ground` shows between them."""
    height, width = pictures[0].shape[:2]
    rows, pitch = -(-len(pictures) // columns), (height + gap, width + gap)
    size = rows * pitch[0] - gap + 2 * border, columns * pitch[1] - gap + 2 * border
    drawn = np.full((*size, 3), ground, np.uint8)
    for i, one in enumerate(pictures):
        y, x = border + i // columns * pitch[0], border + i % columns * pitch[1]
        drawn[y : y + height, x : x + width] = one
    return drawn


def wide(count: int, ratio: float = 1.0, shape: float = 2.0) -> int:
    """How many columns make a mosaic of `count` tiles (each `ratio` times as high as wide) about `shape` to 1."""
    best = max(1, min(count, round(math.sqrt(count * ratio * shape))))
    even = [n for n in range(max(1, best * 2 // 3), min(count, best * 3 // 2) + 1) if count % n == 0]
    return min(even, key=lambda n: abs(n - best)) if even else best


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The array (H, W) or (H, W, 3) at another size, same type: averaged when it shrinks, bilinear when it grows."""
    if pixels.shape[:2] == (height, width):
        return pixels
    import cv2

    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def fit(picture: Photo | np.ndarray | Image.Image, side: int) -> np.ndarray:
    """The image with its longer side at most `side` pixels, uint8 (H, W, 3); it never grows."""
    pixels = _pixels(picture)
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return resize(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))


def encode(
    picture: Photo | np.ndarray | Image.Image, format: Literal["webp", "jpeg", "png"] = "webp", quality: int = 88
) -> bytes:
    """The image's file as bytes; `quality` is 1..100 for webp and jpeg, png loses nothing, nor does webp at 101.

    Many times faster than Pillow at the same size: OpenCV, PNG at level 1, JPEG with full colour resolution.
    """
    import cv2

    full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    settings = {
        "webp": (cv2.IMWRITE_WEBP_QUALITY, quality),
        "jpeg": (cv2.IMWRITE_JPEG_QUALITY, quality, *full),
        "png": (cv2.IMWRITE_PNG_COMPRESSION, 1),
    }
    if format not in settings:
        raise PictureError(f"Images are not written as {format!r}; choose one of {', '.join(settings)}.")
    pixels = _pixels(picture)
    ordered = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    done, data = cv2.imencode(f".{format}", np.ascontiguousarray(ordered), settings[format])
    if not done:
        raise PictureError(f"An image of shape {pixels.shape} cannot be written as {format}; try png.")
    return data.tobytes()


def address(picture: Photo | np.ndarray | Image.Image, quality: int) -> str:
    """The image as a JPEG inside an address, for a page's own HTML."""
    return data_url(encode(picture, "jpeg", quality))


def data_url(file: bytes, kind: str = "jpeg") -> str:
    """An image's file inside an address; `kind` is how its media type ends: jpeg, png, svg+xml."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def gif(frames: np.ndarray | Sequence[np.ndarray], milliseconds: float, rest: int, colours: int | None = None) -> bytes:
    """Frames uint8 (H, W, 3) as an endless GIF: `milliseconds` for each, `rest` for the last.

    `colours` bounds the colours of each frame, which is not dithered then.
    """
    stills = [Image.fromarray(frame) for frame in frames]
    if colours:
        stills = [still.quantize(colours, dither=Image.Dither.NONE) for still in stills]
    times, file = [milliseconds] * (len(stills) - 1) + [rest], io.BytesIO()
    stills[0].save(file, "GIF", save_all=True, append_images=stills[1:], duration=times, loop=0)
    return file.getvalue()


def _pixels(picture: Photo | np.ndarray | Image.Image) -> np.ndarray:
    """What holds a picture, as uint8 (H, W, 3) or grey uint8 (H, W)."""
    if isinstance(picture, Photo):
        return picture.pixels
    pixels = np.asarray(picture.convert("RGB")) if isinstance(picture, Image.Image) else np.asarray(picture)
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise PictureError(f"Pixels are {pixels.dtype} {pixels.shape}; an image is uint8 (H, W, 3) or (H, W).")
    return pixels


def _sized(maps: np.ndarray, tile: int | None) -> np.ndarray:
    """Maps (C, H, W) whose longer side is near `tile`: repeated by a whole factor, or averaged down."""
    longer = max(maps.shape[1:])
    if tile is None or longer == tile:
        return maps
    if longer < tile:
        factor = tile // longer
        return maps.repeat(factor, axis=1).repeat(factor, axis=2)  # (C, H f, W f)
    height, width = (max(1, round(n * tile / longer)) for n in maps.shape[1:])
    return np.stack([resize(m, width, height) for m in maps])


def _scaled(maps: np.ndarray, scope: str, signed: bool, limit: float | None = None) -> np.ndarray:
    """Maps (C, H, W) in 0..1, with 0 at 0.5 if signed, sharing one scale within `scope`."""
    if scope not in ("channel", "layer"):
        raise PictureError(f"Maps share a scale within a channel or a layer, not {scope!r}.")
    axes = (1, 2) if scope == "channel" else None
    finite = np.where(np.isfinite(maps), maps, 0)
    if signed:
        reach = np.abs(finite).max(axis=axes, keepdims=True) if limit is None else np.float32(limit)
        return np.asarray(maps / (2 * np.where(reach > 0, reach, 1)) + np.float32(0.5))
    low, high = finite.min(axis=axes, keepdims=True), finite.max(axis=axes, keepdims=True)
    return np.asarray((maps - low) / np.where(high > low, high - low, 1))


def _faded(canvas: np.ndarray) -> np.ndarray:
    """Float pixels (H, W, 3) under a grey veil, that of the page: the part of a photo that the net never saw."""
    return 0.45 * canvas + np.float32(0.55 * 128)


def _reach(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _map(name: str) -> Colormap:
    import cmap

    try:
        return cmap.Colormap(name)
    except (ValueError, TypeError, KeyError):
        raise PictureError(f"There is no colour map {name!r}; {', '.join(HEAT_MAPS)} are some that exist.") from None


@functools.cache
def _table(name: str) -> np.ndarray:
    """The 256 colours of a map and NaN's grey, uint8 (257, 3)."""
    colours = np.rint(_map(name).lut(256)[:, :3] * 255).astype(np.uint8)
    return np.concatenate([colours, np.array([NOWHERE], np.uint8)])
