"""What an image must survive while it is optimised: at each step it is shifted, turned, zoomed or cut.

Only what still excites the channel after that can grow (Mordvintsev, Olah, Tyka, 2015; Olah et al., 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.feature_vis.recipes import Ascent


@dataclass(frozen=True)
class Transform:
    """One random change: shift in px, angle in radians, zoom, and where a window of share `kept` begins (0..1)."""

    down: int
    across: int
    angle: float
    zoom: float
    kept: float
    top: float
    left: float

    def __call__(self, pictures: Tensor) -> Tensor:
        """The pictures (N, C, H, W) changed, all in the same way; differentiable."""
        if self.down or self.across:
            pictures = torch.roll(pictures, (self.down, self.across), (2, 3))
        if self.angle or self.zoom != 1:
            cos, sin = math.cos(self.angle) / self.zoom, math.sin(self.angle) / self.zoom
            turn = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], device=pictures.device)
            grid = F.affine_grid(turn, [1, *pictures.shape[1:]], align_corners=False).expand(len(pictures), -1, -1, -1)
            pictures = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
        if self.kept < 1:
            side = pictures.shape[2]
            window = max(8, round(side * self.kept))
            top, left = (round(at * (side - window)) for at in (self.top, self.left))
            pictures = pictures[:, :, top : top + window, left : left + window]
        return pictures


def shake(ascent: Ascent, generator: torch.Generator) -> Transform:
    """The next change; always draws equally many numbers, so that one option does not alter the course of another."""
    down, across, turn, zoom, top, left = torch.rand(6, generator=generator).tolist()
    reach = 2 * ascent.jitter + 1
    return Transform(
        int(down * reach) - ascent.jitter,
        int(across * reach) - ascent.jitter,
        math.radians(ascent.rotate) * (2 * turn - 1),
        1 + ascent.scale * (2 * zoom - 1),
        1 - ascent.crop,
        top,
        left,
    )
