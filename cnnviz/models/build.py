"""Networks on the meta device, without weights: torchvision's, with a new head for other classes, and the lectures'.

The short description of a head travels in a run's card, so that the very same network is built again when its weights
are loaded.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cnnviz.models import lecture
from cnnviz.models.families import Family, family
from cnnviz.options import Options, RequestError, knob

POOLINGS = ("gap", "flatten")


@dataclass(frozen=True)
class Head(Options):
    """What is put behind a torchvision network's last maps: pooling, perhaps a hidden layer, and the output layer."""

    outputs: int = knob(1, "Logits; 1 means one sigmoid for two classes", low=1, high=10_000)
    pooling: str = knob("gap", "One mean per channel, or all positions in a row", choices=POOLINGS)
    hidden: int = knob(0, "Units of the hidden layer before the output; 0 for none", low=0, high=4096)
    dropout: float = knob(0.0, "Share of the features dropped while training", low=0.0, high=0.9, step=0.05)
    size: int = knob(224, "Side of the square input", low=32, high=1024, unit="px")


class Weightless(TorchFunctionMode):
    """While it is active, layers are made on the meta device. Not `torch.device("meta")`, under which RegNet fails."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones) and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def torchvision_net(name: str, classes: int = 1000, **switches: Any) -> nn.Module:
    """A torchvision network on the meta device, without auxiliary heads; `switches` are for its constructor."""
    from torchvision.models import get_model

    row = family(name)
    arguments = dict(row.arguments) if row else {}
    if "init_weights" in arguments:
        arguments["init_weights"] = False  # it takes long, and there is nothing to fill
    with Weightless():
        net: nn.Module = get_model(name, num_classes=classes, **(arguments | switches))
    return net


def fresh_net(name: str) -> nn.Module:
    """A torchvision network with random weights from torch's global generator, without auxiliary heads."""
    from torchvision.models import get_model

    row = family(name)
    net: nn.Module = get_model(name, weights=None, **(row.arguments if row else {}))
    return net


def lecture_net(spec: lecture.LectureNet) -> nn.Module:
    """A lecture network on the meta device."""
    with Weightless():
        return lecture.build(spec)


def build(name: str, spec: Mapping[str, Any]) -> nn.Module:
    """The network of a description on the meta device. Raises `RequestError` where the description makes no sense."""
    try:
        if name.startswith("lecture/"):
            return lecture_net(switched(name, spec))
        head = Head(**spec)
    except TypeError as error:
        raise RequestError(f"The card describes the network {name} in an unknown way ({error}).") from None
    net = torchvision_net(name)
    graft(net, name, head)
    return net


def switched(name: str, spec: Mapping[str, Any]) -> lecture.LectureNet:
    """A lecture network's description with some of its switches set."""
    return dataclasses.replace(lecture.NETS[name.removeprefix("lecture/")], **spec)


def graft(net: nn.Module, name: str, head: Head) -> str:
    """Gives a torchvision network a new head in place, untrained, and returns the path where it sits.

    Raises `RequestError` for a flattening head on a network that pools on its own.
    """
    row = family(name)
    if row is None:
        raise RequestError(f"{name} cannot be given a new head; choose a torchvision CNN.")
    if head.pooling == "flatten" and row.pool is None:
        raise RequestError(f"{name} has its own pooling, so its maps cannot be flattened; choose pooling gap.")
    behead(net, row, head.pooling)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    features = _features(name, head.size, head.pooling, row)
    if head.hidden:
        parts["hidden"] = nn.Linear(features, head.hidden)
        parts["relu"] = nn.ReLU()
    if head.dropout:
        parts["dropout"] = nn.Dropout(head.dropout)
    parts["out"] = nn.Linear(head.hidden or features, head.outputs)
    net.set_submodule(row.head, nn.Sequential(parts))
    return row.head


def behead(net: nn.Module, row: Family, pooling: str = "gap") -> None:
    """Puts the pooling in place and nothing where the head sat."""
    pooled: nn.Module = nn.AdaptiveAvgPool2d(1) if pooling == "gap" else nn.Identity()
    if row.classifier:
        whole = row.head.rpartition(".")[0]
        known = {"pool": pooled, "flatten": nn.Flatten(), "head": nn.Identity()}
        parts = [(part, known[part] if part in known else net.get_submodule(f"{whole}.0")) for part in row.classifier]
        net.set_submodule(whole, nn.Sequential(OrderedDict(parts)))
        return
    net.set_submodule(row.head, nn.Identity())
    if row.pool:
        net.set_submodule(row.pool, pooled)


def _features(name: str, size: int, pooling: str, row: Family) -> int:
    """How many features reach the head, found by running a weightless copy without one."""
    net = torchvision_net(name).eval()
    behead(net, row, pooling)
    try:
        with Weightless(), torch.inference_mode():
            return int(net(torch.empty(1, 3, size, size, device="meta")).flatten(1).shape[1])
    except (RuntimeError, ValueError):
        raise RequestError(f"{size} px are too few for {name}; choose a larger input.") from None
