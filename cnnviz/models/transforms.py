"""torchvision's usual transforms (resize, crop, gray, scale, normalise), read into a `Preprocess`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from cnnviz.models.preprocess import RESAMPLE, Preprocess, PreprocessError


def read(transform: Any) -> Preprocess | None:
    """The same as torchvision's transform, where it is one of the usual kind; None for any other function."""
    found: dict[str, Any] = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    for step in _steps(transform):
        kind = type(step).__name__
        if kind == "ImageClassification":
            found |= {"resize": step.resize_size, "crop": step.crop_size, "mean": step.mean, "std": step.std}
            found["interpolation"] = getattr(step.interpolation, "value", step.interpolation)
        elif kind == "Resize":
            found |= {"resize": step.size, "interpolation": getattr(step.interpolation, "value", step.interpolation)}
        elif kind == "CenterCrop":
            found["crop"] = step.size
        elif kind == "Normalize":
            found |= {"mean": step.mean, "std": step.std}
        elif kind == "Grayscale" and getattr(step, "num_output_channels", 1) == 1:
            found |= {"channels": 1, "mean": (0.0,), "std": (1.0,)}
        elif kind not in ("ToTensor", "PILToTensor", "ConvertImageDtype", "ToImage", "ToDtype"):
            return None
    if "resize" not in found or found.get("interpolation") not in RESAMPLE:
        return None
    found |= {name: _plain(value) for name, value in found.items() if name in ("resize", "crop")}
    found |= {name: tuple(map(float, found[name])) for name in ("mean", "std")}
    try:
        return Preprocess(**{"crop": found["resize"], **found})
    except (PreprocessError, TypeError):
        return None


def _steps(transform: Any) -> Iterator[Any]:
    """The transforms that one is made of."""
    inner = getattr(transform, "transforms", None)
    if isinstance(transform, nn.Sequential):
        inner = list(transform)
    if not isinstance(inner, (list, tuple)):
        yield transform
        return
    for one in inner:
        yield from _steps(one)


def _plain(size: Any) -> Any:
    """A size as `Preprocess` has it: a number, or a pair."""
    sides = (size,) if isinstance(size, int) else tuple(size)
    return sides[0] if len(sides) == 1 else sides
