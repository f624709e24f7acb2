"""The sanity check: does a map still look the same when the network has forgotten what it learned?

Layer by layer from the top, weights are replaced by noise. A map that explains the network must fall apart; one that
only traces edges stays (Adebayo et al., 2018, Sanity checks for saliency maps, cascading randomisation).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.arrays import read_only
from cnnviz.attribution import methods
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference.cut import cut
from cnnviz.inference.plain_road import PLAIN
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import module
from cnnviz.models.snapshot import snapshot
from cnnviz.options import Options, knob


@dataclass(frozen=True)
class Randomisation(Options):
    """How far the dial is turned, and by which noise."""

    stops: int = knob(6, "In how many steps the whole network is randomised", low=1, high=40)
    seed: int = knob(0, "Seed of the noise", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Sanity:
    """What is left of a map at each stop of the dial.

    randomised    how many layers are noise at each stop, 0 first; `layers` names them, the top first
    correlations  float32 (n,), rank correlation of each stop's map with the first, -1..1; NaN where one is constant
    maps          float32 (n, h, w), signed
    """

    layers: tuple[str, ...]
    randomised: tuple[int, ...]
    correlations: np.ndarray
    maps: np.ndarray

    @property
    def constant(self) -> tuple[bool, ...]:
        """Of each stop, whether its map is constant, so that no correlation says anything."""
        return tuple(constant(one) for one in self.maps)

    @property
    def verdict(self) -> str:
        """What the fully randomised network gives: a map that "changed", the same ("kept"), or its negative ("turned").

        The size of the rank correlation is below a half where it changed: a map and its negative show the same edges,
        which is why Adebayo et al. also compare absolute values. It changed "partly" where a quarter is left of it, or
        a half once at least half of the layers are random. "constant" where the map itself shows nothing.
        """
        if self.constant[0]:
            return "constant"
        left, last = np.nan_to_num(np.abs(self.correlations)), float(self.correlations[-1])
        if left[-1] >= 0.5:
            return "kept" if last > 0 else "turned"
        late = np.asarray(self.randomised) >= max(1, len(self.layers) / 2)
        return "partly" if left[-1] >= 0.25 or (left[late] >= 0.5).any() else "changed"

    @property
    def passed(self) -> bool:
        """Whether the map is another one, in size and in sign, once all weights are random."""
        return self.verdict in ("changed", "partly")


def sanity(
    net: nn.Module,
    order: Sequence[str],
    x: Tensor,
    layer: str,
    goal: Target,
    method: str,
    options: Options | None,
    dial: Randomisation,
) -> Generator[float, None, Sanity]:
    """The dial turned over a network whose layers with weights run in `order`; the network itself is never touched."""
    top = tuple(reversed(order))
    stops = np.unique(np.linspace(0, len(top), min(dial.stops, len(top)) + 1).round().astype(int)).tolist()
    noise, turned = torch.Generator().manual_seed(dial.seed), net
    maps: list[np.ndarray] = []
    for i, stop in enumerate(stops):
        turned = snapshot(turned)  # around the same tensors: costs no memory
        if net in PLAIN:
            PLAIN.add(turned)
        for name in top[stops[i - 1] if i else 0 : stop]:
            _forget(module(turned, name) if name else turned, noise)
        with torch.no_grad():
            asked = cached_forward(cut(turned, layer), x, layer)
        steps = methods.explain(method, asked, goal, options)
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                maps.append(end.value[0])
                break
            yield (i + share) / len(stops)
        yield (i + 1) / len(stops)
    kept = [rank_correlation(one, maps[0]) for one in maps]
    return Sanity(top, tuple(stops), read_only(np.asarray(kept, np.float32)), read_only(np.stack(maps)))


def constant(values: np.ndarray) -> bool:
    """Whether a map has one value everywhere, but for rounding."""
    finite = np.nan_to_num(values)
    return bool(np.ptp(finite) <= 1e-6 * np.abs(finite).max())


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two maps, -1..1; NaN where one of them is constant, as it is undefined there."""
    if constant(a) or constant(b):
        return float("nan")
    first, second = _ranks(a), _ranks(b)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / size)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,), equal values sharing their mean rank."""
    _, inverse, counts = np.unique(np.nan_to_num(values.ravel()), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _forget(part: nn.Module, noise: torch.Generator) -> None:
    """Give a layer noise of its own mean and deviation for weights, so that signals stay as large as they were."""
    for name, own in list(part.named_parameters(recurse=False)):
        deviation = float(own.std()) if own.numel() > 1 else 0.0
        fresh = torch.randn(own.shape, generator=noise).to(own) * deviation + own.mean()
        setattr(part, name, nn.Parameter(fresh.to(own.dtype).view_as(own), requires_grad=False))
