"""The feature maps of a layer for one photo, with each channel's statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.inference.tap import LayerError


@dataclass(frozen=True)
class Activations:
    """Feature maps float32 (C, H, W) of `layer`, and per channel (C,): mean, max, share of positions above 0."""

    layer: str
    maps: np.ndarray
    mean: np.ndarray
    max: np.ndarray
    alive: np.ndarray
    seen: np.ndarray  # uint8 (h, w, 3): the pixels the net saw

    @property
    def dead(self) -> np.ndarray:
        """Channels (n,) that are 0 or less everywhere on this photo."""
        return np.flatnonzero(self.alive == 0)

    def order(self, by: str, like: int = 0) -> np.ndarray:
        """Channels (C,) with the largest "mean", "max" or "share above 0" first; any other word leaves them so.

        "similarity" begins with channel `like` and continues by the cosine between the maps.
        """
        values = {"mean": self.mean, "max": self.max, "share above 0": self.alive}.get(by)
        if by == "similarity":
            flat = self.maps.reshape(len(self.maps), -1)  # (C, H, W) -> (C, H*W)
            sizes = np.linalg.norm(flat, axis=1) * np.linalg.norm(flat[like])
            values = np.divide(flat @ flat[like], sizes, out=np.zeros_like(sizes), where=sizes > 0)
        return np.arange(len(self.maps)) if values is None else np.argsort(-values, kind="stable")


def activations(layer: str, out: Tensor, seen: np.ndarray) -> Activations:
    """The activations in one layer's output (1, C, H, W); `LayerError` where that is no stack of maps."""
    refuse_shape(layer, out, 1)
    maps = out[0].float().contiguous().cpu().numpy()  # (1, C, H, W) -> (C, H, W)
    flat = maps.reshape(len(maps), -1)  # (C, H, W) -> (C, H*W)
    mean, top, alive = flat.mean(1), flat.max(1), (flat > 0).mean(1, dtype=np.float32)
    return Activations(layer, read_only(maps), read_only(mean), read_only(top), read_only(alive), seen)


def refuse_shape(layer: str, out: Tensor, photos: int) -> None:
    """`LayerError` for the output of a layer for so many photos that is no stack of maps (N, C, H, W)."""
    if out.ndim != 4:
        raise LayerError(
            f"Layer {layer!r} has output {tuple(out.shape[1:])}, not feature maps; choose a convolutional layer."
        )
    if len(out) != photos:
        raise LayerError(
            f"Layer {layer!r} runs on {max(1, len(out) // photos)} parts of the photo at once and has no map of the "
            "whole; choose another layer."
        )


def refuse_whole(layer: str, out: Tensor) -> None:
    """`LayerError` for an output of whole numbers, which have no gradient."""
    if not out.is_floating_point():
        raise LayerError(f"Layer {layer!r} has whole numbers, which have no gradient; choose another layer.")
