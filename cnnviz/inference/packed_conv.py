"""Convolutions that keep their weights in the order in which the processor reads them.

PyTorch's own convolution puts its weights into oneDNN's blocked order again at every call, which on small maps costs as
much as the arithmetic. A frozen network needs that once; the sum and the ReLU that follow are done while the result is
at hand. Gradients go back to the input only, where possible in memory that is there already: a fresh piece for large
maps costs as much as what is written into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import has_torch_function

SMALL = 2**21  # bytes of weights whose order is told apart by the shape of what they meet
SHAPES = 8  # of inputs that a convolution keeps its weights ready for, there and back


class Pool(NamedTuple):
    """A maximum over windows, as `torch.nn.functional.max_pool2d` takes it."""

    side: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    ceil: bool


class Packed(nn.Module):
    """A frozen convolution, equal to PyTorch's up to rounding, with what is done to its result at once."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.shortcut = _Shortcut(conv) if _narrow(conv) else None
        self._weights: dict[tuple[str | int, ...], Tensor] = {}  # by what they are for

    def forward(
        self,
        x: Tensor,
        relu: bool = False,
        other: Tensor | None = None,
        pool: Pool | None = None,
        owned: bool = False,
    ) -> Tensor:
        """The maps (N, out, h, w) of x (N, in, H, W), with `other` (N, out, h, w) added, negatives cut off, and pooled.

        `pool` asks for `relu`, and no `other`. `owned` says that nobody else reads the gradient by these maps, which
        may then be written over.
        """
        out: Tensor
        if has_torch_function((x,)):  # somebody listens to the operations: ReLUs that leak, guided gradients
            out = self.conv(x)
            out = out if other is None else out + other
            out = F.relu_(out) if relu else out
        elif torch.is_grad_enabled() and (x.requires_grad or (other is not None and other.requires_grad)):
            if pool is not None:
                out = _Pooled.apply(x, self, pool, owned)
            else:
                out = _Convolved.apply(x, other, self, relu, owned)
            return out
        else:
            out = self.run(x, relu, other)
        return out if pool is None else F.max_pool2d(out, *pool)

    def run(self, x: Tensor, relu: bool, other: Tensor | None) -> Tensor:
        """As `forward`, with no gradient."""
        conv = self.conv
        where = conv.padding, conv.stride, conv.dilation, conv.groups
        weight = self._blocked("ahead", x, where)
        after = "relu" if relu else "none"
        out: Tensor
        if other is None:
            out = torch.ops.mkldnn._convolution_pointwise(x, weight, conv.bias, *where, after, [], "")
        elif other.shape != (x.shape[0], conv.out_channels, *self._sides(x)):
            out = self.run(x, False, None) + other  # the operation below does not look whether they fit
            out = out.relu() if relu else out
        else:
            out = torch.ops.mkldnn._convolution_pointwise.binary(
                x, other, weight, conv.bias, *where, "add", 1.0, after if relu else None, [], None
            )
        return out

    def _sides(self, x: Tensor) -> tuple[int, ...]:
        """Height and width of the maps for x (N, in, H, W)."""
        conv = self.conv
        assert not isinstance(conv.padding, str)
        each = zip(x.shape[2:], conv.kernel_size, conv.stride, conv.padding, conv.dilation, strict=True)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in each)

    def some(self, channels: Sequence[int]) -> Packed:
        """The same convolution for some of its output channels."""
        conv = self.conv
        few = nn.Conv2d(conv.in_channels, len(channels), 1, device="meta")
        few.kernel_size, few.stride, few.padding, few.dilation = (
            conv.kernel_size, conv.stride, conv.padding, conv.dilation,
        )  # fmt: skip
        few.weight = nn.Parameter(conv.weight[list(channels)].contiguous(memory_format=torch.channels_last), False)
        few.bias = None if conv.bias is None else nn.Parameter(conv.bias[list(channels)], False)
        return Packed(few.eval())

    def back(self, gradient: Tensor, x: Tensor) -> Tensor:
        """The gradient by x (N, in, H, W) for the gradient by the maps (N, out, h, w)."""
        if self.shortcut is not None:
            return self.shortcut(gradient, x.shape[2], x.shape[3])
        conv = self.conv
        if set(conv.stride) == {1} and all(margin >= 0 for margin in _margins(conv)):
            return self._turned_back(gradient)
        where = conv.stride, conv.padding, conv.dilation, False, (0, 0), conv.groups, (True, False, False)
        by_x: Tensor = torch.ops.aten.convolution_backward(gradient, x, conv.weight, None, *where)[0]
        return by_x

    def _turned_back(self, gradient: Tensor) -> Tensor:
        """Without a stride the way back is a convolution too, with the kernels turned and channels exchanged."""
        conv = self.conv
        where = _margins(conv), conv.stride, conv.dilation, 1
        weight = self._blocked("back", gradient, where)
        by_x: Tensor = torch.ops.mkldnn._convolution_pointwise(gradient, weight, None, *where, "none", [], "")
        return by_x

    def _blocked(self, way: str, x: Tensor, where: tuple[object, ...]) -> Tensor:
        """The weights in the order that oneDNN wants for this input: the shape decides it, but for large kernels."""
        weight = self.conv.weight
        small = set(self.conv.kernel_size) == {1} or weight.nbytes < SMALL
        key = (way, *x.shape) if small else (way,)
        found = self._weights.get(key)
        if found is None:  # two threads may do so at once, to the same end
            if way == "back":
                weight = weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
            found = torch.ops.mkldnn._reorder_convolution_weight(weight, *where, list(x.shape))
            if len(self._weights) >= SHAPES:
                self._weights.clear()
            self._weights[key] = found
        return found


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, other: Tensor | None, packed: Packed, relu: bool, owned: bool) -> Tensor:
        out = packed.run(x, relu, other)
        context.packed, context.relu, context.owned = packed, relu, owned
        context.add = None if other is None else other.shape
        context.save_for_backward(x, out if relu else None)
        return out

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, out = context.saved_tensors
        if context.relu:
            gradient = _masked(gradient, out, context.owned)
        by_x = context.packed.back(gradient, x) if context.needs_input_grad[0] else None
        by_other = None if context.add is None else gradient.sum_to_size(context.add)
        return by_x, by_other, None, None, None


