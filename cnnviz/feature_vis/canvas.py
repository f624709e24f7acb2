"""How an image is stored while it grows: as pixels, or as the spectrum of decorrelated colours.

A canvas is a tensor of parameters and the way from it to the network's input. Pixels are stored as the network takes
them. A spectrum is weighed by 1/f, as natural images are, and its colours are stirred by the correlations of natural
images, so that a step of equal length moves all of it equally far (Olah, Mordvintsev, Schubert, 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Square root of the covariance of red, green and blue over ImageNet, largest column of length 1 (Olah et al., 2017).
STIR = ((0.5628, 0.1948, 0.0433), (0.5845, 0.0, -0.1078), (0.5845, -0.1948, 0.0643))
CALM = 0.25  # of a spectrum: makes one unit of it about one unit of a pixel before the sigmoid


@dataclass(frozen=True)
class Canvas:
    """The way from parameters to images. `mean` and `std` are the network's normalisation, one value a channel."""

    kind: str  # "pixel" or "fourier"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    decorrelate: bool = True
    clip: bool = True

    def blank(self, count: int, side: int, seed: int, start: str, spread: float, photo: Tensor | None = None) -> Tensor:
        """Parameters of `count` equal images of side `side`: uniform noise, gray, or a photo (C, side, side) in 0..1.

        `spread` is the range of the noise, around gray, in 0..1. The generator is local: the same seed, the same noise.
        """
        shape = (len(self.mean), side, side)
        picture = torch.full(shape, 0.5) if photo is None else photo.cpu()
        if start == "noise":
            generator = torch.Generator().manual_seed(seed)
            if self.kind == "fourier":  # the noise has the spectrum of the canvas
                half = torch.randn(*shape[:2], side // 2 + 1, 2, generator=generator)
                return (half * spread).expand(count, *half.shape).contiguous()
            picture = 0.647 + (torch.rand(shape, generator=generator) - 0.5) * spread  # 165/255, as in the lectures
        return self.stored(picture.expand(count, *shape))

    def stored(self, pictures: Tensor) -> Tensor:
        """Parameters of images (N, C, H, W) in 0..1."""
        if self.kind == "pixel":
            return self.net_units(pictures).contiguous()
        bounded = pictures.clamp(0.02, 0.98)
        return self._spectrum(torch.log(bounded / (1 - bounded)))

    def paint(self, parameters: Tensor) -> Tensor:
        """The network's input, normalised (N, C, H, W); differentiable."""
        if self.kind == "pixel":
            return parameters
        return self.net_units(torch.sigmoid(self._plane(parameters)))

    def grown(self, parameters: Tensor, side: int) -> Tensor:
        """The same images at another side."""
        plane = parameters if self.kind == "pixel" else self._plane(parameters)
        larger = F.interpolate(plane, size=(side, side), mode="bicubic", align_corners=False)
        return larger if self.kind == "pixel" else self._spectrum(larger)

    def length(self, change: Tensor) -> Tensor:
        """Root mean square (N,) over the pixels that a change of the parameters makes."""
        if self.kind == "pixel":
            return change.square().mean((1, 2, 3)).sqrt()
        side = change.shape[2]
        power = (change * _weight(side, change.device)[..., None]).square().sum((1, 2, 4))  # -> (N, S//2+1)
        power[:, 1 : (side + 1) // 2] *= 2  # the other half of the spectrum is its mirror image
        return (power.sum(1) / (change.shape[1] * side * side)).sqrt()

    def bounded(self, parameters: Tensor) -> Tensor:
        """Parameters whose images can be shown: pixels kept in 0..1. A spectrum goes through a sigmoid anyway."""
        if self.kind == "fourier" or not self.clip:
            return parameters
        low, high = self.net_units(torch.zeros(1, 1, 1, 1)), self.net_units(torch.ones(1, 1, 1, 1))
        return parameters.clamp(low.to(parameters.device), high.to(parameters.device))

    def shown(self, seen: Tensor) -> Tensor:
        """Images (N, C, H, W) in 0..1 of the network's input, cut off where they cannot be shown."""
        mean, std = self._normal(seen.device)
        return (seen * std + mean).clamp(0, 1)

    def net_units(self, pictures: Tensor) -> Tensor:
        """Images in 0..1 as the network takes them."""
        mean, std = self._normal(pictures.device)
        return (pictures - mean) / std

    def _normal(self, device: torch.device) -> tuple[Tensor, Tensor]:
        mean, std = torch.tensor(self.mean, device=device), torch.tensor(self.std, device=device)
        return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def _plane(self, parameters: Tensor) -> Tensor:
        """Pixels before the sigmoid (N, C, S, S) of a spectrum (N, C, S, S//2+1, 2)."""
        side = parameters.shape[2]
        spectrum = torch.view_as_complex(parameters) * _weight(side, parameters.device)
        plane = torch.fft.irfft2(spectrum, s=(side, side), norm="ortho")
        return torch.einsum("dc,nchw->ndhw", self._stir(parameters.device), plane)

    def _spectrum(self, plane: Tensor) -> Tensor:
        """The spectrum (N, C, S, S//2+1, 2) of pixels before the sigmoid."""
        still = torch.linalg.inv(self._stir(plane.device))
        spectrum = torch.fft.rfft2(torch.einsum("dc,nchw->ndhw", still, plane), norm="ortho")
        return torch.view_as_real(spectrum / _weight(plane.shape[-1], plane.device)).contiguous()

    def _stir(self, device: torch.device) -> Tensor:
        channels = len(self.mean)
        if self.decorrelate and channels == 3:
            return torch.tensor(STIR, device=device)
        return torch.eye(channels, device=device)


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """Images (N, C, H, W) smoothed by a Gaussian of `sigma` px; edges repeat."""
    reach = max(1, math.ceil(2.5 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, 1, -1)
    across = F.conv2d(F.pad(pictures, (reach, reach, 0, 0), "replicate"), kernel, groups=len(kernel))
    return F.conv2d(F.pad(across, (0, 0, reach, reach), "replicate"), kernel.mT, groups=len(kernel))


def variation(pictures: Tensor) -> Tensor:
    """The gradient (N, C, H, W) of the total variation of images. Rudin, Osher, Fatemi, 1992."""
    gradient = torch.zeros_like(pictures)
    for axis in (-2, -1):
        step = torch.diff(pictures, dim=axis)
        flow = step / torch.sqrt(step**2 + 1e-4)
        size = pictures.shape[axis]
        gradient.narrow(axis, 1, size - 1).add_(flow)
        gradient.narrow(axis, 0, size - 1).sub_(flow)
    return gradient


def _weight(side: int, device: torch.device) -> Tensor:
    """How much each frequency (side, side//2+1) counts: 1/f, the lowest as much as one turn over the canvas."""
    across = torch.fft.rfftfreq(side, device=device)
    down = torch.fft.fftfreq(side, device=device)
    frequency = torch.sqrt(down[:, None] ** 2 + across[None] ** 2)
    return CALM / frequency.clamp_min(1 / side)
