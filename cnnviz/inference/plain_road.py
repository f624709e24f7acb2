"""A network whose operations cannot be listed, cut at a layer by hooks: slower, for each image is run as a whole.

torch.fx follows no decision that depends on the numbers of the input. Which networks are of that kind is found by
comparing what was traced with what the network itself gives.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from cnnviz.inference.tap import LayerError, module
from cnnviz.inference.tracing import LOCK, Tracer

PLAIN: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # networks that go this road


class Unlisted(LayerError):
    """What was asked needs the list of the operations."""


UNLISTED = "The operations of this network depend on its input and cannot be listed."


def settle(net: nn.Module, x: Tensor) -> bool:
    """Whether a network has to go this road: it cannot be traced, or the trace gives other logits for x."""
    with LOCK, torch.inference_mode(False), torch.no_grad():
        try:
            same = torch.allclose(fx.GraphModule(net, Tracer().trace(net))(x), net(x), rtol=1e-3, atol=1e-4)
        except Exception:  # whatever a forward of somebody's own does to a placeholder
            same = False
    if not same:
        PLAIN.add(net)
    return not same


Halves = tuple[Callable[[Tensor], tuple[Tensor, Tensor, tuple[int, ...]]], Callable[..., Tensor]]


def halves(net: nn.Module, layer: str) -> Halves:
    """`trunk(x)`: the layer's map, x, and how often the layer ran for each image; `head(*trunk(x))`: the logits.

    The map is that of the layer's last run. Images are run one by one, as each may take another way.
    Raises `LayerError`, at once or later, for a layer that is unknown, does not run, or gives no tensor.
    """
    part = module(net, layer)

    def trunk(x: Tensor) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        runs = [_run(net, part, one) for one in _each(x)]
        if any(count == 0 for _, count in runs):
            raise LayerError(f"Layer {layer!r} has no feature map for this input; choose another one.")
        return torch.cat([out for out, _ in runs]), x, tuple(count for _, count in runs)

    def head(maps: Tensor, x: Tensor, counts: tuple[int, ...], shift: Tensor | None = None) -> Tensor:
        return torch.cat([_with(net, part, *each) for each in zip(_each(maps), _each(x), counts, strict=True)])

    return trunk, head


def _each(x: Tensor) -> tuple[Tensor, ...]:
    """The images of a batch as batches of one."""
    return torch.split(x, 1)


def _run(net: nn.Module, part: nn.Module, x: Tensor) -> tuple[Tensor, int]:
    """What a layer gives in its last run for one image, and how often it ran; 0 where that is no tensor."""
    kept: list[Tensor] = []

    def keep(out: object) -> None:
        kept.extend([out.clone()] if isinstance(out, Tensor) else [])

    with _heard(part, keep):
        net(x)
    return (kept[-1], len(kept)) if kept else (x, 0)


def _with(net: nn.Module, part: nn.Module, given: Tensor, x: Tensor, count: int) -> Tensor:
    """The logits (1, K) of one image with a map in place of what a layer gives in its last run."""
    runs = 0

    def swap(out: object) -> object:
        nonlocal runs
        runs += 1
        return given.clone() if runs == count else None  # a clone, for what follows may write in place

    with _heard(part, swap):
        logits: Tensor = net(x)
    return logits


@contextmanager
def _heard(part: nn.Module, tell: Callable[[object], object]) -> Iterator[None]:
    """`tell` hears what a module puts out on this thread, and what it returns goes on instead."""
    me = threading.get_ident()
    handle = part.register_forward_hook(lambda _, __, out: tell(out) if threading.get_ident() == me else None)
    try:
        yield
    finally:
        handle.remove()
