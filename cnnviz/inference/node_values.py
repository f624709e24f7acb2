"""What every operation of a traced network returned for one photo."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn


def node_values(net: nn.Module, graph: fx.Graph, end: int, x: Tensor) -> dict[fx.Node, Tensor]:
    """The output of every operation up to position `end` of a trace, before anything later wrote over it."""
    kept: dict[fx.Node, Tensor] = {}

    class Keeping(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            out = super().run_node(n)
            if isinstance(out, Tensor):
                kept[n] = out
                return out.clone()  # an operation in place may follow: it gets the clone
            return out

    part, seen = fx.Graph(), dict[fx.Node, fx.Node]()
    back: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes)[: end + 1]:
        seen[node] = part.node_copy(node, seen.__getitem__)
        back[seen[node]] = node
    part.output(seen[next(reversed(seen))])
    with torch.inference_mode():
        Keeping(fx.GraphModule(net, part)).run(x)
    return {back[node]: value for node, value in kept.items() if node in back}
