"""Images of circles to be counted: as many as the class says, none touching another, none cut by the border."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnviz.data.staging import arriving
from cnnviz.options import Options, RequestError, knob

STYLES = ("discs", "rings", "colours", "noise")
TRIES = 400  # places tried for one circle before the picture is begun anew


class CountingError(RequestError):
    """Circles of that size do not fit into that image."""


@dataclass(frozen=True)
class Counting(Options):
    """What the images show; one class for each number from `low` to `high`."""

    low: int = knob(1, "Fewest circles", low=0, high=200)
    high: int = knob(5, "Most circles", low=1, high=200)
    per_class: int = knob(500, "Images per class", low=2, high=20_000)
    size: int = knob(128, "Side of the square image", low=32, high=512, unit="px")
    smallest: float = knob(4.0, "Smallest radius", low=1.5, high=100.0, step=0.5, unit="px")
    largest: float = knob(10.0, "Largest radius", low=1.5, high=100.0, step=0.5, unit="px")
    gap: float = knob(2.0, "Least space between circles and to the border", low=0.0, high=50.0, step=0.5, unit="px")
    style: str = knob("discs", "White discs, outlines, discs in any colour, or discs on noise", choices=STYLES)
    val_share: float = knob(0.2, "Share of the images for validation", low=0.05, high=0.5, step=0.05)
    seed: int = knob(0, "The same seed gives the same images", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise CountingError(f"Counting from {self.low} to {self.high} leaves fewer than two classes; widen it.")
        if self.smallest > self.largest:
            raise CountingError(f"The smallest radius {self.smallest} is above the largest {self.largest}; swap them.")


def place(count: int, options: Counting, rng: np.random.Generator) -> np.ndarray:
    """Circles as float64 (count, 3): x, y and radius in pixels, at least `gap` apart from each other and the border.

    Raises `CountingError` where so many do not fit.
    """
    for _ in range(60):
        radii = np.sort(rng.uniform(options.smallest, options.largest, count))[
            ::-1
        ]  # the largest find their place first
        found = np.empty((count, 3))
        for i, radius in enumerate(radii):
            margin = radius + options.gap
            if 2 * margin >= options.size:
                break
            spots = rng.uniform(margin, options.size - margin, (TRIES, 2))
            apart = np.linalg.norm(spots[:, None] - found[None, :i, :2], axis=2)  # (TRIES, i)
            free = np.flatnonzero((apart > radius + found[:i, 2] + options.gap).all(axis=1))
            if not len(free):
                break
            found[i] = (*spots[free[0]], radius)
        else:
            return rng.permutation(found)
    raise CountingError(
        f"{count} circles of radius {options.smallest:g} to {options.largest:g} do not fit into "
        f"{options.size} x {options.size} pixels; make them smaller or the image larger."
    )


def draw(count: int, options: Counting, rng: np.random.Generator) -> np.ndarray:
    """An image of `count` circles, uint8 (size, size, 3)."""
    import cv2

    circles = place(count, options, rng)
    size = options.size
    picture = np.zeros((size, size, 3), np.uint8)
    if options.style == "noise":
        picture[:] = rng.integers(0, 90, (size, size, 1), dtype=np.uint8)
    for x, y, radius in circles:
        colour = (255, 255, 255)
        if options.style in ("colours", "noise"):
            red, green, blue = (int(c) for c in rng.integers(110, 256, 3))
            colour = (red, green, blue)
        width = -1 if options.style != "rings" else max(1, round(radius / 4))
        # Centre and radius in sixteenths of a pixel; an outline is drawn inwards, so that it stays within the radius.
        inner = radius - 0.5 - (width / 2 if width > 0 else 0)
        centre = (round((x - 0.5) * 16), round((y - 0.5) * 16))
        cv2.circle(picture, centre, max(8, round(inner * 16)), colour, width, cv2.LINE_AA, shift=4)
    return picture


def usual_name(low: int | str, high: int | str) -> str:
    """What a data set of so many circles is called where nobody says otherwise; plans name it so."""
    return f"counting_{low}_{high}"


def write(folder: Path | str, options: Counting, progress: Callable[[int, int], None] | None = None) -> Path:
    """The folder with train/<number>/ and val/<number>/ as PNG; it appears whole or not at all.

    Each image has a generator of its own, so it depends on its number and place alone. Raises `CountingError`,
    also where the folder has the usual name of another range, by which a plan would take it for that.
    """
    import cv2

    folder = Path(folder)
    usual = re.fullmatch(usual_name(r"(\d+)", r"(\d+)"), folder.name)
    if usual and (int(usual[1]), int(usual[2])) != (options.low, options.high):
        raise CountingError(
            f"The name {folder.name} is for {usual[1]} to {usual[2]} circles, and these are {options.low} to "
            f"{options.high}; choose another name."
        )
    place(options.high, options, np.random.default_rng(options.seed))  # fails at once if it fails at all
    numbers = range(options.low, options.high + 1)
    val = max(1, round(options.per_class * options.val_share))
    try:
        notes = [f"Drawn: {options.low} to {options.high} circles, {options.per_class:,} images of each number."]
        with arriving(folder, CountingError, "circles", notes) as draft:
            for done, number in enumerate(numbers, start=1):
                for split in ("train", "val"):
                    (draft / split / str(number)).mkdir(parents=True)
                for i in range(options.per_class):
                    drawn = draw(number, options, np.random.default_rng((options.seed, number, i)))[..., ::-1]
                    path = draft / ("val" if i < val else "train") / str(number) / f"{i:05d}.png"
                    path.write_bytes(cv2.imencode(".png", drawn, (cv2.IMWRITE_PNG_COMPRESSION, 4))[1].tobytes())
                if progress:
                    progress(done, len(numbers))
    except OSError as error:
        raise CountingError(f"The images could not be written ({error.strerror or error}); free some space.") from None
    return folder
