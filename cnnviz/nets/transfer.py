"""Torchvision nets with a new head for other classes, and lecture nets with their switches: from a short description.

The description travels in a run's card, so that the very same net is built again when its weights are loaded.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cnnviz.nets import lecture
from cnnviz.nets.recognise import Weightless, lecture_net, torchvision_net
from cnnviz.options import Options, RequestError, knob

POOLINGS = ("gap", "flatten")


@dataclass(frozen=True)
class Head(Options):
    """What is put behind a torchvision net's last maps: pooling, perhaps a hidden layer, and the output layer."""

    outputs: int = knob(1, "Logits; 1 means one sigmoid for two classes", low=1, high=10_000)
    pooling: str = knob("gap", "One mean per channel, or all positions in a row", choices=POOLINGS)
    hidden: int = knob(0, "Units of the hidden layer before the output; 0 for none", low=0, high=4096)
    dropout: float = knob(0.0, "Share of the features dropped while training", low=0.0, high=0.9, step=0.05)
    size: int = knob(224, "Side of the square input", low=32, high=1024, unit="px")


def build(name: str, spec: Mapping[str, Any]) -> nn.Module:
    """The net of a description on the meta device. Raises `RequestError` where the description makes no sense."""
    try:
        if name.startswith("lecture/"):
            return lecture_net(switched(name, spec))
        head = Head(**spec)
    except TypeError as error:
        raise RequestError(f"The card describes the net {name} in a way that is unknown here ({error}).") from None
    net = torchvision_net(name)
    graft(net, name, head)
    return net


def switched(name: str, spec: Mapping[str, Any]) -> lecture.LectureNet:
    """A lecture net's description with some of its switches set."""
    return dataclasses.replace(lecture.NETS[name.removeprefix("lecture/")], **spec)


def graft(net: nn.Module, name: str, head: Head) -> str:
    """Gives a torchvision net a new head in place, untrained, and returns the path where it sits.

    Raises `RequestError` for a flattening head on a net that pools on its own.
    """
    family = _family(name)
    place, pool = PLACES[family]
    if head.pooling == "flatten" and pool is None:
        raise RequestError(f"{name} pools its maps by itself, so they cannot be flattened; choose pooling gap.")
    _behead(net, family, head.pooling)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    features = _features(name, head.size, head.pooling, family)
    if head.hidden:
        parts["hidden"] = nn.Linear(features, head.hidden)
        parts["relu"] = nn.ReLU()
    if head.dropout:
        parts["dropout"] = nn.Dropout(head.dropout)
    parts["out"] = nn.Linear(head.hidden or features, head.outputs)
    net.set_submodule(place, nn.Sequential(parts))
    return place


def last_block(name: str) -> tuple[str, ...]:
    """The submodules that make up a torchvision net's last block of convolutions."""
    return next((blocks for start, blocks in LAST if name.startswith(start)), ())


def _behead(net: nn.Module, family: str, pooling: str) -> None:
    """Puts the pooling in place and nothing where the head sat."""
    place, pool = PLACES[family]
    pooled: nn.Module = nn.AdaptiveAvgPool2d(1) if pooling == "gap" else nn.Identity()
    if family == "squeezenet":
        parts = OrderedDict(pool=pooled, flatten=nn.Flatten(), head=nn.Identity())
        net.set_submodule("classifier", nn.Sequential(parts))
        return
    if family == "convnext":
        norm = net.get_submodule("classifier.0")
        parts = OrderedDict(norm=norm, flatten=nn.Flatten(1), head=nn.Identity())
        net.set_submodule("classifier", nn.Sequential(parts))
        return
    net.set_submodule(place, nn.Identity())
    if pool:
        net.set_submodule(pool, pooled)


def _features(name: str, size: int, pooling: str, family: str) -> int:
    """How many features reach the head, found by running a weightless copy without one."""
    net = torchvision_net(name).eval()
    _behead(net, family, pooling)
    try:
        with Weightless(), torch.inference_mode():
            return int(net(torch.empty(1, 3, size, size, device="meta")).flatten(1).shape[1])
    except (RuntimeError, ValueError):
        raise RequestError(f"{size} px are too few for {name}; choose a larger input.") from None


def _family(name: str) -> str:
    found = next((family for start, family in FAMILIES if name.startswith(start)), None)
    if found is None:
        raise RequestError(f"{name} cannot be given a new head; choose a torchvision CNN.")
    return found


# How names begin -> family; family -> where its head sits, and the pooling before it where that is a module.
FAMILIES = (
    ("resnet", "resnet"),
    ("resnext", "resnet"),
    ("wide_resnet", "resnet"),
    ("regnet", "resnet"),
    ("googlenet", "resnet"),
    ("inception", "resnet"),
    ("shufflenet", "shufflenet"),
    ("densenet", "densenet"),
    ("mnasnet", "densenet"),
    ("mobilenet_v2", "densenet"),
    ("vgg", "vgg"),
    ("alexnet", "vgg"),
    ("mobilenet_v3", "vgg"),
    ("efficientnet", "vgg"),
    ("convnext", "convnext"),
    ("squeezenet", "squeezenet"),
)
PLACES: dict[str, tuple[str, str | None]] = {
    "resnet": ("fc", "avgpool"),
    "shufflenet": ("fc", None),
    "densenet": ("classifier", None),
    "vgg": ("classifier", "avgpool"),
    "convnext": ("classifier.head", None),
    "squeezenet": ("classifier.head", "classifier.pool"),
}
LAST: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("resnet", ("layer4",)),
    ("resnext", ("layer4",)),
    ("wide_resnet", ("layer4",)),
    ("regnet", ("trunk_output.block4",)),
    ("googlenet", ("inception5a", "inception5b")),
    ("inception", ("Mixed_7a", "Mixed_7b", "Mixed_7c")),
    ("shufflenet", ("stage4", "conv5")),
    ("densenet", ("features.denseblock4", "features.norm5")),
    ("mnasnet", ("layers.12", "layers.13", "layers.14", "layers.15")),
    ("mobilenet_v2", ("features.17", "features.18")),
    ("mobilenet_v3_large", ("features.15", "features.16")),
    ("mobilenet_v3_small", ("features.11", "features.12")),
    ("efficientnet_v2_s", ("features.6", "features.7")),
    ("efficientnet", ("features.7", "features.8")),
    ("convnext", ("features.6", "features.7")),
    ("squeezenet1_0", ("features.12",)),
    ("squeezenet1_1", ("features.9", "features.10", "features.11", "features.12")),
    ("alexnet", ("features.6", "features.8", "features.10")),
    ("vgg11_bn", ("features.22", "features.23", "features.25", "features.26")),
    ("vgg13_bn", ("features.28", "features.29", "features.31", "features.32")),
    ("vgg16_bn", ("features.34", "features.35", "features.37", "features.38", "features.40", "features.41")),
    ("vgg19_bn", tuple(f"features.{i}" for i in range(40, 52))),
    ("vgg11", ("features.16", "features.18")),
    ("vgg13", ("features.20", "features.22")),
    ("vgg16", ("features.24", "features.26", "features.28")),
    ("vgg19", ("features.28", "features.30", "features.32", "features.34")),
)
