"""What a channel is tuned to: its responses to gratings, colours, discs and places, as physiologists ask a cell.

Every channel of a layer is asked at once, about 500 synthetic images in all. After Hubel and Wiesel, 1962, and Zhou,
Bau, Oliva, Torralba, 2018, in spirit; the selectivity of angles is one minus the circular variance (Mardia, 1972).
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cnnviz.arrays import read_only
from cnnviz.measured import measured

ORIENTATIONS = tuple(15.0 * i for i in range(12))  # degrees of the stripes, 0 is horizontal, counted anticlockwise
PERIODS = (3.0, 4.0, 6.0, 9.0, 14.0, 22.0)  # px per cycle
PHASES = 4
HUES = tuple(30.0 * i for i in range(12))  # degrees
GRAYS = (0.0, 0.25, 0.75, 1.0)
SIZES = (2.0, 4.0, 6.0, 9.0, 13.0, 19.0, 28.0)  # px across
PLACES = 7  # a disc at each of 7 x 7 places
COLOURS = (
    "red",
    "orange",
    "yellow",
    "lime",
    "green",
    "turquoise",
    "cyan",
    "azure",
    "blue",
    "violet",
    "magenta",
    "pink",
)
WEAK = 0.01  # the share of the filter image's activation below which a response counts as none
ALIKE = 0.985  # correlation of two channels' answers from which they are near-duplicates


@dataclass(frozen=True)
class Tuning:
    """Each channel's mean response minus its response to plain gray, float32.

    orientation (K, 12) its best period and phase;  frequency (K, 6) its best orientation and phase;  hue (K, 12)
    gray (K, 4) plain dark to plain bright;  size (K, 7) discs, bright or dark;  place (K, 7, 7) a disc's place
    dead  channels (n,) that nothing moves;  twins  pairs (a, b) of channels that respond alike
    """

    layer: str
    orientation: np.ndarray
    frequency: np.ndarray
    hue: np.ndarray
    gray: np.ndarray
    size: np.ndarray
    place: np.ndarray
    dead: np.ndarray
    twins: np.ndarray

    def badge(self, channel: int, reached: float = 0.0) -> str:
        """What the channel is tuned to, in a few words; nothing where all is weak beside the activation `reached`."""
        if channel in self.dead:
            return "dead: no response to any image"
        said = []
        stripes, hue, gray = (curve[channel].max() for curve in (self.orientation, self.hue, self.gray))
        disc = self.size[channel].max()
        most = max(stripes, hue, gray, disc)
        if most <= 0:
            return "below its mean for every image"
        if most < WEAK * reached:
            return f"none of these images: at most {measured(most)}, the filter image reaches {measured(reached)}"
        if stripes > 0.5 * most:
            angle = ORIENTATIONS[int(self.orientation[channel].argmax())]
            sharp = selectivity(self.orientation[channel], ORIENTATIONS, 2)
            period = PERIODS[int(self.frequency[channel].argmax())]
            said.append(f"gratings at {angle:.0f}°" if sharp > 0.25 else "gratings of any orientation")
            said.append(f"wavelength {period:g} px")
        if hue > 0.5 * most and hue > 1.2 * gray:
            sharp = selectivity(self.hue[channel], HUES, 1)
            said.append(COLOURS[int(self.hue[channel].argmax())] if sharp > 0.2 else "any colour")
        elif gray > 0.5 * most:
            said.append("bright areas" if self.gray[channel, 2:].max() > self.gray[channel, :2].max() else "dark areas")
        if disc > 0.7 * most:
            said.append(f"discs of {SIZES[int(self.size[channel].argmax())]:g} px")
        return ", ".join(said)


def selectivity(curve: np.ndarray, angles: tuple[float, ...], turns: int) -> float:
    """How far answers (n,) single out some of the angles in degrees, 0..1; 2 turns for orientations.

    One minus the circular variance (Ringach, Shapley and Hawken, 2002).
    """
    answers = np.maximum(curve.astype(float), 0)
    if answers.sum() <= 0:
        return 0.0
    return float(abs((answers * np.exp(1j * turns * np.deg2rad(angles))).sum() / answers.sum()))


def tuning(
    layer: str, run: Callable[[Tensor], Tensor], net_units: Callable[[Tensor], Tensor], channels: int, side: int
) -> Tuning:
    """The tuning of every channel of a layer; `run` gives its maps (N, K, h, w) or logits (N, K) for images."""
    pictures = np.concatenate([part.reshape(-1, side, side, 3) for part in stimuli(side).values()])
    found = []
    with torch.no_grad():
        for start in range(0, len(pictures), 32):
            x = torch.from_numpy(pictures[start : start + 32]).permute(0, 3, 1, 2)  # (N, S, S, 3) -> (N, 3, S, S)
            maps = run(net_units(x.mean(1, keepdim=True) if channels == 1 else x))
            found.append((maps.mean((2, 3)) if maps.ndim == 4 else maps).float().cpu())
    answers = torch.cat(found).numpy()
    return _sorted(layer, answers[1:] - answers[0], answers)


def stimuli(side: int) -> dict[str, np.ndarray]:
    """The images in 0..1 by kind, float32 (..., side, side, 3): plain gray first."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) - (side - 1) / 2
    angle = np.deg2rad(ORIENTATIONS).astype(np.float32)[:, None, None, None, None]
    period = np.array(PERIODS, np.float32)[:, None, None, None]
    phase = np.arange(PHASES, dtype=np.float32)[:, None, None] * 2 * np.pi / PHASES
    across = x * np.sin(angle) + y * np.cos(angle)  # at right angles to stripes counted anticlockwise, y down
    stripes = 0.5 + 0.45 * np.sin(2 * np.pi * across / period + phase)  # (12, 6, 4, S, S)
    flat = np.ones((side, side, 1), np.float32)
    hues = np.array([colorsys.hsv_to_rgb(h / 360, 1, 1) for h in HUES], np.float32)[:, None, None] * flat
    grays = np.array(GRAYS, np.float32)[:, None, None, None] * flat
    radius = np.array(SIZES, np.float32)[:, None, None] / 2
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)  # (7, S, S)
    discs = np.stack([0.5 + 0.5 * disc, 0.5 - 0.5 * disc])  # bright and dark
    steps = np.linspace(-0.4, 0.4, PLACES, dtype=np.float32) * side
    spots = np.clip(side / 12 + 0.5 - np.hypot(x - steps[None, :, None, None], y - steps[:, None, None, None]), 0, 1)
    places = np.stack([0.5 + 0.5 * spots, 0.5 - 0.5 * spots])  # (2, 7, 7, S, S)
    plain = np.full((1, side, side, 3), 0.5, np.float32)
    return {
        "plain": plain, "stripes": _gray(stripes), "hue": hues, "gray": np.repeat(grays, 3, -1), "size": _gray(discs),
        "place": _gray(places),
    }  # fmt: skip


