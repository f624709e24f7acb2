"""The layers of a network in the order they run: kind, output shape, parameters, mult-adds.

Read from a copy that shares the network's tensors and is run on no photo at all, a batch of 0: nothing is computed, and
the network itself is never touched, so other threads may use it meanwhile. A network that refuses an empty batch is
copied without weights to the meta device instead (which first imports half a second of compiler), and where it does not
run there either, it is run on noise. Operations that are no modules (a `relu` in a forward, an addition) do not appear.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cnnviz.inference import layout
from cnnviz.inference.plain_road import PLAIN, WRITTEN
from cnnviz.inference.tap import LayerError
from cnnviz.models.outputs import noise
from cnnviz.models.snapshot import snapshot

Size = tuple[int, int, int]  # (C, H, W)
GATES = (nn.Sigmoid, nn.Hardsigmoid)
ATTENTION = (nn.Softmax, nn.Dropout)  # weights of tokens (heads, L, L); a plain dropout does nothing in evaluation mode


@dataclass(frozen=True)
class Layer:
    """One run of one layer. A layer that runs twice has two rows; its parameters count in the first."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of the output, without the batch
    parameters: int
    mult_adds: int


@dataclass(frozen=True)
class LayerTable:
    """All layers of a network for one input size, and their sums."""

    input: Size
    layers: tuple[Layer, ...]
    total_parameters: int
    trainable_parameters: int
    total_mult_adds: int


@dataclass(frozen=True)
class _Run:
    """One run of a module; `alone` where its output has as many entries as there are photos."""

    name: str
    part: nn.Module
    shape: tuple[int, ...]
    repeated: bool
    channels_first: bool
    alone: bool


def table(net: nn.Module, input_size: Size) -> LayerTable:
    """The layers in execution order, counted as torchinfo counts (one photo, mult-adds of layers with weights).

    A convolution multiplies each of its weights and biases once per output position; any other layer uses each of its
    parameters once. In a network that is frozen as a whole every parameter counts as trainable.
    Raises `LayerError` where the network does not run on that input size.
    """
    rows = []
    for run in _runs(net, input_size):
        own = sum(p.numel() for p in run.part.parameters(recurse=False))
        if own or _is_leaf(run.part):
            positions = run.shape[1:] if isinstance(run.part, _ConvNd) else ()
            mult_adds = own if _is_leaf(run.part) else 0
            for side in positions:
                mult_adds *= side
            rows.append(Layer(run.name, type(run.part).__name__, run.shape, 0 if run.repeated else own, mult_adds))
    total = sum(p.numel() for p in net.parameters())
    trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
    return LayerTable(input_size, tuple(rows), total, trainable or total, sum(row.mult_adds for row in rows))


def maps(net: nn.Module, input_size: Size) -> tuple[str, ...]:
    """Names of the layers and blocks with feature maps (C, H, W), in execution order."""
    return tuple(dict.fromkeys(run.name for run in _runs(net, input_size) if run.name and _is_map(run)))


def channels_last(net: nn.Module, input_size: Size) -> frozenset[str]:
    """Names of the layers that put out (H, W, C): whoever took them for maps would read rows as channels."""
    return frozenset(run.name for run in _runs(net, input_size) if len(run.shape) == 3 and not run.channels_first)


def default_layer(net: nn.Module, input_size: Size) -> str:
    """The end of the convolutional trunk: the last block with maps before they are pooled into one value per channel.

    Where a network has a block `features`, that is its trunk; gates (a sigmoid, a single channel) end none.
    Raises `LayerError` where the network has no such layer.
    """
    runs = [run for run in _runs(net, input_size) if run.name and _is_map(run)]
    trunks = tuple(f"{run.name}." for run in runs if run.name.rpartition(".")[2] == "features")
    for wanted in (_is_feature, _is_wide, lambda run: "Pool" not in type(run.part).__name__):
        found = [run for run in runs if wanted(run)]
        if found := [run for run in found if run.name.startswith(trunks)] or found:
            return found[-1].name  # a block finishes after its parts
    raise LayerError("This network has no layer with feature maps; choose a convolutional network.")


def _is_wide(run: _Run) -> bool:
    """Whether maps are not pooled yet: larger than 1 x 1."""
    return max(run.shape[1:]) > 1 and "Pool" not in type(run.part).__name__


def _is_feature(run: _Run) -> bool:
    """Whether wide maps are no gate that others are multiplied by."""
    return _is_wide(run) and run.shape[0] > 1 and not isinstance(run.part, GATES)


def _runs(net: nn.Module, input_size: Size) -> list[_Run]:
    """What every module (containers after their content) put out, in the order the modules finished."""
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    if net in PLAIN or net in WRITTEN:  # which layers run, and on what, depends on what there is to see
        return _noted(snapshot(net), noise(net, input_size))
    with suppress(Exception):  # the size is wrong, or the forward computes with a batch of 0: meta tells which
        return _noted(snapshot(net), torch.empty((0, *input_size), device=device))
    with suppress(Exception):  # the size is wrong, or the forward makes tensors of its own on another device
        return _noted(snapshot(net, _meta), torch.empty((1, *input_size), device="meta"))
    try:
        return _noted(snapshot(net), noise(net, input_size))
    except Exception as error:  # whatever a forward of somebody's own does without numbers
        size = " x ".join(map(str, input_size))
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise LayerError(
            f"{type(net).__name__} does not run on an input of {size} ({reason}); try another size."
        ) from None


def _noted(copy: nn.Module, x: Tensor) -> list[_Run]:
    """One run of the copy, written down."""
    named = copy.named_modules()
    names = {part: name for name, part in named if "parametrizations" not in name.split(".")}  # these give weights
    runs: list[_Run] = []
    seen: set[nn.Module] = set()

    def note(part: nn.Module, _: object, out: object) -> None:
        if isinstance(out, Tensor):
            first, alone = layout.axis(out) == layout.FIRST, len(out) == len(x) if out.ndim else False
            runs.append(_Run(names[part], part, tuple(out.shape[1:]), part in seen, first, alone))
            seen.add(part)

    for part in names:
        part.register_forward_hook(note)
    with torch.no_grad(), layout.Layout():
        copy(x)
    return runs


def _meta(own: Tensor) -> Tensor:
    """A tensor of the same shape without values."""
    empty = torch.empty_like(own, device="meta")
    return nn.Parameter(empty, requires_grad=False) if isinstance(own, nn.Parameter) else empty


def _is_leaf(part: nn.Module) -> bool:
    return not any(True for _ in part.children())


def _is_map(run: _Run) -> bool:
    """Whether a module puts out maps (C, H, W) of the photo: not of its tiles or windows, and no attention."""
    maps = len(run.shape) == 3 and min(run.shape) >= 1 and run.channels_first and run.alone
    return maps and not isinstance(run.part, ATTENTION)
