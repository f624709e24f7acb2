"""Images to slide a window over: the lecture's small ones, and photos cut to a teachable size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnviz import picture
from cnnviz.photo import Photo

SIDE = 256  # px: what the labs compute on at every move


def box(side: int = 28) -> np.ndarray:
    """A bright square on black, uint8 (side, side)."""
    out = np.zeros((side, side), np.uint8)
    out[side // 4 : side - side // 4, side // 4 : side - side // 4] = 255
    return out


def steps(side: int = 5) -> np.ndarray:
    """Every pixel another gray, row by row, uint8 (side, side): small enough to see what a border is made of."""
    return np.linspace(10, 250, side * side).astype(np.uint8).reshape(side, side)


def digit(text: str = "5", side: int = 28) -> np.ndarray:
    """A digit in white on black, uint8 (side, side), as large as those of MNIST."""
    drawn = Image.new("L", (side * 4, side * 4))
    ImageDraw.Draw(drawn).text((side * 2, side * 2), text, 255, ImageFont.load_default(side * 3.4), anchor="mm")
    return np.asarray(drawn.resize((side, side), Image.Resampling.BOX))


def street_number(side: int = 32) -> np.ndarray:
    """A house number in colour with its neighbours cut off, uint8 (side, side, 3), like those of street-view photos."""
    big = side * 4
    y, x = np.mgrid[:big, :big] / big
    wall = np.stack([86 + 40 * y, 104 + 30 * x, 132 - 20 * y], 2)
    drawn = Image.fromarray(wall.astype(np.uint8))
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(big * 0.78)
    for text, place in (("1", -0.06), ("7", 0.47), ("4", 1.02)):
        pen.text((big * place + 3, big * 0.5 + 4), text, (52, 58, 70), font, anchor="mm")
        pen.text((big * place, big * 0.5), text, (236, 224, 196), font, anchor="mm")
    return np.asarray(drawn.resize((side, side), Image.Resampling.BOX))


def shirt(side: int = 28) -> np.ndarray:
    """A shirt in grays, uint8 (side, side), like those of Fashion-MNIST."""
    drawn = Image.new("L", (side * 4, side * 4))
    pen, u = ImageDraw.Draw(drawn), side * 4 / 28
    body = [(8, 4), (11, 3), (17, 3), (20, 4), (26, 9), (23, 13), (20, 11), (20, 25), (8, 25), (8, 11), (5, 13), (2, 9)]
    pen.polygon([(a * u, b * u) for a, b in body], 176)
    pen.ellipse([11 * u, 0.5 * u, 17 * u, 6 * u], 0)
    for row in range(12, 25, 4):
        pen.rectangle([8 * u, row * u, 20 * u, (row + 1.5) * u], 104)
    return np.asarray(drawn.resize((side, side), Image.Resampling.BOX))


def shapes(side: int = 64) -> np.ndarray:
    """A disc, a triangle, a bar and a ramp, uint8 (side, side): edges of every direction."""
    drawn = Image.new("L", (side * 4, side * 4), 24)
    pen, u = ImageDraw.Draw(drawn), side * 4 / 64
    pen.ellipse([5 * u, 5 * u, 29 * u, 29 * u], 230)
    pen.polygon([(47 * u, 6 * u), (60 * u, 29 * u), (34 * u, 29 * u)], 170)
    pen.rectangle([5 * u, 38 * u, 29 * u, 46 * u], 250)
    out = np.array(drawn.resize((side, side), Image.Resampling.BOX))
    n = side // 64
    out[50 * n : 60 * n, 5 * n : 60 * n] = np.linspace(0, 255, 55 * n).astype(np.uint8)
    return out


def fitted(photo: Photo, side: int = SIDE) -> np.ndarray:
    """The photo with its longer side at most `side` pixels, uint8 (H, W, 3)."""
    return picture.fit(photo, side)


def square(photo: Photo, side: int = SIDE) -> np.ndarray:
    """The photo's middle square at `side` pixels, uint8 (side, side, 3)."""
    height, width = photo.pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return picture.resize(np.ascontiguousarray(photo.pixels[top : top + short, left : left + short]), side, side)


def gray(pixels: np.ndarray) -> np.ndarray:
    """The brightness of an image, uint8 (H, W), rounded as Pillow rounds it."""
    return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))


def beside(photo: Photo, side: int = SIDE, drawn: bool = False) -> dict[str, np.ndarray]:
    """The photo and two textures, each its middle square in gray, uint8 (side, side), by name.

    Where they are asked for, a digit and a shirt stand behind them, drawn at that size.
    """
    textures = [Photo.sample(name) for name in ("brick", "coins")]
    shown = [photo, *(texture for texture in textures if texture.digest != photo.digest)]
    squares = {one.name: gray(square(one, side)) for one in shown}
    return squares | ({name: draw(side) for name, draw in DRAWN.items()} if drawn else {})


def planes(pixels: np.ndarray) -> np.ndarray:
    """Gray, and for a colour image red, green and blue after it: uint8 (1 or 4, H, W)."""
    if pixels.ndim == 2:
        return pixels[None]
    return np.concatenate([gray(pixels)[None], np.moveaxis(pixels, 2, 0)])


def looked_at(pixels: np.ndarray, channels: int) -> np.ndarray:
    """The input planes of a filter, uint8 (C, H, W): brightness for one channel, red, green and blue for three."""
    return np.moveaxis(pixels, 2, 0) if channels == 3 else gray(pixels)[None]


# Name -> (title, function without needed arguments).
TEACHING: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
    "box": ("White box", box),
    "steps": ("Grid of 5 × 5 pixels", steps),
    "digit": ("A digit", digit),
    "street": ("House number", street_number),
    "shirt": ("A shirt", shirt),
    "shapes": ("Shapes", shapes),
}
# Drawn as large as a photo: name -> function of the side.
DRAWN: dict[str, Callable[[int], np.ndarray]] = {"digit": lambda side: digit(side=side), "shirt": shirt}