def _gray(plane: np.ndarray) -> np.ndarray:
    """A plane (..., S, S) as float32 (..., S, S, 3)."""
    return np.repeat(plane[..., None], 3, -1).astype(np.float32)


def _sorted(layer: str, above: np.ndarray, answers: np.ndarray) -> Tuning:
    """The answers (n, K) above plain gray, sorted into curves."""
    counts = (len(ORIENTATIONS) * len(PERIODS) * PHASES, len(HUES), len(GRAYS), 2 * len(SIZES), 2 * PLACES**2)
    stripes, hue, gray, size, place = np.split(above, np.cumsum(counts)[:-1])
    stripes = stripes.reshape(len(ORIENTATIONS), len(PERIODS), PHASES, -1)  # (288, K) -> (12, 6, 4, K)
    spread = answers.std(0)
    dead = np.flatnonzero(spread <= 1e-6 * max(1e-12, float(np.abs(answers).max())))
    alive = np.setdiff1d(np.arange(answers.shape[1]), dead)
    normal = (answers[:, alive] - answers[:, alive].mean(0)) / spread[alive]
    alike = np.triu(normal.T @ normal / len(answers), 1) > ALIKE
    return Tuning(
        layer,
        read_only(stripes.max((1, 2)).T),
        read_only(stripes.max((0, 2)).T),
        read_only(hue.T),
        read_only(gray.T),
        read_only(size.reshape(2, len(SIZES), -1).max(0).T),
        read_only(place.reshape(2, PLACES, PLACES, -1).max(0).transpose(2, 0, 1)),
        read_only(dead),
        read_only(alive[np.argwhere(alike)].reshape(-1, 2)),
    )
