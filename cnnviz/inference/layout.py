"""Where the channels of a tensor are while a network runs: behind the batch, or last as in ConvNeXt and MambaOut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

FIRST = 1
BEHIND = ("linear", "layer_norm", "rms_norm")  # they compute along the last axis
SHAPED = ("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "reshape_as", "view_as")
MIXED = ("conv1d", "conv2d", "conv3d", "batch_norm", "group_norm", "instance_norm", "pixel_shuffle", "pixel_unshuffle")


class Layout(TorchFunctionMode):
    """While it is active, each tensor that is computed knows the axis of its channels: see `axis`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        found = [one for one in (out if isinstance(out, (tuple, list)) else (out,)) if isinstance(one, Tensor)]
        sources = _tensors((*args, *(kwargs or {}).values())) if found else []
        for one in found if sources else []:
            name = getattr(func, "__name__", "")
            one.__dict__["_channels"] = _after(name, sources[0], args[1:], kwargs or {}, one)
        return out


def axis(tensor: Tensor) -> int:
    """The axis of a tensor's channels: 1 unless `Layout` saw them go elsewhere."""
    return int(tensor.__dict__.get("_channels", FIRST))


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Tensors among the arguments, those of lists too; one that knows better than the usual comes first."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found.extend(one for one in value if isinstance(one, Tensor))
    return sorted(found, key=lambda one: "_channels" not in one.__dict__)


def _after(name: str, source: Tensor, given: Sequence[Any], named: Mapping[str, Any], out: Tensor) -> int:
    """The axis of the channels of what a function of that name made of a tensor."""
    was, last = axis(source), out.dim() - 1
    if name in BEHIND:
        return last
    if name in MIXED:
        return FIRST
    if name == "permute":
        order = named.get("dims", given[0] if given and isinstance(given[0], (tuple, list)) else given)
        return [one % source.dim() for one in order].index(was) if was < source.dim() else FIRST
    if name in ("transpose", "swapaxes"):
        one, other = (int(place) % source.dim() for place in (*given, *named.values())[:2])
        return {one: other, other: one}.get(was, was)
    if name in SHAPED and out.dim() > 1:
        kept = was == source.dim() - 1 and was != FIRST and out.shape[-1] == source.shape[-1]
        return last if kept else FIRST
    return was if out.dim() == source.dim() else FIRST
