"""From photo to network input, and back to the place in the photo: resize, crop or pad, scale, normalise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cnnviz.options import RequestError

if TYPE_CHECKING:
    import torch

    from cnnviz.photo import Photo

RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


FITS = ("crop", "pad", "squash")


class PreprocessError(RequestError):
    """A card or an option asks for a preprocessing that does not exist."""


@dataclass(frozen=True)
class Preprocess:
    """How a network's input is made: resized, its centre cropped, scaled to 0..1, normalised per channel.

    `resize` is the length of the shorter side (the photo keeps its proportions) or (height, width) (it does not);
    `crop` is the side of the centre square or (height, width). One channel means luminance.
    `fit` is how a photo of another shape fits: "crop" cuts that square out of the resized photo, `at` of the way along
    its longer side; "pad" resizes the whole photo into the square and fills the rest with the mean colour; "squash"
    resizes it to the square without keeping its proportions. What a `Photo` asks for by its own `crop` goes first.
    """

    resize: int | tuple[int, int] = 256
    crop: int | tuple[int, int] = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    channels: int = 3
    fit: str = "crop"
    at: float = 0.5

    def __repr__(self) -> str:
        """All values, of `fit` and `at` those that are set: keys on disk are made of it."""
        return f"Preprocess({', '.join(f'{name}={value!r}' for name, value in self.card().items())})"

    def __post_init__(self) -> None:
        sides = (*_pair(self.resize), *_pair(self.crop))
        if any(isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= 4096 for side in sides):
            raise PreprocessError(f"Sizes {sides} are not whole numbers from 1 to 4096; correct the preprocessing.")
        if any(c > r for c, r in zip(_pair(self.crop), _pair(self.resize), strict=True)):
            raise PreprocessError(f"A crop of {self.crop} does not fit in a resize of {self.resize}; make it smaller.")
        if self.interpolation not in RESAMPLE:
            raise PreprocessError(
                f"Interpolation {self.interpolation!r} is unknown; choose one of {', '.join(RESAMPLE)}."
            )
        if self.channels not in (1, 3) or not len(self.mean) == len(self.std) == self.channels:
            raise PreprocessError("Give 1 or 3 channels, and for each one mean and one standard deviation.")
        if not all(math.isfinite(m) for m in self.mean) or not all(math.isfinite(s) and s > 0 for s in self.std):
            raise PreprocessError(f"Means {self.mean} and deviations {self.std} have to be finite, deviations above 0.")
        if self.fit not in FITS or isinstance(self.at, str) or not 0 <= self.at <= 1:
            raise PreprocessError(f"A fit is one of {', '.join(FITS)}, and at a number from 0 to 1; correct them.")

    @property
    def size(self) -> tuple[int, int, int]:
        """The shape of the network's input without the batch: (C, H, W)."""
        return (self.channels, *_pair(self.crop))

    def of(self, photo: Photo) -> Preprocess:
        """The same preprocessing with the crop that the photo asks for."""
        return self.cropped(photo.crop)

    def cropped(self, crop: str | float) -> Preprocess:
        """The same preprocessing with the `crop` of a photo: "centre" is its own, else "pad", "squash", or a place."""
        if crop == "centre":
            return self
        if isinstance(crop, str):
            return dataclasses.replace(self, fit=crop)
        return dataclasses.replace(self, fit="crop", at=crop)

    def see(self, photo: Photo) -> np.ndarray:
        """The pixels of the network's input, uint8 (H, W, 3); three equal channels where it takes luminance only."""
        return self.of(photo).picture(Image.fromarray(photo.pixels))

    def picture(self, image: Image.Image) -> np.ndarray:
        """The pixels of the network's input for an upright image, mode RGB: uint8 (H, W, 3), as `see` gives them."""
        if self.channels == 1:
            image = image.convert("L")
        size = image.height, image.width
        height, width, _, _ = self.laid(*size)
        if (height, width) != size:
            image = image.resize((width, height), RESAMPLE[self.interpolation])
        return self.placed(image, *size)

    def placed(self, resized: Image.Image, full_height: int, full_width: int) -> np.ndarray:
        """The pixels of the network's input, uint8 (H, W, 3), cut out of an image of that size once it is resized."""
        _, _, top, left = self.laid(full_height, full_width)
        crop_height, crop_width = _pair(self.crop)
        if top < 0 or left < 0:
            mean = tuple(round(255 * m) for m in self.mean)
            ground = Image.new(resized.mode, (crop_width, crop_height), mean if len(mean) > 1 else mean[0])
            ground.paste(resized, (-left, -top))
        else:
            ground = resized.crop((left, top, left + crop_width, top + crop_height))
        return np.array(ground.convert("RGB"))

    def tensor(self, seen: np.ndarray) -> torch.Tensor:
        """The network's input for pixels it sees, float32 (1, C, H, W) and contiguous."""
        import torch

        pixels = torch.from_numpy(seen[..., : self.channels].transpose(2, 0, 1).copy())  # (H, W, C) -> (C, H, W)
        mean = torch.tensor(self.mean, dtype=torch.float32).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float32).view(-1, 1, 1)
        return pixels.float().div_(255).sub_(mean).div_(std)[None]  # (1, C, H, W)

    def input(self, photo: Photo, seen: np.ndarray | None = None) -> torch.Tensor:
        """The network's input for a photo, float32 (1, C, H, W); `seen` are its pixels, where they are known."""
        return self.tensor(self.see(photo) if seen is None else seen)

    def box(self, photo: Photo) -> tuple[float, float, float, float]:
        """The part of the photo that is the network's input: (left, top, width, height) in the photo's own pixels.

        Of a padded photo it reaches beyond the photo, as its border does: see `padding`.
        """
        full_height, full_width = photo.pixels.shape[:2]
        height, width, top, left = self.of(photo).laid(full_height, full_width)
        crop_height, crop_width = _pair(self.crop)
        across, down = full_width / width, full_height / height  # photo pixels per resized pixel
        return left * across, top * down, crop_width * across, crop_height * down

    def padding(self, photo: Photo) -> tuple[int, int, int, int]:
        """How wide the border is on the left, top, right and bottom of the network's input; 0 where none is."""
        height, width, top, left = self.of(photo).laid(*photo.pixels.shape[:2])
        crop_height, crop_width = _pair(self.crop)
        return max(0, -left), max(0, -top), max(0, crop_width - width + left), max(0, crop_height - height + top)

    def card(self) -> dict[str, object]:
        """The preprocessing as plain values for a card.json, `fit` and `at` where they are set; `parse` reads it."""
        usual = {"fit": "crop", "at": 0.5}
        return {name: value for name, value in vars(self).items() if name not in usual or value != usual[name]}

    @classmethod
    def parse(cls, card: object) -> Preprocess:
        """The preprocessing written in a card. Raises `PreprocessError` where the card makes no sense."""
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(card, dict) or not set(card) <= known:
            raise PreprocessError(
                f"A card's preprocess is an object with {', '.join(sorted(known))}; correct the card."
            )
        try:
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in card.items()
            }
            return cls(**values)
        except PreprocessError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise PreprocessError(f"The card's preprocess cannot be used ({error}); correct the card.") from None

    def laid(self, full_height: int, full_width: int) -> tuple[int, int, int, int]:
        """Height and width of the whole photo at the scale of the input, and the top and left of its part of it."""
        height, width = self._resized(full_height, full_width)
        down, across = (0.5, self.at) if full_width >= full_height else (self.at, 0.5)
        crop_height, crop_width = _pair(self.crop)
        return height, width, _start(height, crop_height, down), _start(width, crop_width, across)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the whole photo at the scale of the input."""
        crop_height, crop_width = _pair(self.crop)
        if self.fit == "squash":
            return crop_height, crop_width
        if self.fit == "pad":
            share = min(crop_height / height, crop_width / width)
            return max(1, round(height * share)), max(1, round(width * share))
        if isinstance(self.resize, tuple):
            return self.resize
        short, long = sorted((height, width))
        longer = int(self.resize * long / short)
        return (longer, self.resize) if width <= height else (self.resize, longer)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def _start(full: int, crop: int, at: float) -> int:
    # round, not //: torchvision's centre crop rounds halves to even
    return round((full - crop) * at)


def of_config(said: Mapping[str, Any], takes: int = 3) -> Preprocess:
    """The preprocessing in timm's `pretrained_cfg`; for a network that takes one channel, the mean over its colours."""
    height, width = said["input_size"][1:]
    scaled = math.floor(height / said["crop_pct"]), math.floor(width / said["crop_pct"])
    squashed = said.get("crop_mode") == "squash" or height != width
    mean, std = (tuple(map(float, said[name])) for name in ("mean", "std"))
    if takes == 1:
        mean, std = ((sum(values) / len(values),) for values in (mean, std))
    return Preprocess(
        scaled if squashed else scaled[0],
        height if height == width else (height, width),
        mean,
        std,
        said["interpolation"] if said["interpolation"] in RESAMPLE else "bicubic",
        channels=takes,
    )