class _Pooled(torch.autograd.Function):
    """Convolution, ReLU and maximum. Closed units are told by the pooled maps: the large ones are not looked at again.

    Their memory takes the gradient by them instead.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, packed: Packed, pool: Pool, owned: bool) -> Tensor:
        out = packed.run(x, True, None)
        pooled: Tensor
        pooled, places = torch.ops.aten.max_pool2d_with_indices(out, *pool)
        context.packed, context.pool, context.owned, context.room = packed, pool, owned, out
        context.save_for_backward(x, pooled, places)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, pooled, places = context.saved_tensors
        room = context.room
        gradient = _masked(gradient, pooled, context.owned)
        back = torch.ops.aten.max_pool2d_with_indices_backward.grad_input
        back(gradient, room, *context.pool, places, grad_input=room)
        return context.packed.back(room, x), None, None, None


def _masked(gradient: Tensor, out: Tensor, owned: bool) -> Tensor:
    """The gradient where a ReLU's output is open, 0 elsewhere; in its own memory if it is `owned`."""
    through: Tensor
    if owned:
        through = torch.ops.aten.threshold_backward.grad_input(gradient, out, 0, grad_input=gradient)
    else:
        through = torch.ops.aten.threshold_backward(gradient, out, 0)
    return through


def chosen(maps: Tensor, channels: list[int]) -> Tensor:
    """Some channels (N, len(channels), h, w) of maps; the gradient by the maps is in their own memory format."""
    if has_torch_function((maps,)):
        return maps[:, channels]
    some: Tensor = _Chosen.apply(maps, channels)
    return some


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, maps: Tensor, channels: list[int]) -> Tensor:
        context.like, context.channels = maps, channels
        return maps[:, channels].contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        back = torch.zeros_like(context.like)
        back[:, context.channels] = gradient
        return back, None


class _Shortcut:
    """The gradient by the few input channels of a large kernel with a stride: one convolution without a stride.

    The pixels of one residue modulo the stride meet every stride-th weight, so all residues together are a small
    kernel with stride times stride as many channels (Shi et al., 2016, Real-time single image super-resolution).
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        weight, step, pad = conv.weight.detach(), int(conv.stride[0]), int(conv.padding[0])
        out, channels, side, _ = weight.shape
        taps = [
            [((r + pad) // step - j, (r + pad) % step + step * j) for j in range(-(-(side - (r + pad) % step) // step))]
            for r in range(step)
        ]  # for each residue: where in the gradient, and which weight
        ahead = [place for row in taps for place, _ in row]
        self.first, self.last, self.step = min(ahead), max(ahead), step
        small = self.last - self.first + 1
        kernel = weight.new_zeros(channels, step, step, out, small, small)
        for a, down in enumerate(taps):
            for b, across in enumerate(taps):
                for y, k in down:
                    for x, m in across:
                        kernel[:, a, b, :, y - self.first, x - self.first] = weight[:, :, k, m].t()
        self.kernel = kernel.flatten(0, 2).contiguous(memory_format=torch.channels_last)

    def __call__(self, gradient: Tensor, height: int, width: int) -> Tensor:
        """The gradient (N, in, height, width)."""
        rows, columns = (-(-side // self.step) - 1 + self.last for side in (height, width))
        room = -self.first, columns - gradient.shape[3] + 1, -self.first, rows - gradient.shape[2] + 1
        residues = F.conv2d(F.pad(gradient, room), self.kernel)  # (N, in * step * step, h, w)
        return F.pixel_shuffle(residues, self.step)[..., :height, :width]


def _margins(conv: nn.Conv2d) -> list[int]:
    """The padding of the way back, down and across."""
    assert not isinstance(conv.padding, str)
    sides = zip(conv.kernel_size, conv.padding, conv.dilation, strict=True)
    return [gap * (side - 1) - pad for side, pad, gap in sides]


def _narrow(conv: nn.Conv2d) -> bool:
    """Whether a convolution has few input channels and a kernel much larger than its stride, square all of it."""
    sizes = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    square = all(len(set(size)) == 1 for size in sizes) and conv.dilation[0] == 1
    return square and conv.in_channels <= 4 and conv.kernel_size[0] > 2 * conv.stride[0] > 2
