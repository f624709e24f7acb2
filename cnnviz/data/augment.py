"""Augmentation: every image of a batch rotated, translated, sheared, zoomed, flipped and recoloured by its own draw.

All geometry is one resampling, on whatever device the batch is. With the same draws the result is that of torchvision's
transforms v2 (`affine`, `adjust_brightness`, ...), which work one image at a time; tests compare them.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.options import Options, knob

if TYPE_CHECKING:  # a page reads the options without the seconds that torch takes
    import torch
    from torch import Tensor

FILLS = ("zeros", "border", "reflection")
GREY = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class Augment(Options):
    """The range of each change, those that go together in pairs; everything at its default changes nothing."""

    rotate: float = knob(0.0, "Rotated by up to this much to either side", low=0, high=180, step=1, unit="degrees")
    shear: float = knob(0.0, "Sheared by up to this much to either side", low=0, high=60, step=1, unit="degrees")
    zoom_low: float = knob(
        1.0, "Smallest zoom; below 1 the image shrinks", low=0.25, high=1.0, step=0.05, title="Minimum zoom"
    )
    zoom_high: float = knob(
        1.0, "Largest zoom; above 1 its borders are lost", low=1.0, high=4.0, step=0.05, title="Maximum zoom"
    )
    shift: float = knob(0.0, "Translated by up to this share of the side, across and down", low=0, high=0.5, step=0.01)
    fill: str = knob("reflection", "How pixels outside the image are filled", choices=FILLS)
    flip: bool = knob(False, "Horizontal flip, half of the time", title="Horizontal flip")
    flip_down: bool = knob(False, "Vertical flip, half of the time", title="Vertical flip")
    brightness: float = knob(0.0, "Brightness changed by up to this share", low=0, high=1, step=0.05)
    contrast: float = knob(0.0, "Contrast changed by up to this share", low=0, high=1, step=0.05)
    saturation: float = knob(0.0, "Saturation changed by up to this share", low=0, high=1, step=0.05)


@dataclass(frozen=True)
class Draw:
    """One draw for each image of a batch: angles in degrees, shifts as shares of the side, factors; each (N,)."""

    angle: Tensor
    across: Tensor
    down: Tensor
    shear: Tensor
    zoom: Tensor
    mirror: Tensor  # -1 or 1
    mirror_down: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor

    def to(self, device: torch.device) -> Draw:
        """The same draw on another device."""
        return Draw(**{field.name: getattr(self, field.name).to(device) for field in dataclasses.fields(self)})


def draw(options: Augment, count: int, generator: torch.Generator) -> Draw:
    """Changes for `count` images, drawn from a CPU generator: the same seed, the same changes, on any device."""
    import torch

    def within(reach: float, middle: float = 0.0) -> Tensor:
        return middle + (torch.rand(count, generator=generator) * 2 - 1) * reach

    def mirrored(on: bool) -> Tensor:
        coins = torch.rand(count, generator=generator)
        return torch.where((coins < 0.5) & on, -1.0, 1.0)

    low, high = math.log(options.zoom_low), math.log(options.zoom_high)  # so that 1/2 is as likely as 2
    return Draw(
        angle=within(options.rotate),
        across=within(options.shift),
        down=within(options.shift),
        shear=within(options.shear),
        zoom=torch.exp(within((high - low) / 2, (high + low) / 2)),
        mirror=mirrored(options.flip),
        mirror_down=mirrored(options.flip_down),
        brightness=within(options.brightness, 1.0),
        contrast=within(options.contrast, 1.0),
        saturation=within(options.saturation, 1.0),
    )


def augment(pixels: Tensor, options: Augment, drawn: Draw) -> Tensor:
    """The changed images, float32 (N, C, H, W) in 0..1, for pixels uint8 or 0..1 float of that shape."""
    import torch

    x = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
    if any((options.rotate, options.shift, options.shear)) or _zooms(options):
        x = _moved(x, options, drawn)
    elif options.flip or options.flip_down:
        x = torch.where((drawn.mirror < 0).view(-1, 1, 1, 1), x.flip(3), x)
        x = torch.where((drawn.mirror_down < 0).view(-1, 1, 1, 1), x.flip(2), x)
    if options.brightness:
        x = (x * drawn.brightness.view(-1, 1, 1, 1)).clamp(0, 1)
    if options.contrast:
        middle = _grey(x).mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
        x = _blend(x, middle, drawn.contrast)
    if options.saturation and x.shape[1] == 3:
        x = _blend(x, _grey(x), drawn.saturation)
    return x


def nothing(options: Augment) -> bool:
    """Whether these options change nothing at all."""
    return dataclasses.replace(options, fill="reflection") == Augment()


def variants(pixels: Tensor, options: Augment, count: int, seed: int) -> Tensor:
    """`count` variants of one image uint8 (C, H, W), uint8 (count, C, H, W)."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    batch = pixels[None].expand(count, -1, -1, -1)
    changed = augment(batch, options, draw(options, count, generator))
    return (changed * 255).round().clamp(0, 255).to(torch.uint8)


