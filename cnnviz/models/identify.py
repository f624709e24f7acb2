"""Which architecture a bare state dict belongs to, read from its tensor names and shapes; and that network, unfilled.

Networks are built on the meta device: no memory, no random numbers, a tenth of a second.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from cnnviz.models import catalog, families, lecture, timm_load, timm_nets
from cnnviz.models import weights as shelf
from cnnviz.models.build import Weightless, lecture_net, torchvision_net
from cnnviz.models.checkpoint import CheckpointError

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")

Shapes = dict[str, tuple[int, ...]]


def name_of(state: Mapping[str, Tensor], file: str = "the checkpoint") -> str:
    """The network a state belongs to: a torchvision name, lecture/<name> or timm/<name>.

    The same tensors may belong to networks of torchvision and of timm: the file's name decides, else torchvision's is
    taken.

    Raises `CheckpointError` naming the closest networks where none fits.
    """
    shapes = _shapes(state)
    own_name, timm = shelf.stem(Path(file)), timm_nets.recognised(shapes, shelf.stem(Path(file)))
    if timm and timm_nets.named(own_name, [net.name for net in catalog.TORCHVISION]):
        return timm
    best: list[tuple[float, str]] = []
    for name in _candidates(shapes):
        net = skeleton(name, state)
        own = _shapes(net.state_dict())
        if own == shapes:
            return name
        alike = sum(shapes.get(key) == shape for key, shape in own.items())
        best.append((alike / max(len(own), len(shapes)), name))
    if timm:
        return timm
    closest = ", ".join(
        f"{name} ({share:.0%} of its layers)" for share, name in sorted(best, reverse=True)[:3] if share
    )
    hint = f"the closest are {closest}" if closest else f"it begins with {', '.join(list(shapes)[:3])}"
    raise CheckpointError(
        f"{file} fits no known network ({hint}); use a CNN of torchvision or timm, or a lecture network."
    )


def skeleton(name: str, state: Mapping[str, Tensor]) -> nn.Module:
    """That network on the meta device, with the state's class count, head and batch norm where they differ."""
    if name.startswith("lecture/"):
        spec = lecture.NETS[name.removeprefix("lecture/")]
        return lecture_net(_adapted(spec, _shapes(state)))
    if name.startswith("timm/"):
        return timm_load.skeleton(name.removeprefix("timm/"), state)
    net = torchvision_net(name)
    _replace_head(net, _shapes(state))
    return net


def trimmed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state without the training-time heads of GoogLeNet and Inception."""
    return {key: value for key, value in state.items() if not key.startswith(families.AUXILIARY)}


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.startswith(families.AUXILIARY) and not key.endswith("num_batches_tracked")
    }


def _candidates(shapes: Shapes) -> Iterator[str]:
    """Nets worth building: of the family that the tensor names show, the closest in size first."""
    if "conv1.weight" in shapes and "layer1.0.conv1.weight" not in shapes:
        yield from (f"lecture/{name}" for name in lecture.NETS)
    family = families.marked(shapes)
    size = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(STATISTICS))
    nets = [net for net in catalog.TORCHVISION if net.name.startswith(family)] if family else []
    yield from (net.name for net in sorted(nets, key=lambda net: abs(net.parameters - size)))


def _adapted(spec: lecture.LectureNet, shapes: Shapes) -> lecture.LectureNet:
    """The spec with the outputs, hidden units and batch norm that the shapes show."""
    out = (shapes.get("out.weight") or (spec.outputs,))[0]  # () is the shape of a single number
    hidden = (shapes.get("hidden.weight") or (0,))[0]
    if spec.head == "none" or not 1 <= out <= 10_000 or hidden > 4096:
        return dataclasses.replace(spec, batch_norm="bn1.weight" in shapes)
    conv, head = "bn1.weight" in shapes, "norm.weight" in shapes
    return dataclasses.replace(spec, outputs=out, hidden=hidden, batch_norm=conv, head_norm=head)


def _replace_head(net: nn.Module, shapes: Shapes) -> None:
    """Gives a torchvision net the head that the shapes show: another class count, or other layers in its place."""
    last = [name for name, part in net.named_modules() if isinstance(part, (nn.Linear, nn.Conv2d))][-1]
    old = net.get_submodule(last)
    assert isinstance(old.weight, Tensor)
    shape = shapes.get(f"{last}.weight", ())
    if shape and len(shape) == old.weight.dim() and f"{last}.bias" in shapes:
        with Weightless():
            new = nn.Linear(shape[1], shape[0]) if isinstance(old, nn.Linear) else nn.Conv2d(shape[1], shape[0], 1)
        net.set_submodule(last, new)
        return
    for place in dict.fromkeys((last, last.split(".")[0])):
        inner = {key.removeprefix(f"{place}."): shape for key, shape in shapes.items() if key.startswith(f"{place}.")}
        if head := _head(inner):
            net.set_submodule(place, head)
            return


def _head(shapes: Shapes) -> nn.Module | None:
    """A classifier of linear and batch norm layers; None where the shapes show anything else.

    Layers without weights leave no trace in a state: a ReLU is taken to stand between two linear layers.
    """
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in shapes))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    behind_linear = False
    with Weightless():
        for name in names:
            shape, bias = shapes.get(f"{name}.weight" if name else "weight", ()), f"{name}.bias" if name else "bias"
            if (
                "." in name
                or hasattr(nn.Sequential(), name)
                or len(shape) not in (1, 2)
                or (len(shape) == 1 and f"{name}.running_mean" not in shapes)
            ):
                return None
            if len(shape) == 2 and behind_linear:
                layers[f"relu_before_{name}"] = nn.ReLU()
            behind_linear = behind_linear or len(shape) == 2
            layer = nn.Linear(shape[1], shape[0], bias in shapes) if len(shape) == 2 else nn.BatchNorm1d(shape[0])
            if not name:
                return layer
            layers[name] = layer
    return nn.Sequential(layers) if layers else None
