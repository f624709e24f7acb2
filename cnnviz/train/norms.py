"""Batch norms that need more than one image: those that have a single value per channel and image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnnviz.train import evaluate


def lonely(net: nn.Module, resting: tuple[str, ...], example: Tensor) -> str:
    """The first batch norm that learns and has one value per channel of the example (1, ...), so that a batch of one
    has no variance; empty where there is none. `resting` stays in evaluation mode and needs no second image.

    The network runs once in evaluation mode, so that no statistics move; it is left in training mode, except for what
    rests.
    """
    evaluate.rest(net, resting)
    norms = {name: part for name, part in net.named_modules() if isinstance(part, _BatchNorm) and part.training}
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_part: nn.Module, given: tuple[Tensor, ...]) -> None:
            if given[0].shape[2:].numel() == 1:
                found.append(name)

        return hook

    hooks = [part.register_forward_pre_hook(watch(name)) for name, part in norms.items()]
    net.eval()
    try:
        with torch.no_grad():
            net(example)
    finally:
        for hook in hooks:
            hook.remove()
        evaluate.rest(net, resting)
    return found[0] if found else ""
