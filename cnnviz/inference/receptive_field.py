"""The receptive field of every layer of a network: by formula along its graph, and measured by gradients."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.signal.receptive import Field, ReceptiveError, Window, through

if TYPE_CHECKING:
    from torch import fx, nn

    from cnnviz.models.load import Model
    from cnnviz.photo import Photo


def of_net(net: nn.Module) -> Mapping[str, Field]:
    """The field of every module's output by module name, for any network `torch.fx` can trace (all of torchvision's).

    Where branches meet, the field covers all of them. Raises `ReceptiveError` for networks that cannot be traced.
    """
    from cnnviz.inference.tracing import Tracer  # only here: the formulas need no torch

    try:
        graph = Tracer().trace(net)
    except Exception as error:
        raise ReceptiveError(
            "The structure of this network depends on its input, so its receptive fields are unknown."
        ) from error
    modules = dict(net.named_modules())
    fields: dict[fx.Node, Field] = {}
    named: dict[str, Field] = {}
    for node in graph.nodes:
        inputs = [fields[n] for n in node.all_input_nodes if n in fields]
        if node.op == "placeholder":
            fields[node] = Field()
        elif node.op == "call_module":
            fields[node] = _after(modules[str(node.target)], inputs[0])
            named[str(node.target)] = fields[node]
        elif inputs and node.op != "output":
            fields[node] = _joined(inputs, gating=node.target in _PRODUCTS)
            if node.op == "call_function" and _name(node.target) in _WHOLE:
                fields[node] = replace(fields[node], whole=True)
        if node in fields:
            for block in _blocks(node):
                named[block] = fields[node]  # the last node inside a block is the block's output
    return named


_PRODUCTS = (operator.mul, operator.imul)
_WHOLE = ("flatten", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean")


def _name(function: object) -> str:
    return getattr(function, "__name__", str(function))


def _blocks(node: fx.Node) -> list[str]:
    """Names of the modules a node was traced in, outermost first."""
    return [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if isinstance(path, str) and path]


def _after(module: nn.Module, field: Field) -> Field:
    """The field behind one leaf module; modules without a window leave it alone."""
    import torch.nn as nn

    if isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Linear, nn.Flatten)):
        return replace(field, whole=True)
    if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        window = [_side(getattr(module, name, 1)) for name in ("kernel_size", "stride", "padding", "dilation")]
        kind = {nn.MaxPool2d: "max", nn.AvgPool2d: "average"}.get(type(module), "conv")
        return through(field, Window(kind, *window))
    if isinstance(module, nn.ConvTranspose2d):
        raise ReceptiveError("Transposed convolutions have no receptive field by formula.")
    return field


def _side(value: int | tuple[int, ...]) -> int:
    """A window's size along the longer of its sides; 1 x 7 next to 7 x 1 counts as 7."""
    return int(max(value)) if isinstance(value, tuple) else int(value)


def _joined(fields: Sequence[Field], gating: bool) -> Field:
    """The smallest field that covers all branches; a factor that sees everything only gates the other."""
    local = [f for f in fields if not f.whole]
    if gating and local and len(local) < len(fields):
        return replace(_joined(local, False), gated=True)
    jump = max(f.jump for f in fields)
    first = min(f.middle - (f.size - 1) / 2 for f in fields)
    last = max(f.middle + (f.size - 1) / 2 for f in fields)
    return Field(
        round(last - first) + 1,
        jump,
        (first + last) / 2,
        any(f.whole for f in fields),
        any(f.gated for f in fields),
    )


def effective(net: nn.Module, layer: str, pixels: np.ndarray) -> np.ndarray:
    """How much each pixel moves the middle unit of a layer's map, float32 (H, W), largest 1.

    The root mean square over channels and images of the gradient of that unit; `pixels` is float32 (N, C, H, W) as
    the network takes them. Raises `ReceptiveError` for layers without a map.
    """
    import torch

    from cnnviz.inference.tap import tap

    if layer not in dict(net.named_modules()):
        raise ReceptiveError(f"The network has no layer {layer!r}.")
    device = next(net.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).to(device).requires_grad_()
    with torch.enable_grad():
        _, maps = tap(net, x, (layer,), stop=True)
        found = maps[layer]
        if found.ndim != 4:
            raise ReceptiveError(f"{layer} has no feature map; choose a convolution or pooling layer.")
        unit = found[:, :, found.shape[2] // 2, found.shape[3] // 2]  # (N, C)
    signs = torch.randint(0, 2, (_PROBES, *unit.shape), generator=torch.Generator().manual_seed(0)) * 2 - 1
    power = torch.zeros(x.shape[2:], device=device)
    for sign in signs.to(unit):  # random signs: the mean square is the sum over channels
        (gradient,) = torch.autograd.grad((unit * sign).sum(), x, retain_graph=True)
        power += gradient.square().sum((0, 1))
    field = power.sqrt().cpu().numpy()
    share: np.ndarray = field / max(float(field.max()), np.finfo(np.float32).tiny)
    return share.astype(np.float32)


def effective_on(model: Model, layer: str, photo: Photo) -> np.ndarray:
    """The effective field of a model's layer around the middle of a photo, float32 (H, W), largest 1."""
    return effective(model.net, layer, model.preprocess.tensor(model.preprocess.see(photo)).cpu().numpy())


_PROBES = 4
