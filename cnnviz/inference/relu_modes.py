"""ReLUs whose way back is altered, in whatever way a network calls them: modules, functions or methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

SIX = 6.0  # where ReLU6 cuts off
FAINT = 0.01  # paths with the fewest closed ReLUs outweigh all others: the last ReLU opens, the rest stays true


@dataclass(frozen=True)
class Relu:
    """One call of a ReLU: where it cuts off above, infinity if nowhere, and whether it writes over its input."""

    top: float = math.inf
    in_place: bool = False


def relu_of(function: object, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Relu | None:
    """What kind of ReLU a call is; None for every other function."""
    if function in _RELUS:
        return Relu(in_place=function in _IN_PLACE or _given(args, kwargs, 1, "inplace", False) is True)
    if function in _CLAMPS:
        low, high = _given(args, kwargs, 1, "min"), _given(args, kwargs, 2, "max")
        top = math.inf if high is None else high
        return Relu(float(top), function in _IN_PLACE) if _is_zero(low) and _is_top(top) else None
    if function is F.relu6:
        return Relu(6.0, bool(_given(args, kwargs, 1, "inplace", False)))
    if function is F.hardtanh:
        low, high = _given(args, kwargs, 1, "min_val", -1.0), _given(args, kwargs, 2, "max_val", 1.0)
        return Relu(float(high), bool(_given(args, kwargs, 3, "inplace", False))) if low == 0 else None
    return None


def _given(args: Sequence[Any], kwargs: Mapping[str, Any], place: int, name: str, default: Any = None) -> Any:
    return args[place] if place < len(args) else kwargs.get(name, default)


def _is_zero(bound: object) -> bool:
    return isinstance(bound, (int, float)) and bound == 0


def _is_top(bound: object) -> bool:
    return isinstance(bound, (int, float)) and bound in (SIX, math.inf)


class Reviving(TorchFunctionMode):
    """Inside this context, and in this thread only, closed ReLUs leak a little. Nothing is hooked."""

    def __torch_function__(
        self,
        function: Callable[..., object],
        kinds: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """What `function` gives, with ReLUs that leak."""
        relu = relu_of(function, args, kwargs or {})
        return function(*args, **(kwargs or {})) if relu is None else _leaky(args[0], relu)


def _leaky(x: Tensor, relu: Relu) -> Tensor:
    """`x` cut off at 0 and above, but for a faint rest that tells how far it is from open."""
    if math.isinf(relu.top):
        return F.leaky_relu(x, FAINT, inplace=relu.in_place)
    given = x.clone() if relu.in_place else x
    inside = given.clamp(0, relu.top)
    out = inside + FAINT * (given - inside)
    return x.copy_(out) if relu.in_place else out


class GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, relu: Relu) -> Tensor:
        out = x.clamp_(0, relu.top) if relu.in_place else x.clamp(0, relu.top)
        if relu.in_place:
            context.mark_dirty(out)
        context.save_for_backward(out)
        context.top = relu.top
        return out

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (out,) = context.saved_tensors
        return gradients[0].clamp(min=0) * ((out > 0) & (out < context.top)), None


class Guided(TorchFunctionMode):
    """While it lasts, every ReLU and ReLU6 of this thread is a guided one: no hooks, no flags, no copy of the network.

    Other ReLUs that are cut off above stay as they are, and so does a ReLU6 of what a number was added to: hard
    sigmoids and the gates of hard-swish are made of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.met = 0
        self._shifted: object = None  # what a number was added to last

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        relu = relu_of(function, args, kwargs or {})
        gate = relu is not None and math.isfinite(relu.top) and (relu.top != SIX or args[0] is self._shifted)
        if relu is None or gate:
            out = function(*args, **(kwargs or {}))
            if getattr(function, "__name__", "") in _SUMS and isinstance(args[-1], (int, float)):
                self._shifted = out
            return out
        self.met += 1
        return GuidedRelu.apply(args[0], relu)


_SUMS = {"add", "add_", "__add__", "__radd__", "__iadd__"}
_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_, torch.clamp_, Tensor.clamp_, torch.clamp_min_, Tensor.clamp_min_}
_RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_CLAMPS = {
    torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_, torch.clamp_min, torch.clamp_min_, Tensor.clamp_min,
    Tensor.clamp_min_, torch.clip, Tensor.clip,
}  # fmt: skip
