"""A network without its head: the features that its output layer reads, of many images at once.

Of torchvision's networks and the lectures' they are those that recipe `features` trains a head on. Of any other network
they are the input of the last layer with weights that runs: maps as their means over the places.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cnnviz.inference.cut import cut, traced
from cnnviz.inference.plain_road import PLAIN, batched, fresh
from cnnviz.inference.tap import LayerError
from cnnviz.inference.tracing import LOCK
from cnnviz.models.build import behead
from cnnviz.models.families import family
from cnnviz.models.lecture import HEAD_LAYERS
from cnnviz.models.load import Model
from cnnviz.models.outputs import noise
from cnnviz.models.snapshot import snapshot

WEIGHTED = (nn.Linear, nn.Conv2d)
Run = Callable[[Tensor], Tensor]


def headless(model: Model) -> Run:
    """What gives the features (N, F) of images as the network takes them (N, C, H, W), batch norm folded.

    Raises `LayerError` for a network in which no linear layer and no convolution runs as a module of its own.
    """
    with LOCK:
        if model.net not in _RUNS:
            with torch.inference_mode(False), torch.no_grad():
                _RUNS[model.net] = _made(model)
        return _RUNS[model.net]


_RUNS: weakref.WeakKeyDictionary[nn.Module, Run] = weakref.WeakKeyDictionary()


def pooled(values: Tensor) -> Tensor:
    """Features (N, F) of what a layer reads: maps (N, F, h, w) or tokens (N, T, F) as their means."""
    means = values.mean((2, 3)) if values.ndim == 4 else values.mean(1) if values.ndim == 3 else values
    return means.flatten(1)  # (N, F)


def _made(model: Model) -> Run:
    net, name = model.net, model.known.architecture if model.known else ""
    if name.startswith("lecture/") and (parts := [part for part, _ in net.named_children() if part in HEAD_LAYERS]):
        return _cut(_without(net, *parts), parts[0], torch.nn.Flatten())
    row = family(name) if type(net).__module__.startswith("torchvision.models") else None
    if row is not None:
        place = row.head
        if _has(net, f"{place}.out"):  # a head of ours, with the pooling before it
            return _cut(_without(net, place), place, torch.nn.Flatten())
        bare = snapshot(net)
        behead(bare, row)
        return _cut(bare, place, torch.nn.Flatten())
    with torch.no_grad():
        place, out = _last(net, noise(net, model.input_size))
    if out.ndim == 4 and max(out.shape[2:]) > 1:  # it has no head
        alone, whole = list[bool](), snapshot(net)  # a copy, for what is remembered must not hold the network itself
        return lambda x: pooled(batched(lambda one: whole(fresh(one)), x, alone))
    if not place:
        raise LayerError(f"{model.title} runs no linear layer and no convolution as modules; choose another network.")
    bare = _without(net, place)
    try:
        if net in PLAIN:
            raise LayerError("its operations depend on its input")
        traced(bare, place)
    except LayerError:
        whole = snapshot(net)
        return lambda x: torch.cat([pooled(_read(whole, place, one)) for one in torch.split(x, 1)])
    return _cut(bare, place, pooled)


def _cut(net: nn.Module, place: str, shaped: Run) -> Run:
    """What a network gives up to a layer that changes nothing."""
    found, alone = cut(net, place), list[bool]()
    return lambda x: shaped(batched(lambda one: found.trunk(one)[0], x, alone)).flatten(1)


def _without(net: nn.Module, *places: str) -> nn.Module:
    """A copy with layers that change nothing at these places."""
    bare = snapshot(net)
    for place in places:
        bare.set_submodule(place, nn.Identity())
    return bare


def _has(net: nn.Module, place: str) -> bool:
    try:
        net.get_submodule(place)
    except AttributeError:
        return False
    return True


def _last(net: nn.Module, x: Tensor) -> tuple[str, Tensor]:
    """The last layer with weights that runs, "" where none does, and what the network puts out."""
    ran = [""]
    with _reading(net, lambda place, _: ran.append(place)):
        out: Tensor = net(x)
    return ran[-1], out


def _read(net: nn.Module, place: str, x: Tensor) -> Tensor:
    """What a layer reads in its last run for one image (1, C, H, W)."""
    kept: list[Tensor] = []
    with _reading(net, lambda name, given: kept.append(given.clone()) if name == place else None):
        net(fresh(x))
    if not kept:
        raise LayerError(f"Layer {place!r} does not run for every image, so that they have no common features.")
    return kept[-1].float()


@contextmanager
def _reading(net: nn.Module, heard: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Tells what each layer with weights is given on this thread."""
    me = threading.get_ident()

    def hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, given: heard(name, given[0]) if threading.get_ident() == me and given else None

    handles = [
        part.register_forward_pre_hook(hook(name))
        for name, part in net.named_modules()
        if name and isinstance(part, WEIGHTED)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
