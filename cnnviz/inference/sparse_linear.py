"""Linear layers whose way back reads only the weights that matter.

One photo's gradient through the large linear layers of VGG or AlexNet waits for memory: every weight is read for one
product. Behind a ReLU that was off, and for the logits nobody asked about, the gradient is zero: those rows are left
unread.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import has_torch_function

LARGE = 2**20  # weights; below, one product is as quick
FULL = 0.75  # of the rows have a say: above, one product is as quick


class SparseBack(nn.Module):
    """A frozen linear layer, equal to PyTorch's up to the rounding of its gradients; they go back to the input only."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """The outputs (N, out) for x (N, in)."""
        if x.shape[:-1] != (1,) or not (torch.is_grad_enabled() and x.requires_grad) or has_torch_function((x,)):
            plain: Tensor = self.linear(x)
            return plain
        out: Tensor = _Linear.apply(x, self.linear)
        return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, linear: nn.Linear) -> Tensor:
        context.weight = linear.weight.detach()
        out: Tensor = linear(x)
        return out

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weight = context.weight
        rows = gradient[0].nonzero()[:, 0]
        if len(rows) > FULL * len(weight):
            return gradient @ weight, None
        bags = torch.arange(torch.get_num_threads()) * len(rows) // torch.get_num_threads()
        return F.embedding_bag(rows, weight, bags, mode="sum", per_sample_weights=gradient[0, rows]).sum(0, True), None


def sparse(graph: fx.GraphModule) -> None:
    """Puts `SparseBack` in place of the large linear layers of a graph that run on the processor."""
    for node in graph.graph.nodes:
        part = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
        if type(part) is nn.Linear and part.weight.numel() >= LARGE and part.weight.device.type == "cpu":
            name = f"sparse_{node.name}"
            graph.add_submodule(name, SparseBack(part))
            node.target = name
    graph.recompile()
