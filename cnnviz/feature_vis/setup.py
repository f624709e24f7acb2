"""Where an image begins, and on which canvases it can grow at all.

The layer is asked once for the start as it is shown: that tells whether it can be maximised, how many channels it has,
and what each of them answers before the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.feature_vis.canvas import Canvas
from cnnviz.feature_vis.objective import responses
from cnnviz.feature_vis.recipes import SMALLEST, Ascent
from cnnviz.options import RequestError


class AscentError(RequestError):
    """A layer or channel that cannot be maximised."""


@dataclass(frozen=True)
class Setup:
    """Where to climb: the network up to a layer, its normalisation, the side in px, the device, the line to wait in.

    `some(channels)` gives what computes these channels alone, or None where that saves nothing.
    """

    trunk: Callable[[Tensor], Tensor]  # (N, C, H, W) -> maps (N, K, h, w) or logits (N, K)
    layer: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int
    device: torch.device
    typical: Callable[[], Tensor]  # how much natural pictures move each channel, (K,); asked only where that matters
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    some: Callable[[Sequence[int]], Callable[[Tensor], Tensor] | None] = lambda channels: None


class InitialImages:
    """Where images begin: the copies of one aim each elsewhere, all aims from the same places."""

    def __init__(self, where: Setup, ascent: Ascent, photo: np.ndarray | None) -> None:
        self.where, self.ascent = where, ascent
        self.canvas = Canvas(ascent.canvas, where.mean, where.std, ascent.decorrelate, ascent.clip)
        self._photo = None
        if photo is not None:
            self._photo = torch.from_numpy(photo[..., : len(where.mean)].copy()).permute(2, 0, 1) / 255  # -> (C, S, S)
        self._answers: dict[int, Tensor] = {}

    def parameters(self, copy: int) -> Tensor:
        """The canvas (1, ...) that a copy begins on."""
        ascent = self.ascent
        seed, side = ascent.seed + copy, self.where.side
        return self.canvas.blank(1, side, seed, ascent.start, ascent.noise, self._photo).to(self.where.device)

    def maps(self, copy: int) -> Tensor:
        """The layer's output for a start as it is shown."""
        pictures = pixels(self.canvas.shown(self.canvas.paint(self.parameters(copy))))
        with torch.no_grad():
            maps = self.where.trunk(net_view(self.where, self.canvas, pictures))
        if maps.ndim in (2, 4):
            self._answers[copy] = responses(maps, self.ascent)[0].cpu()
        return maps

    def answers(self, copy: int) -> Tensor:
        """The response (K,) of each channel to a start as it is shown."""
        if copy not in self._answers:
            self.maps(copy)
        return self._answers[copy]


def net_view(where: Setup, canvas: Canvas, pictures: np.ndarray) -> Tensor:
    """What the network takes of images uint8 (N, H, W, 3): (N, C, H, W)."""
    whole = torch.from_numpy(pictures[..., : len(where.mean)].copy()).to(where.device)
    return canvas.net_units(whole.permute(0, 3, 1, 2) / 255)


@contextmanager
def working(where: Setup) -> Iterator[None]:
    """A place at the device, in ordinary mode whatever the mode of the caller."""
    with where.turn(), torch.inference_mode(False):
        yield


def canvases(where: Setup, ascent: Ascent, starts: InitialImages) -> tuple[list[int], int]:
    """Sides of the canvases, coarse ones first, and the number of channels at the layer.

    Raises `AscentError` where the last canvas is no input for the layer or leaves it a single position.
    """
    with working(where):
        maps = _tried(lambda: starts.maps(0))
        if isinstance(maps, str):
            raise AscentError(f"Layer {where.layer!r} does not run on {where.side} px ({maps}); choose another size.")
        if maps.ndim not in (2, 4):
            raise AscentError(
                f"Layer {where.layer!r} has output {tuple(maps.shape[1:])}; choose one with feature maps or logits."
            )
        if _lone(maps) and isinstance(larger := _black(where, 2 * where.side), Tensor) and not _lone(larger):
            raise AscentError(
                f"On {where.side} px layer {where.layer!r} is one single position; choose {2 * where.side} px."
            )
        sides = []
        for halved in range(0 if ascent.start == "photo" else ascent.coarse, 0, -1):
            side = where.side // 2**halved
            if side >= SMALLEST and isinstance(less := _black(where, side), Tensor) and _lone(less) == _lone(maps):
                sides.append(side)
    return [*sides, where.side][-ascent.steps :], maps.shape[1]


def _black(where: Setup, side: int) -> Tensor | str:
    """The layer's output for a black canvas of that side, or why it cannot."""
    with torch.no_grad():
        return _tried(lambda: where.trunk(torch.zeros(1, len(where.mean), side, side, device=where.device)))


def _tried(run: Callable[[], Tensor]) -> Tensor | str:
    """What a run gives, or why the layer does not run."""
    try:
        return run()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError) as error:
        return str(error).strip().split("\n")[0].rstrip(".")


def _lone(maps: Tensor) -> bool:
    """Whether a layer's output is a single position."""
    return maps.ndim == 4 and maps.shape[2] * maps.shape[3] == 1


def pixels(pictures: Tensor) -> np.ndarray:
    """Images (N, C, H, W) in 0..1 as uint8 (N, H, W, 3), closed to writing."""
    whole = (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()  # -> (N, H, W, C)
    return read_only(np.repeat(whole, 3, 3) if whole.shape[3] == 1 else whole)
