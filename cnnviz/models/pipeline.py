"""The preprocessing that somebody gives with a network: ours, torchvision's, or any function from a photo to a tensor.

torchvision's usual transforms are read into a `Preprocess`, which is then held to the transform's own output. Every
other function is run as it is; what it does to colours and to places is measured, so that its input can be shown and
laid over the photo.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.models import outputs, transforms
from cnnviz.models.preprocess import Preprocess, PreprocessError, of_config
from cnnviz.photo import Photo

if TYPE_CHECKING:
    Run = Callable[[Photo], Tensor]

SIDES = (224, 32, 28, 64, 96, 128, 256, 299, 384, 48, 512)  # px, the first that a network runs on is taken
SHAPES = ((150, 200), (190, 140))  # of the photos that transforms are tried on


def read(given: object, net: nn.Module) -> tuple[Preprocess, str]:
    """The preprocessing for a network, and in words what it is and where it is from.

    `given` is a `Preprocess`, a torchvision transform or weights with one, a function from a photo (PIL image, `Photo`
    or uint8 array) to a tensor (C, H, W), or None, upon which it is guessed. Raises `PreprocessError` for anything
    else, and for a function that draws random numbers or gives photos of other shapes inputs of other sizes.
    """
    if given is None:
        return _guess(net)
    if isinstance(given, Preprocess):
        return given, f"{_words(given)}, as given"
    preset = getattr(given, "transforms", None)  # of torchvision's weights
    given = preset() if callable(preset) else given
    if not callable(given):
        raise PreprocessError(f"A {type(given).__name__} prepares no photos; give a Preprocess or a function.")
    run = _runner(given)
    one, *others = [run(photo).shape for photo in _photos()]
    if any(other != one for other in others):
        raise PreprocessError(
            f"The preprocessing gives inputs of {tuple(one)} and {tuple(others[0])} for two photos; end it with a "
            "resize or crop to one size."
        )
    if (
        (ours := transforms.read(given))
        and ours.size == tuple(one)[1:]
        and all(torch.allclose(ours.input(p), run(p), atol=1e-4) for p in _photos())
    ):
        return ours, f"{_words(ours)}, read from the transform"
    own = _measured(run, tuple(one)[1:])
    return own, f"{own.size[1]} x {own.size[2]}, by the program's own {_name(given)}"


@dataclass(frozen=True, repr=False)
class Pipeline(Preprocess):
    """A function that is run as it is. `mean` and `std` are what it does to colours where `coloured`, else unknown."""

    run: Run = field(default=lambda photo: torch.empty(0), kw_only=True)
    coloured: bool = field(default=True, kw_only=True)

    def of(self, photo: Photo) -> Preprocess:
        """Itself: what a photo asks for by its own crop is not the function's affair."""
        return self

    def see(self, photo: Photo) -> np.ndarray:
        """The pixels of the network's input, uint8 (H, W, 3); stretched from darkest to lightest where not coloured."""
        x = self.run(photo)[0].float()  # (C, H, W)
        if self.coloured:
            x = x * _column(self.std) + _column(self.mean)
        else:
            x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-12)
        pixels = (255 * x).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)  # (C, H, W) -> (H, W, C)
        return pixels.expand(-1, -1, 3).contiguous().numpy()

    def input(self, photo: Photo, seen: np.ndarray | None = None) -> Tensor:
        """What the function gives for a photo, float32 (1, C, H, W)."""
        return self.run(photo)

    def tensor(self, seen: np.ndarray) -> Tensor:
        """The input for altered pixels. Raises `PreprocessError` where the function's colours are unknown."""
        if not self.coloured:
            raise PreprocessError("The network's own preprocessing cannot be applied to altered pixels.")
        return super().tensor(seen)

    def box(self, photo: Photo) -> tuple[float, float, float, float]:
        """The part of the photo that is the input, measured; the whole photo where the function bends or turns it."""
        return _box(self, photo.height, photo.width)

    def padding(self, photo: Photo) -> tuple[int, int, int, int]:
        """How much of the input lies beyond the photo, by its box."""
        left, top, width, height = self.box(photo)
        beyond = (-left / width, -top / height, (left + width - photo.width) / width)
        sides = (*beyond, (top + height - photo.height) / height)
        lengths = (self.size[2], self.size[1], self.size[2], self.size[1])
        found = [max(0, round(side * length)) for side, length in zip(sides, lengths, strict=True)]
        return found[0], found[1], found[2], found[3]

    def card(self) -> dict[str, object]:
        """What is known of it as plain values."""
        return {"function": "the program's own", "crop": self.crop, "mean": self.mean, "std": self.std}


def _guess(net: nn.Module) -> tuple[Preprocess, str]:
    """ImageNet's usual preprocessing with as many channels as the first convolution takes, at a size that runs."""
    conv = next((part for part in net.modules() if isinstance(part, nn.Conv2d)), None)
    channels = (3, 1) if conv is None else (conv.in_channels,)
    if (own := _configured(net, channels[0])) is not None:
        return own, f"{_words(own)}, from the network's pretrained_cfg"
    if conv is not None and conv.in_channels not in (1, 3):
        raise PreprocessError(f"The network takes {conv.in_channels} channels, and a photo has 3, or 1 in gray.")
    first: Exception | None = None
    for side in SIDES:
        for count in channels:
            usual = Preprocess() if count == 3 else Preprocess(mean=(0.449,), std=(0.226,), channels=1)
            given = {**vars(usual), "crop": side, "resize": side if side < 64 else round(side * 256 / 224)}
            try:
                outputs.tried(net, (count, side, side))
            except outputs.OutputError as error:
                first = first or error
                continue
            found = Preprocess(**given)
            return found, f"{_words(found)}, a guess: ImageNet's usual"
    assert first is not None
    raise first


