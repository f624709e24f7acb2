"""Which architecture a bare state dict belongs to, read from its tensor names and shapes; and that network, unfilled.

Networks are built on the meta device: no memory, no random numbers, a tenth of a second.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cnnviz.models import catalog, families, heads, lecture, stems, timm_load, timm_nets
from cnnviz.models import weights as shelf
from cnnviz.models.assumed import Assumption, assumption
from cnnviz.models.build import lecture_net, torchvision_net
from cnnviz.models.checkpoint import CheckpointError, size

NEARLY = 0.9  # of its tensors
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
DILATED = ("resnet", "resnext", "wide_resnet")
OTHERWISE = (
    "export it with torch.export.save(...) as .pt2 or with torch.onnx.export(...), or use a CNN of torchvision or timm"
)

Shapes = dict[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A network on the meta device, what was assumed to build it, and what was concluded from its tensors."""

    net: nn.Module
    assumed: tuple[Assumption, ...] = ()
    notes: tuple[str, ...] = ()


def name_of(
    state: Mapping[str, Tensor],
    file: str = "the checkpoint",
    given: Mapping[str, str] | None = None,
    called: tuple[str, ...] = (),
) -> str:
    """The network a state belongs to: a torchvision name, lecture/<name> or timm/<name>.

    The same tensors may belong to networks of torchvision and of timm: the file's name decides, else torchvision's is
    taken. Of several of timm what the file says it is `called` decides.

    Raises `CheckpointError` naming the closest networks, and the first tensor that differs, where none fits.
    """
    shapes = shapes_of(state)
    own_name = shelf.stem(Path(file))
    timm = timm_nets.recognised(shapes, own_name, called)
    if timm and timm_nets.named(own_name, [net.name for net in catalog.TORCHVISION]):
        return timm
    best: list[tuple[float, str, str]] = []
    for name in _candidates(shapes, timm):
        try:
            own = shapes_of(built(name, state, given).net.state_dict())
        except ValueError as error:
            best.append((1.0, name, str(error)))
            continue
        if own == shapes:
            return name
        alike = sum(shapes.get(key) == shape for key, shape in own.items()) / max(len(own), len(shapes))
        best.append((alike, name, _differs(own, shapes)))
    if timm and not any(alike > NEARLY for alike, *_ in best):  # else it is torchvision's, and something is changed
        return timm
    closest = [entry for entry in sorted(best, key=lambda entry: -entry[0])[:3] if entry[0]]
    if not closest:
        begins = ", ".join(list(shapes)[:3])
        raise CheckpointError(f"{file} fits no known network (it begins with {begins}); {OTHERWISE}.")
    alike, name, why = closest[0]
    others = "".join(f", then {name} ({_share(alike)})" for alike, name, _ in closest[1:])
    raise CheckpointError(
        f"{file} fits no known network: the closest is {name} ({_share(alike)} of its tensors{others}), but {why}; "
        f"{OTHERWISE}."
    )


def built(name: str, state: Mapping[str, Tensor], given: Mapping[str, str] | None = None) -> Skeleton:
    """That network on the meta device, with the class count, head, stem and batch norm that the state shows.

    Raises `ValueError` with the rest of a sentence where a head or stem cannot be what the state shows.
    """
    given, shapes = given or {}, shapes_of(state)
    if name.startswith("lecture/"):
        return Skeleton(lecture_net(_adapted(lecture.NETS[name.removeprefix("lecture/")], shapes)))
    if name.startswith("timm/"):
        activation = assumption("activation", given)
        made = timm_load.skeleton(name.removeprefix("timm/"), state, activation.value)
        return Skeleton(made, (activation,) if heads.assumed(made) else ())
    assumed, arguments = _switches(name, given)
    net = torchvision_net(name, **arguments)
    top = heads.output_layer(net).split(".")[0]
    before, activation = _entrance(shapes_of(net.state_dict()), top), assumption("activation", given)
    if heads.replace(net, shapes, activation.value):
        assumed.append(activation)
    if stems.replace(net, shapes, given):
        assumed.append(assumption("stem", given))
    notes: tuple[str, ...] = ()
    own, after = shapes_of(net.state_dict()), _entrance(shapes, top)
    if after != before and own == shapes:
        channels = stems.first(net)[1].in_channels
        notes = heads.repool(net, after[1], (channels, 224, 224), top)
    return Skeleton(net, tuple(assumed), notes)


