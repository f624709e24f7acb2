"""What the score loses when something is hidden: parts of the photo, or channels of a layer.

Every function is a generator: it yields the share done between batches and returns its map.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.attribution.forward import Forward
from cnnviz.inference.predict import Target
from cnnviz.options import Options, knob

Weighed = Generator[float, None, tuple[Tensor, Tensor]]
BATCH = 8  # altered photos at once


@dataclass(frozen=True)
class Channels(Options):
    """How many channels are tried."""

    channels: int = knob(96, "How many channels are used, those of largest variance first; 0 for all", low=0, high=4096)


@dataclass(frozen=True)
class Occlusion(Options):
    """The grey square that walks over the photo."""

    window: int = knob(32, "Side of the square", low=4, high=256, step=4, unit="px")
    stride: int = knob(16, "Stride of the square", low=2, high=256, step=2, unit="px")


def occlusion(forward: Forward, goal: Target, options: Occlusion) -> Generator[float, None, Tensor]:
    """What the score loses while a square of mean colour covers a pixel, averaged over squares; (1, H, W).

    Zeiler and Fergus, 2013.
    """
    height, width = forward.x.shape[2:]
    places = [(y, x) for y in _starts(height, options) for x in _starts(width, options)]
    whole = goal.score(forward.logits.detach())
    lost, covered = torch.zeros_like(forward.x[0, :1]), torch.zeros_like(forward.x[0, :1])
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        hidden = forward.x.repeat(len(some), 1, 1, 1)
        for i, (y, x) in enumerate(some):
            hidden[i, :, y : y + options.window, x : x + options.window] = 0
        with torch.inference_mode():
            drops = (whole - goal.score(forward.logits_of(hidden))).tolist()
        for (y, x), drop in zip(some, drops, strict=True):
            lost[:, y : y + options.window, x : x + options.window] += drop
            covered[:, y : y + options.window, x : x + options.window] += 1
        yield (start + len(some)) / len(places)
    return lost / covered.clamp(min=1)


def score_cam(forward: Forward, goal: Target, options: Channels) -> Weighed:
    """Channels weighed by the score of the photo seen through each of them. Wang et al., 2020, Score-CAM.

    The maps, scaled to 0..1 and enlarged, multiply the normalised photo; the weights are the softmax of the scores.
    Trying only the channels of largest variance is Faster Score-CAM's idea (Li, 2020).
    """
    maps = forward.values[0].detach()[0]  # (C, h, w)
    tried = _liveliest(maps, options.channels)
    marks = []
    for start in range(0, len(tried), BATCH):
        some = maps[tried[start : start + BATCH]]
        low, high = some.amin((1, 2), keepdim=True), some.amax((1, 2), keepdim=True)
        masks = F.interpolate(
            ((some - low) / (high - low).clamp(min=1e-12))[:, None], forward.x.shape[2:], mode="bilinear"
        )  # (n, h, w) -> (n, 1, H, W)
        with torch.inference_mode():
            marks.append(goal.score(forward.logits_of(forward.x * masks)))
        yield min(1.0, (start + BATCH) / len(tried))
    weights = maps.new_zeros(len(maps))
    weights[tried] = torch.cat(marks).softmax(0)
    return torch.einsum("c,chw->hw", weights, maps), weights


def ablation_cam(forward: Forward, goal: Target, options: Channels) -> Weighed:
    """Channels weighed by what the score loses without them. Desai and Ramaswamy, 2020, Ablation-CAM.

    The paper divides by the score; here the sign of the score does not turn the map around. Only the head runs.
    """
    maps = forward.values[0].detach()[0]  # (C, h, w)
    tried = _liveliest(maps, options.channels)
    whole = goal.score(forward.logits.detach())
    weights = maps.new_zeros(len(maps))
    for start in range(0, len(tried), BATCH):
        some = tried[start : start + BATCH]
        without = maps.expand(len(some), *maps.shape).clone()  # (C, h, w) -> (n, C, h, w)
        without[range(len(some)), some] = 0
        with torch.no_grad():
            weights[some] = whole - goal.score(forward.head(without))
        yield (start + len(some)) / len(tried)
    return torch.einsum("c,chw->hw", weights, maps), weights


def _starts(side: int, options: Occlusion) -> range:
    """Where the square stands along one side; the last ones may reach over the edge, so that nothing stays bare."""
    return range(0, max(1, side - options.window + options.stride), options.stride)


def _liveliest(maps: Tensor, count: int) -> list[int]:
    """The channels that vary most over the photo, at most `count` (0: all), leaving out those that say nothing."""
    spread = maps.flatten(1).std(1, correction=0)  # (C,)
    order = torch.argsort(spread, descending=True, stable=True)[: count or None].tolist()
    return [c for c in order if float(maps[c].abs().max()) > 0] or order[:1]
