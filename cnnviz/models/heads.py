"""What people put in place of a torchvision network's output layer, rebuilt from names and shapes of its tensors."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from cnnviz.models.assumed import ACTIVATIONS
from cnnviz.models.build import Weightless

ASSUMED = "activation_before_"  # the layer of that name
Shapes = Mapping[str, tuple[int, ...]]


def replace(net: nn.Module, shapes: Shapes, activation: str) -> bool:
    """Gives a network on the meta device the head that the shapes show, in place; whether an activation is assumed.

    The output layer takes another number of classes; a Sequential in place of the last layer, or of the whole
    classifier, is rebuilt. What shows no head that can be rebuilt leaves the network as it is.
    """
    last = output_layer(net)
    top = last.split(".")[0]
    own = {name: part for name, part in net.named_modules() if _below(name, top) and _own_parameters(part)}
    named = {key.rpartition(".")[0] for key in shapes if _below(key, top)}
    if named == own.keys() and all(_same(part, name, shapes) for name, part in own.items() if name != last):
        _resize(net, last, own[last], shapes)
        return False
    for place in dict.fromkeys((last, top)):
        inner = {key.removeprefix(f"{place}."): shape for key, shape in shapes.items() if key.startswith(f"{place}.")}
        around = {name: part for name, part in own.items() if not _below(name, place)}
        same = all(_same(part, name, shapes) for name, part in around.items())
        if not inner or {name for name in named if not _below(name, place)} != around.keys() or not same:
            continue
        kept = net.get_submodule(place)
        head, open_ = _head(inner, kept if isinstance(kept, nn.Sequential) else nn.Sequential(), activation)
        if head is not None:
            net.set_submodule(place, head)
            return open_
    return False


def rebuilt(shapes: Shapes, place: str, activation: str) -> nn.Module | None:
    """The head whose layers lie below a place in these shapes, ending in a linear layer; None for anything else."""
    inner = {
        key.removeprefix(f"{place}."): shape
        for key, shape in shapes.items()
        if key.startswith(f"{place}.") and not key.endswith("num_batches_tracked")
    }
    head, _ = _head(inner, nn.Sequential(), activation) if inner else (None, False)
    linear = [isinstance(part, nn.Linear) for part in head.modules() if part._parameters] if head is not None else []
    return head if linear and linear[-1] else None


def assumed(net: nn.Module) -> bool:
    """Whether an activation is assumed in a head that was rebuilt."""
    return any(name.rpartition(".")[2].startswith(ASSUMED) for name, _ in net.named_modules())


def output_layer(net: nn.Module) -> str:
    """The name of the last linear or convolutional layer."""
    names: list[str] = [name for name, part in net.named_modules() if isinstance(part, (nn.Linear, nn.Conv2d))]
    return names[-1]


def repool(net: nn.Module, features: int, size: tuple[int, int, int], top: str) -> tuple[str, ...]:
    """Makes a network run whose new head takes another number of features; what had to be assumed for that, in words.

    Raises `ValueError` where no pooling in front of the head gives it as many features as it takes.
    """
    if runs(net, size):
        return ()
    pool = getattr(net, "avgpool", None)
    if isinstance(pool, nn.Module):
        channels = _channels(net, size, top)
        side = math.isqrt(features // channels) if channels and features % channels == 0 else 0
        if side and side * side * channels == features:
            net.set_submodule("avgpool", nn.AdaptiveAvgPool2d(side))
            if runs(net, size):
                return (f"average pooling to {side} x {side} before the head",)
        if channels and features == 2 * channels and _of_fastai(net.get_submodule(top)):
            net.set_submodule("avgpool", BothPools())
            return ("maximum and average pooling side by side before the head, as in fastai",)
        net.set_submodule("avgpool", pool)
    head = net.get_submodule(top)
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    ways: tuple[tuple[list[nn.Module], tuple[str, ...]], ...] = (
        ([nn.Flatten()], ()),
        (pooled, ("average pooling to 1 x 1 before the head",)),
    )
    if isinstance(head, nn.Sequential):
        for front, words in ways:
            net.set_submodule(top, Fronted(front, head))
            if runs(net, size):
                return words
    net.set_submodule(top, head)
    raise ValueError(f"its head takes {features} features, which the network before it does not give")


class Fronted(nn.Sequential):
    """A head with layers without weights in front of it, whose own layers keep their names."""

    def __init__(self, front: Sequence[nn.Module], head: nn.Sequential) -> None:
        super().__init__()
        for i, part in enumerate(front):
            self.add_module(f"before_{i}", part)
        for name, part in head.named_children():
            self.add_module(name, part)


class BothPools(nn.Module):
    """The largest activation of each channel, and behind these the mean of each: (N, C, H, W) -> (N, 2C, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.mp, self.ap = nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.mp(x), self.ap(x)], 1)


def _of_fastai(head: nn.Module) -> bool:
    """Whether a head is the one that fastai's vision_learner makes: two blocks of batch norm, dropout, linear layer.

    Its Sequential begins with both poolings and flattening, so that its first layer with weights has number 2.
    """
    kinds = {"2": nn.BatchNorm1d, "4": nn.Linear, "6": nn.BatchNorm1d, "8": nn.Linear}
    named = {name: part for name, part in head.named_children() if part._parameters}
    return named.keys() == kinds.keys() and all(isinstance(named[name], kind) for name, kind in kinds.items())


