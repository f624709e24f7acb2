"""ReLUs that leak a little where they are closed, for images that see nothing but closed ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

FAINT = 0.01  # paths with the fewest closed ReLUs outweigh all others: the last ReLU opens, the rest stays true


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
        if function in _RELUS:
            return _leaky(args[0], _RELUS[function])
        return function(*args, **(kwargs or {}))


def _leaky(x: Tensor, top: float) -> Tensor:
    """`x` cut off at 0 and `top`, but for a faint rest that tells how far it is from open."""
    inside = x.clamp(0, top)
    return inside + FAINT * (x - inside)


_RELUS: dict[Callable[..., object], float] = {
    F.relu: float("inf"),
    torch.relu: float("inf"),
    torch.relu_: float("inf"),
    Tensor.relu: float("inf"),
    Tensor.relu_: float("inf"),
    F.relu6: 6.0,
    F.hardtanh: 6.0,
}


class GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        out = x.clamp(min=0)
        context.save_for_backward(out)
        return out

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (out,) = context.saved_tensors
        through: Tensor = gradients[0].clamp(min=0) * (out > 0)
        return through


class Guided(TorchFunctionMode):
    """While it lasts, every ReLU of this thread is a guided one: no hooks, no flags, no copy of the network."""

    RELUS = (F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if function in self.RELUS:
            self.met += 1
            return GuidedRelu.apply(args[0])
        return function(*args, **(kwargs or {}))
