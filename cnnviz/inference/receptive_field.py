"""The receptive field of every layer of a network: by formula along its operations, and measured by gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.signal.receptive import Field, ReceptiveError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cnnviz.inference.reach import Reach
    from cnnviz.models.load import Model
    from cnnviz.photo import Photo


def of_net(net: nn.Module, input_size: tuple[int, int, int] | None = None) -> Mapping[str, Field]:
    """The field of every module's output by module name, for inputs (C, H, W), where none is given 224 x 224.

    Where branches meet, the field covers all of them; where it is not a square, the square covers it. Raises
    `ReceptiveError` for networks whose operations depend on the input, or that do not run on that size.
    """
    import torch

    from cnnviz.inference.reach import after, start
    from cnnviz.inference.recording import Value, record

    first = next((p for p in net.parameters()), torch.empty(0))
    size = input_size or (first.shape[1] if first.ndim == 4 else 3, 224, 224)
    noise = torch.rand((1, *size), generator=torch.Generator().manual_seed(0)).to(first)
    try:
        recording = record(net, noise, numbers=False)
    except RuntimeError as error:
        raise ReceptiveError(f"The network does not run on an input of {' x '.join(map(str, size))}.") from error
    if recording.steered:
        raise ReceptiveError("The operations of this network depend on its input, so its receptive fields are unknown.")
    known: dict[Value, Reach] = {}
    for value in recording.values:
        known[value] = start(value.shape) if value.by is None else after(value.by, value.which, value.shape, known)
    names = {name: part for name, part in net.named_modules() if name and part in recording.outputs}
    return {name: _field(known[recording.outputs[part][-1]]) for name, part in names.items()}


def _field(reach: Reach) -> Field:
    """The square field of a map: at every place it covers what the number there depends on."""
    if reach.whole:
        return Field(whole=True, gated=reach.gated)
    top, bottom, left, right = reach.ends
    jump = max(1, round(max(reach.jump)))
    sides = zip(reach.jump, ((top, bottom), (left, right)), strict=True)
    found = [_along(*ends, jump) for own, ends in sides if max(1, round(own)) == jump]
    low, high = min(low for low, _ in found), max(high for _, high in found)
    return Field(high - low + 1, jump, (low + high) / 2, gated=reach.gated)


def _along(first: Tensor, last: Tensor, jump: int) -> tuple[int, int]:
    """First and last pixel of the first number's field along one side, wide enough for those of all others."""
    import torch

    from cnnviz.inference.reach import along, narrow

    axis, starts = along(narrow(first))
    ends = narrow(last).amax([dim for dim in range(last.ndim) if dim != axis])
    steps = jump * torch.arange(max(len(starts), len(ends)))
    return math.floor(float((starts - steps).min())), math.ceil(float((ends - steps).max()))


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
    return effective(model.net, layer, model.preprocess.input(photo).cpu().numpy())


_PROBES = 4
