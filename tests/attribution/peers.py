"""What the comparisons with other libraries share: nets, questions, and the peers' own maps."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.attribution.arithmetic import Arithmetic, arithmetic
from cnnviz.attribution.forward import cached_forward
from cnnviz.inference.cut import cut
from cnnviz.inference.predict import Target
from cnnviz.inference.tap import module, tap


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def peer_map(name: str, net: nn.Module, layer: str, x: torch.Tensor, target: int) -> np.ndarray:
    """The map of the grad-cam package at the layer's own size, before it is clipped and scaled.

    The package reads what an in-place ReLU made of a map, so for it, and only for it, ReLUs write elsewhere.
    """
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    writing = [part for part in net.modules() if getattr(part, "inplace", False)]
    for part in writing:
        part.inplace = False
    net.requires_grad_(True)
    place = module(net, layer)
    try:
        with getattr(pytorch_grad_cam, name)(model=net, target_layers=[place]) as peer:
            peer.activations_and_grads(x)[0, target].backward()
            maps = peer.activations_and_grads.activations[-1].numpy()
            gradients = peer.activations_and_grads.gradients[-1].numpy()
            return peer.get_cam_image(x, place, [ClassifierOutputTarget(target)], maps, gradients, False)[0]
    finally:
        net.requires_grad_(False)
        net.zero_grad()
        for part in writing:
            part.inplace = True


@functools.cache
def untrained(name: str) -> nn.Module:
    """A net with random weights in double precision, logits large enough that no peer's epsilon matters."""
    import torchvision

    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None).eval().requires_grad_(False).double()
    last = [part for part in net.modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    last.weight.mul_(1e6)
    return net


def finish(steps):
    """What a generator returns, and the shares it yielded on the way."""
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            return end.value, shares


def asking(name: str, layer: str, side: int = 64):
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.4
    asked = cached_forward(cut(untrained(name), layer), x, layer)
    return asked, Target(int(asked.logits.argmax()))


class writing_elsewhere:
    """The peers' hooks cannot stand ReLUs that write in place; for them, and only for them, they write elsewhere."""

    def __init__(self, net: nn.Module) -> None:
        self.writing = [part for part in net.modules() if getattr(part, "inplace", False)]

    def __enter__(self) -> None:
        for part in self.writing:
            part.inplace = False

    def __exit__(self, *_: object) -> None:
        for part in self.writing:
            part.inplace = True


def close(
    net: nn.Module, x: torch.Tensor, layer: str, rng: np.random.Generator, times: int = 3
) -> Iterator[Arithmetic]:
    """The arithmetic of some numbers of a layer's map, each held equal to the number that is there."""
    with torch.inference_mode():
        _, tapped = tap(net, x, [layer])
    tapped = tapped[layer][0]
    for _ in range(times):
        channel, y, column = (int(rng.integers(n)) for n in tapped.shape)
        found = arithmetic(net, x, layer, channel, (y, column))
        truth = float(tapped[channel, y, column])
        assert found.shown == truth
        size = float(np.abs(found.products).sum()) + abs(found.bias)
        assert found.steps[-1].value == pytest.approx(truth, rel=1e-4, abs=1e-6 * size)
        assert found.steps[0].value == pytest.approx(found.products.sum() + found.bias, rel=1e-9, abs=1e-9 * size)
        yield found


def check(net: nn.Module, x: torch.Tensor, layer: str, rng: np.random.Generator, times: int = 3) -> None:
    """As `close`, for numbers that come from convolutions that are modules."""
    for found in close(net, x, layer, rng, times):
        part = net.get_submodule(found.source)
        assert found.weights.shape == tuple(part.weight.shape[1:])
        assert len(found.inputs) == part.in_channels // part.groups