def _zooms(options: Augment) -> bool:
    return options.zoom_low != 1 or options.zoom_high != 1


def _moved(x: Tensor, options: Augment, drawn: Draw) -> Tensor:
    """The pictures rotated, sheared, zoomed, shifted and mirrored about their centre, in one bilinear resampling."""
    import torch
    import torch.nn.functional as F

    n, _, height, width = x.shape
    angle, shear = torch.deg2rad(drawn.angle), torch.deg2rad(drawn.shear)
    # torchvision's order: mirror, then shear, rotate and zoom, then shift. Sampling needs the inverse.
    a = torch.cos(angle)
    b = -torch.cos(angle) * torch.tan(shear) - torch.sin(angle)
    c = torch.sin(angle)
    d = -torch.sin(angle) * torch.tan(shear) + torch.cos(angle)
    m = torch.stack([d / drawn.zoom, -b / drawn.zoom, -c / drawn.zoom, a / drawn.zoom], 1).view(n, 2, 2)
    shift = torch.stack([drawn.across * width, drawn.down * height], 1)  # (N, 2), pixels
    offset = -(m @ shift[..., None])  # (N, 2, 1)
    mirror = torch.stack([drawn.mirror, drawn.mirror_down], 1)[..., None]  # (N, 2, 1)
    m, offset = m * mirror, offset * mirror
    # From pixels to grid_sample's -1..1 on each axis.
    half = torch.tensor([width / 2, height / 2], device=x.device)
    theta = torch.cat([m * half.view(1, 1, 2) / half.view(1, 2, 1), offset / half.view(1, 2, 1)], 2)  # (N, 2, 3)
    grid = F.affine_grid(theta, [n, 1, height, width], align_corners=False)  # (N, H, W, 2)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=options.fill, align_corners=False)


def _grey(x: Tensor) -> Tensor:
    """Luminance (N, 1, H, W)."""
    import torch

    if x.shape[1] == 1:
        return x
    return (x * torch.tensor(GREY, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blend(x: Tensor, other: Tensor, share: Tensor) -> Tensor:
    share = share.view(-1, 1, 1, 1)
    return (x * share + other * (1 - share)).clamp(0, 1)


# What the lectures use for photos (Keras' ImageDataGenerator), and what keeps every circle in the picture.
PRESETS: dict[str, Augment] = {
    "none": Augment(),
    "photos": Augment(
        rotate=40, shift=0.2, shear=20, zoom_low=0.8, zoom_high=1.2, flip=True, brightness=0.2, contrast=0.2
    ),
    "circles": Augment(rotate=0, flip=True, flip_down=True),
    "digits": Augment(rotate=10, shift=0.08, shear=5, zoom_low=0.9, zoom_high=1.1, fill="zeros"),
}
