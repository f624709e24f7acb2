"""The head of a network alone, which turns the features that `inference.headless` gives into logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cnnviz.models.families import family
from cnnviz.models.lecture import HEAD_LAYERS
from cnnviz.models.load import Model

Run = Callable[[Tensor], Tensor]
NEAR = 1e-3  # of the largest logit: how far those of the head may be from those of the whole network


def head(model: Model, features: Tensor, x: Tensor) -> Run | None:
    """What gives logits (N, K) of features (N, F), proven on those of a few inputs x (n, C, H, W).

    None for a network of which no part does, such as one that pools behind its last layer.
    """
    with torch.inference_mode():
        wanted = model.net(x)
        if wanted.ndim != 2:
            return None
        for part in _parts(model, features.shape[1]):
            try:
                found = part(features)
            except RuntimeError:  # made for another shape
                continue
            if found.shape == wanted.shape and (found - wanted).abs().max() <= NEAR * (1 + wanted.abs().max()):
                return part
    return None


def _parts(model: Model, width: int) -> Iterator[Run]:
    """What may be the head: where the network's family has it, the lectures' layers, a linear layer of that width."""
    net, name = model.net, model.known.architecture if model.known else ""
    if name.startswith("lecture/"):
        yield nn.Sequential(*(part for place, part in net.named_children() if place in HEAD_LAYERS))
    if type(net).__module__.startswith("torchvision.models") and (row := family(name)) is not None:
        yield net.get_submodule(row.head)
    for part in reversed([*net.modules()]):
        if isinstance(part, nn.Linear) and part.in_features == width:
            yield part
