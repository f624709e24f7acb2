"""From a model and a layer to the ascent: the network up to there, and the canvas that its receptive field asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cnnviz.feature_vis import sheet
from cnnviz.feature_vis.objective import responses
from cnnviz.feature_vis.recipes import Ascent
from cnnviz.inference.cut import cut
from cnnviz.inference.plain_road import asked_whole, batched, single
from cnnviz.inference.receptive_field import of_net
from cnnviz.inference.tap import tap
from cnnviz.models.load import Model
from cnnviz.photo import Photo, samples
from cnnviz.signal.receptive import Field, ReceptiveError

PATCHES = 4  # of each sample photo
LOGITS = "logits"  # the name of the net's own output among its layers


def fields(net: nn.Module, input_size: tuple[int, int, int] | None = None) -> Mapping[str, Field]:
    """The receptive field of every layer; none for a network whose structure cannot be read."""
    try:
        return of_net(net, input_size)
    except ReceptiveError:
        return {}


def widths(model: Model, names: Sequence[str], kinds: Mapping[str, str], device: torch.device) -> dict[str, int]:
    """How many channels each layer of `names` that learns something has, and the classes, if there are any."""
    chosen = sheet.layers(names, kinds)
    with torch.inference_mode():
        _, maps = tap(model.net, torch.zeros(1, *model.input_size, device=device), chosen)
    found = {name: one.shape[1] for name, one in maps.items() if one.ndim == 4}
    return {**found, LOGITS: len(model.labels)} if model.labels else found


def asked_side(field: Field | None, most: int) -> int:
    """The side of the canvas in px that a receptive field asks for, at most that of the network's own input.

    Most of a large field is blind (Luo, Li, Urtasun, Zemel, 2016), so it need not fit the canvas as a whole; a small
    one gets room for several of its patterns.
    """
    if field is None or field.whole or field.gated:
        return most
    return min(most, 16 * -(-round(0.4 * field.size + 48) // 16))


def spread(
    model: Model, run: Callable[[Tensor], Tensor], side: int, ascent: Ascent, device: torch.device
) -> np.ndarray:
    """How much the sample photos move each channel at a layer: the deviation of its response, float32 (K,)."""
    with torch.no_grad():
        found = [responses(run(x.to(device)), ascent) for x in torch.split(_patches(model, side), 8)]
    deviation = torch.cat(found).std(0)
    return (deviation + 0.05 * deviation.mean() + 1e-6).float().cpu().numpy().copy()


def _patches(model: Model, side: int) -> Tensor:
    """Random squares of the sample photos as the net sees them, (N, C, side, side)."""
    place, squares = np.random.default_rng(0), []
    for name in samples():
        pixels = Photo.sample(name).pixels
        zoom = max(side, 1.25 * min(model.input_size[1:])) / min(pixels.shape[:2])
        size = tuple(max(side, round(length * zoom)) for length in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        if model.preprocess.channels == 1:
            pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        for _ in range(PATCHES):
            top, left = (int(place.integers(0, length - side + 1)) for length in pixels.shape[:2])
            squares.append(model.preprocess.tensor(pixels[top : top + side, left : left + side]))
    return torch.cat(squares)


def squared(seen: np.ndarray, side: int) -> np.ndarray:
    """The middle square of pixels uint8 (H, W, 3) at a canvas's side."""
    height, width = seen.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = seen[top : top + short, left : left + short]
    return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if short > side else cv2.INTER_LINEAR)


def up_to(model: Model, layer: str) -> Callable[[Tensor], Tensor]:
    """The network up to a layer: images (N, C, H, W) to its maps (N, K, h, w)."""
    found = cut(model.net, layer)
    return lambda x: batched(lambda some: found.trunk(some)[0], x, found.single)


def whole(model: Model) -> Callable[[Tensor], Tensor]:
    """The logits (N, classes); of a single one, both classes: the second as it is, the first negated."""
    ask, known = asked_whole(model.net), single(model.net)

    def run(x: Tensor) -> Tensor:
        logits = batched(ask, x, known)
        return torch.cat([-logits, logits], 1) if model.single_logit else logits

    return run
