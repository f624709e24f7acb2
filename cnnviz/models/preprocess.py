"""From photo to network input, and back to the place in the photo: resize, crop, scale, normalise."""

from __future__ import annotations

import dataclasses
import math
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


class PreprocessError(RequestError):
    """A card or an option asks for a preprocessing that does not exist."""


@dataclass(frozen=True)
class Preprocess:
    """How a network's input is made: resized, its centre cropped, scaled to 0..1, normalised per channel.

    `resize` is the length of the shorter side (the photo keeps its proportions) or (height, width) (it does not);
    `crop` is the side of the centre square or (height, width). One channel means luminance.
    """

    resize: int | tuple[int, int] = 256
    crop: int | tuple[int, int] = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    channels: int = 3

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
        if not all(math.isfinite(m) for m in self.mean) or not all(0 < s < math.inf for s in self.std):
            raise PreprocessError(f"Means {self.mean} and deviations {self.std} have to be finite, deviations above 0.")

    @property
    def size(self) -> tuple[int, int, int]:
        """The shape of the network's input without the batch: (C, H, W)."""
        return (self.channels, *_pair(self.crop))

    def see(self, photo: Photo) -> np.ndarray:
        """The pixels of the network's input, uint8 (H, W, 3); three equal channels where it takes luminance only."""
        image = Image.fromarray(photo.pixels)
        if self.channels == 1:
            image = image.convert("L")
        height, width = self._resized(image.height, image.width)
        crop_height, crop_width = _pair(self.crop)
        resample = RESAMPLE[self.interpolation]
        if (height, width) != (image.height, image.width):
            image = image.resize((width, height), resample)
        left, top = _middle(width, crop_width), _middle(height, crop_height)
        image = image.crop((left, top, left + crop_width, top + crop_height))
        return np.array(image.convert("RGB"))

    def tensor(self, seen: np.ndarray) -> torch.Tensor:
        """The network's input for pixels it sees, float32 (1, C, H, W), in memory as the pixels are: channels last."""
        import torch

        pixels = torch.from_numpy(seen[..., : self.channels].copy()).permute(2, 0, 1)  # (H, W, C) -> (C, H, W)
        mean = torch.tensor(self.mean, dtype=torch.float32).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float32).view(-1, 1, 1)
        return pixels.float().div_(255).sub_(mean).div_(std)[None]  # (1, C, H, W)

    def box(self, photo: Photo) -> tuple[float, float, float, float]:
        """The part of the photo that is the network's input: (left, top, width, height) in the photo's own pixels."""
        full_height, full_width = photo.pixels.shape[:2]
        height, width = self._resized(full_height, full_width)
        crop_height, crop_width = _pair(self.crop)
        across, down = full_width / width, full_height / height  # photo pixels per resized pixel
        left, top = _middle(width, crop_width) * across, _middle(height, crop_height) * down
        return left, top, crop_width * across, crop_height * down

    def card(self) -> dict[str, object]:
        """The preprocessing as plain values for a card.json; `Preprocess.parse` reads them back."""
        return dataclasses.asdict(self)

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
        except (TypeError, ValueError) as error:
            raise PreprocessError(f"The card's preprocess cannot be used ({error}); correct the card.") from None

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the whole photo at the scale the net sees it."""
        if isinstance(self.resize, tuple):
            return self.resize
        short, long = sorted((height, width))
        longer = int(self.resize * long / short)
        return (longer, self.resize) if width <= height else (self.resize, longer)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def _middle(full: int, crop: int) -> int:
    # round, not //: torchvision's centre crop rounds halves to even
    return round((full - crop) / 2)