def _configured(net: nn.Module, channels: int) -> Preprocess | None:
    """What timm keeps beside the modules that it makes, where the network runs on that."""
    held = (vars(part).get("pretrained_cfg") for part in net.modules())
    if (said := next((one for one in held if isinstance(one, Mapping)), None)) is None:
        return None
    try:
        own = of_config(said, channels)
        outputs.tried(net, own.size)
    except (KeyError, TypeError, ValueError):  # also what is refused
        return None
    return own


def _runner(given: Callable[[Any], Any]) -> Run:
    """The function from a photo to its input (1, C, H, W); what it takes a photo as is tried."""
    forms: tuple[Callable[[Photo], Any], ...] = (Photo.image, lambda photo: photo, lambda photo: photo.pixels.copy())
    said = ""
    for form in forms:
        run = functools.partial(_run, given, form)
        try:
            with outputs.Certain():
                once, again = run(_photos()[0]), run(_photos()[0])
        except outputs.RandomError:
            said = "draws random numbers; give the one that is used for validation"
            break
        except PreprocessError:
            raise
        except Exception as error:  # whatever a function of somebody's own does
            said = said or f"fails on a photo ({type(error).__name__}: {outputs.line(error)}); correct it"
            continue
        if not once.isfinite().all():
            said = "gives NaN or infinity for a photo; correct it"
            break
        if torch.equal(once, again):
            return run
        said = "gives another input each time; give the one that is used for validation"
        break
    raise PreprocessError(f"The preprocessing {said}.")


def _run(given: Callable[[Any], Any], form: Callable[[Photo], Any], photo: Photo) -> Tensor:
    with torch.no_grad():
        found = given(form(photo))
    if isinstance(found, Mapping):
        found = next((found[name] for name in ("pixel_values", "image") if name in found), found)
    if found is None:
        raise PreprocessError("The preprocessing gives nothing for a photo; end it with a return.")
    x = found.detach().cpu() if isinstance(found, Tensor) else torch.as_tensor(np.array(found))
    x = x[None] if x.ndim == 3 else x  # (C, H, W) -> (1, C, H, W)
    if x.ndim != 4 or len(x) != 1 or x.shape[1] not in (1, 3):
        cure = "; move its channels to the front" if x.ndim == 4 and x.shape[3] in (1, 3) else ""
        raise PreprocessError(
            f"The preprocessing gives {tuple(x.shape)} for a photo and not (3, H, W) or (1, H, W){cure}."
        )
    return x.float()


def _measured(run: Run, size: tuple[int, ...]) -> Pipeline:
    """A function with what it does to colours: nothing or the same everywhere, per channel and in proportion."""
    channels, height, width = size

    def even(level: int) -> Tensor:
        x = run(Photo.of(np.full((*SHAPES[0], 3), level, np.uint8)))[0]
        return x[:, height // 2, width // 2]  # (C, H, W) -> (C,)

    black, middle, white = even(0), even(51), even(255)
    spread = white - black
    linear = bool((spread > 1e-6).all()) and torch.allclose(middle, black + 0.2 * spread, atol=1e-2)
    std = (1 / spread).tolist() if linear else [1.0] * channels
    mean = (-black / spread).tolist() if linear else [0.0] * channels
    sides = (height, width)
    return Pipeline(sides, sides, tuple(mean), tuple(std), channels=channels, run=run, coloured=linear)


@functools.lru_cache(maxsize=256)
def _box(own: Pipeline, height: int, width: int) -> tuple[float, float, float, float]:
    """Left, top, width and height of the input in a photo of that size, from photos whose brightness is the place."""
    across = _reach(own, np.broadcast_to(np.linspace(0, 255, width), (height, width)), width, 1)
    down = _reach(own, np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width)), height, 0)
    if across is None or down is None:
        return 0.0, 0.0, float(width), float(height)
    return across[0], down[0], across[1], down[1]


def _reach(own: Pipeline, ramp: np.ndarray, length: int, axis: int) -> tuple[float, float] | None:
    """Where the input begins along an axis of the photo and how far it reaches, in the photo's pixels."""
    if not own.coloured:
        return None
    photo = Photo.of(np.repeat(ramp.round().astype(np.uint8)[..., None], 3, 2))
    x = own.run(photo)[0] * _column(own.std) + _column(own.mean)  # (C, H, W) in 0..1
    line = x.mean(0).select(1 - axis, x.shape[2 - axis] // 2).double().numpy()  # (C, H, W) -> (n,)
    count = len(line)
    middle = slice(count // 4, max(count // 4 + 2, 3 * count // 4))  # what is padded lies at the rims
    places, values = np.arange(count)[middle] + 0.5, line[middle] * (length - 1) + 0.5
    slope, start = np.polyfit(places, values, 1)
    bent = float(np.abs(np.polyval((slope, start), places) - values).max()) > 0.02 * length + 1
    return None if bent or slope <= 0 else (float(start), float(slope) * count)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)


@functools.cache
def _photos() -> tuple[Photo, ...]:
    """Two photos, lying and standing, on which transforms that differ give other inputs."""
    draw = np.random.default_rng(0)
    found = []
    for height, width in SHAPES:
        coarse = draw.integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
        found.append(Photo.of(coarse.repeat(10, 0).repeat(10, 1), personal=False))
    return tuple(found)


def _words(own: Preprocess) -> str:
    """Sizes, mean and deviation in words."""
    sides = " x ".join(map(str, own.size[1:]))
    numbers = [", ".join(f"{value:.3g}" for value in values) for values in (own.mean, own.std)]
    return f"{sides} of {own.resize} px, mean {numbers[0]}, deviation {numbers[1]}"


def _name(given: object) -> str:
    return str(getattr(given, "__name__", type(given).__name__))