def runs(net: nn.Module, size: tuple[int, int, int]) -> bool:
    """Whether a network on the meta device gives logits (1, K) for an input (C, H, W)."""
    net.eval()
    try:
        with Weightless(), torch.inference_mode():
            out = net(torch.empty(1, *size, device="meta"))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return isinstance(out, torch.Tensor) and out.dim() == 2


def _channels(net: nn.Module, size: tuple[int, int, int], top: str) -> int:
    """How many channels reach the head when they are pooled to one value each; 0 where that cannot be told."""
    head, pool = net.get_submodule(top), net.get_submodule("avgpool")
    net.set_submodule(top, nn.Identity())
    net.set_submodule("avgpool", nn.AdaptiveAvgPool2d(1))
    try:
        with Weightless(), torch.inference_mode():
            return int(net.eval()(torch.empty(1, *size, device="meta")).flatten(1).shape[1])
    except (RuntimeError, ValueError):
        return 0
    finally:
        net.set_submodule(top, head)
        net.set_submodule("avgpool", pool)


def _below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def _own_parameters(part: nn.Module) -> bool:
    return bool(part._parameters)


def _same(part: nn.Module, name: str, shapes: Shapes) -> bool:
    return all(shapes.get(f"{name}.{key}") == tuple(value.shape) for key, value in part.state_dict().items())


def _resize(net: nn.Module, name: str, part: nn.Module, shapes: Shapes) -> None:
    """Gives the output layer the sizes that the shapes show, where its kind stays the same."""
    shape, bias = shapes.get(f"{name}.weight", ()), f"{name}.bias" in shapes
    with Weightless():
        if isinstance(part, nn.Linear) and len(shape) == 2:
            net.set_submodule(name, nn.Linear(shape[1], shape[0], bias))
        elif isinstance(part, nn.Conv2d) and len(shape) == 4 and shape[2:] == part.weight.shape[2:]:
            net.set_submodule(name, nn.Conv2d(shape[1], shape[0], part.kernel_size, bias=bias))  # type: ignore[arg-type]


def _head(shapes: Shapes, old: nn.Sequential, activation: str) -> tuple[nn.Module | None, bool]:
    """A head of the layers that the shapes show, and whether an activation in it is assumed; None for anything else.

    Layers without weights leave no trace but a gap in the numbers of a Sequential. In the first gap between two linear
    layers an activation is assumed; between layers with names of their own, one before each linear layer but the first.
    """
    prefix = _shared(shapes)
    inner = {key.removeprefix(prefix): shape for key, shape in shapes.items()}
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in inner))
    numbered = all(name.isdecimal() for name in names)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if numbered and not prefix:  # a Flatten or a pooling in front stays where the new head has room for it
        first = int(names[0])
        layers.update(
            (name, part)
            for name, part in old.named_children()
            if name.isdecimal() and int(name) < first and not list(part.parameters())
        )
    if any(hasattr(nn.Sequential(), name) for name in prefix.split(".")[:-1]):
        return None, False
    waiting = assumed = False  # for an activation behind a linear layer
    with Weightless():
        for at, name in enumerate(names):
            layer = _layer({key: shape for key, shape in inner.items() if key.rpartition(".")[0] == name}, name, old)
            if layer is None or "." in name or hasattr(nn.Sequential(), name):
                return None, False
            gap = int(name) - int(names[at - 1]) > 1 if numbered and at else isinstance(layer, nn.Linear)
            if waiting and gap:
                layers[f"{ASSUMED}{name}"] = ACTIVATIONS[activation]()
                waiting, assumed = False, True
            waiting = isinstance(layer, nn.Linear) or (waiting and not isinstance(layer, nn.PReLU))
            if not name:
                return _nested(prefix, layer), assumed
            layers[name] = layer
    return _nested(prefix, nn.Sequential(layers)), assumed


def _layer(shapes: Shapes, name: str, old: nn.Sequential) -> nn.Module | None:
    """The layer whose tensors have these shapes; None where they show another kind than those of heads."""
    own = {key.rpartition(".")[2]: shape for key, shape in shapes.items()}
    shape = own.get("weight", ())
    known = dict(old.named_children()).get(name)
    if known is not None and {key: tuple(value.shape) for key, value in known.state_dict().items()} == own:
        return known  # such as ConvNeXt's norm before its head
    if len(shape) == 2 and own.keys() <= {"weight", "bias"}:
        return nn.Linear(shape[1], shape[0], "bias" in own)
    if len(shape) == 1 and own.keys() == {"weight", "bias", "running_mean", "running_var"}:
        return nn.BatchNorm1d(shape[0])
    if len(shape) == 1 and own.keys() == {"weight", "bias"}:
        return nn.LayerNorm(shape[0])
    return nn.PReLU(shape[0]) if len(shape) == 1 and own.keys() == {"weight"} else None


def _shared(shapes: Shapes) -> str:
    """The names of modules that all layers of a head lie in, such as "net." of net.0.weight and net.3.weight."""
    prefix = ""
    while shapes:
        first = next(iter(shapes)).removeprefix(prefix).partition(".")
        longer = f"{prefix}{first[0]}."
        inner = [key.removeprefix(longer) for key in shapes if key.startswith(longer)]
        if len(inner) < len(shapes) or not all("." in key for key in inner):
            break
        prefix = longer
    return prefix


def _nested(prefix: str, layer: nn.Module) -> nn.Module:
    """The layer inside of a Sequential for each name of its prefix."""
    for name in reversed(prefix.split(".")[:-1]):
        layer = nn.Sequential(OrderedDict([(name, layer)]))
    return layer
