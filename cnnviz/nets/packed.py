"""Convolutions that keep their weights in the order in which the processor reads them.

PyTorch's own convolution puts its weights into oneDNN's blocked order again at every call, which on small maps costs as
much as the arithmetic. A frozen net needs that once; the ReLU that follows is done while the result is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F


class Packed(nn.Module):
    """A frozen convolution, with or without the ReLU behind it; equal to it up to rounding."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self._weight: Tensor | None = None

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """The maps (N, out, h, w) of x (N, in, H, W)."""
        conv = self.conv
        if torch.is_grad_enabled() and x.requires_grad:  # these operations know no gradient
            out = conv(x)
            return F.relu_(out) if relu else out
        where = conv.padding, conv.stride, conv.dilation, conv.groups
        if self._weight is None:  # two threads may do so at once, to the same end
            self._weight = torch.ops.mkldnn._reorder_convolution_weight(conv.weight, *where, list(x.shape))
        after = "relu" if relu else "none"
        return torch.ops.mkldnn._convolution_pointwise(x, self._weight, conv.bias, *where, after, [], "")


def pack(graph: fx.GraphModule, packed: dict[str, Packed]) -> None:
    """Puts `Packed` in place of the convolutions of a graph, those in `packed` by name first; others join it."""
    parts = dict(graph.named_modules())
    for node, conv in _convolutions(graph, parts):
        name = f"packed_{node.name}"
        graph.add_submodule(name, packed.setdefault(name, Packed(conv)))
        relu = _relu(node, parts)
        last = relu or node
        with graph.graph.inserting_before(last):
            one = graph.graph.call_module(name, (*node.args, relu is not None))
        last.replace_all_uses_with(one)
        for old in dict.fromkeys((last, node)):
            graph.graph.erase_node(old)


def _convolutions(graph: fx.GraphModule, parts: dict[str, nn.Module]) -> Iterator[tuple[fx.Node, nn.Conv2d]]:
    """The convolutions that gain: on a processor with oneDNN, in its plain kind."""
    if not torch.backends.mkldnn.is_available():
        return
    for node in list(graph.graph.nodes):
        conv = parts.get(str(node.target)) if node.op == "call_module" else None
        if type(conv) is nn.Conv2d and conv.groups == 1 and conv.padding_mode == "zeros":
            plain = not isinstance(conv.padding, str) and not node.kwargs
            if plain and conv.weight.device.type == "cpu" and conv.weight.dtype == torch.float32:
                yield node, conv


def _relu(node: fx.Node, parts: dict[str, nn.Module]) -> fx.Node | None:
    """The ReLU that alone reads a convolution, if there is one."""
    if len(node.users) != 1:
        return None
    (after,) = node.users
    if after.op == "call_module":
        return after if isinstance(parts.get(str(after.target)), nn.ReLU) else None
    return after if after.op == "call_function" and after.target is F.relu else None