def skeleton(name: str, state: Mapping[str, Tensor]) -> nn.Module:
    """That network on the meta device, as `built` makes it."""
    return built(name, state).net


def trimmed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state without the training-time heads of GoogLeNet and Inception."""
    return {key: value for key, value in state.items() if not key.startswith(families.AUXILIARY)}


def _switches(name: str, given: Mapping[str, str]) -> tuple[list[Assumption], dict[str, Any]]:
    """What a torchvision network's constructor has to be told and no tensor shows: the assumptions, and the words."""
    row = families.family(name)
    if row is not None and "transform_input" in row.arguments:
        known = assumption("transform_input", given)
        return [known], {"transform_input": known.value == "yes"}
    if row is not None and row.prefix in DILATED and name not in ("resnet18", "resnet34"):
        known = assumption("dilation", given)
        last = {"none": 0, "last stage": 1, "last two stages": 2}[known.value]
        return [known], {"replace_stride_with_dilation": [False, last > 1, last > 0]}
    return [], {}


def _entrance(shapes: Shapes, top: str) -> tuple[int, int]:
    """Of the first layer of a head: the dimensions of its weight, and how many features or channels it takes."""
    inner = (shape for key, shape in shapes.items() if key.startswith(f"{top}.") and len(shape) > 1)
    shape = next(inner, (0, 0))
    return len(shape), shape[1]


def _differs(own: Shapes, shapes: Shapes) -> str:
    """The first tensor that a state has otherwise than a network."""
    for key, shape in own.items():
        if key in shapes and shapes[key] != shape:
            return f"{key} is {size(shapes[key])} and should be {size(shape)}"
    lacking = next((key for key in own if key not in shapes), "")
    return f"it lacks {lacking}" if lacking else f"it has {next(key for key in shapes if key not in own)} besides"


def _share(alike: float) -> str:
    return f"{min(alike, 0.99):.0%}"  # whatever differs, it is not all of it


def shapes_of(state: Mapping[str, Tensor]) -> Shapes:
    """The shapes of a state's tensors by name, without those that no answer depends on."""
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.startswith(families.AUXILIARY) and not key.endswith("num_batches_tracked")
    }


def _candidates(shapes: Shapes, timm: str = "") -> Iterator[str]:
    """Nets worth building: of the family that the tensor names show, the closest in size first.

    Where the tensors are those of a network of `timm`, only one of its size can have them, too.
    """
    if "conv1.weight" in shapes and "layer1.0.conv1.weight" not in shapes:
        yield from (f"lecture/{name}" for name in lecture.NETS)
    family = families.marked(shapes)
    size = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(STATISTICS))
    nets = [net for net in catalog.TORCHVISION if net.name.startswith(family)] if family else []
    if timm and (known := timm_nets.known(timm.removeprefix("timm/"))):
        nets = [net for net in nets if net.parameters == known.parameters or _auxiliary(net.name)]
    yield from (net.name for net in sorted(nets, key=lambda net: abs(net.parameters - size)))


def _auxiliary(name: str) -> bool:
    """Whether the parameters of a torchvision network are counted with training-time heads."""
    return bool((row := families.family(name)) and row.auxiliary)


def _adapted(spec: lecture.LectureNet, shapes: Shapes) -> lecture.LectureNet:
    """The spec with the outputs, hidden units and batch norm that the shapes show."""
    out = (shapes.get("out.weight") or (spec.outputs,))[0]  # () is the shape of a single number
    hidden = (shapes.get("hidden.weight") or (0,))[0]
    if spec.head == "none" or not 1 <= out <= 10_000 or hidden > 4096:
        return dataclasses.replace(spec, batch_norm="bn1.weight" in shapes)
    conv, head = "bn1.weight" in shapes, "norm.weight" in shapes
    return dataclasses.replace(spec, outputs=out, hidden=hidden, batch_norm=conv, head_norm=head)
