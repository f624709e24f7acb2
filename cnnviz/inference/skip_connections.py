"""Skip connections: where a network adds an earlier map to what a branch of layers made of it.

He, Zhang, Ren, Sun, 2015, Deep Residual Learning: y = F(x) + x, followed by a ReLU in most networks.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from cnnviz.arrays import read_only
from cnnviz.inference.cut import named_ends
from cnnviz.inference.node_values import node_values
from cnnviz.inference.tap import LayerError

PHOTO = "the photo"


@dataclass(frozen=True)
class SkipConnection:
    """One sum of a branch and a skip connection; the maps are float32 (C, H, W).

    layer       the block that the sum belongs to
    branch      the last layer of the branch; skip, the layer whose output is added
    identity    whether the skip connection passes its maps on unchanged, or through layers of its own
    activation  the kind of layer that directly follows the sum, such as "ReLU"; "" where none does
    """

    layer: str
    branch: str
    skip: str
    identity: bool
    activation: str
    branch_maps: np.ndarray
    skip_maps: np.ndarray
    sum_maps: np.ndarray


def skip_layers(net: nn.Module) -> tuple[str, ...]:
    """The blocks that end in the sum of a branch and a skip connection, in execution order; () where there are none.

    Raises `LayerError` for a network that cannot be traced.
    """
    return tuple(_sums(net)[2])


def skip_connection(net: nn.Module, x: Tensor, layer: str) -> SkipConnection:
    """Branch, skip connection and sum of a block for a photo (1, C, H, W).

    Raises `LayerError` for a layer that ends in no such sum.
    """
    graph, ends, sums = _sums(net)
    if layer not in sums:
        known = f"choose one of {', '.join(sums)}" if sums else "this network has none"
        raise LayerError(f"Layer {layer!r} does not end in a skip connection; {known}.")
    node = sums[layer]
    order = list(graph.nodes)
    values = node_values(net, graph, order.index(node), x)
    branch, skip = _sides(node)
    parts = dict(net.named_modules())

    def maps(of: fx.Node) -> np.ndarray:
        spread = values[of].expand_as(values[node])  # one value a channel, as of a pooled branch, is added everywhere
        return read_only(spread[0].float().contiguous().cpu().numpy())  # (1, C, H, W) -> (C, H, W)

    return SkipConnection(
        layer, _name(branch, ends), _name(skip, ends), skip in _before(branch), _activation(node, parts),
        maps(branch), maps(skip), maps(node),
    )  # fmt: skip


def input_of(net: nn.Module, layer: str) -> str:
    """The layer that alone is the input of `layer`; `PHOTO` where that is the photo, or more than one layer is."""
    graph, ends = named_ends(net)
    parts = (n for n in graph.nodes if n.op == "call_module" and f"{n.target}.".startswith(f"{layer}."))
    node = next(parts, ends.get(layer))
    while node is not None:
        before = [one for one in node.all_input_nodes if one.op != "get_attr"]
        node = before[0] if len(before) == 1 else None
        if node is not None and node in ends.values():
            return _name(node, ends)
    return PHOTO


def _sums(net: nn.Module) -> tuple[fx.Graph, dict[str, fx.Node], dict[str, fx.Node]]:
    """The trace, the last operation of each submodule, and the additions of two maps by the block they belong to."""
    graph, ends = named_ends(net)
    parts = dict(net.named_modules())
    found: dict[str, fx.Node] = {}
    for node in graph.nodes:
        if not _adds(node):
            continue
        last = next(iter(node.users)) if len(node.users) == 1 else node
        names = [name for name, end in ends.items() if name and end in (node, last)]
        blocks = [name for name in names if any(True for _ in parts[name].children())]
        found[max(blocks or names or [_name(_sides(node)[0], ends)], key=len)] = node
    return graph, ends, found


def _adds(node: fx.Node) -> bool:
    function = node.op == "call_function" and node.target in (operator.add, operator.iadd, torch.add)
    method = node.op == "call_method" and node.target in ("add", "add_")
    both = [arg for arg in node.args[:2] if isinstance(arg, fx.Node)]
    if not (function or method) or len(both) < 2 or both[0] is both[1]:
        return False
    one, two = (_before(arg) | {arg} for arg in both)
    if not all(any(part.op == "placeholder" for part in side) for side in (one, two)):
        return False  # a bias: the same for every photo
    return any(part.op == "call_module" for part in one ^ two)


def _sides(node: fx.Node) -> tuple[fx.Node, fx.Node]:
    """Branch and skip connection of an addition: fewer operations are the skip connection's alone."""
    one, two = (arg for arg in node.args[:2] if isinstance(arg, fx.Node))
    before_one, before_two = _before(one) | {one}, _before(two) | {two}
    return (one, two) if len(before_one - before_two) >= len(before_two - before_one) else (two, one)


def _before(node: fx.Node) -> set[fx.Node]:
    """Everything that a node's output depends on."""
    found: set[fx.Node] = set()
    waiting = [*node.all_input_nodes]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting.extend(one.all_input_nodes)
    return found


def _name(node: fx.Node, ends: Mapping[str, fx.Node]) -> str:
    """The layer that a node is the output of: the smallest block that ends there, else the layer itself."""
    if node.op == "placeholder":
        return PHOTO
    names = [name for name, end in ends.items() if name and end is node]
    outer = [name for name in names if any(other.startswith(f"{name}.") for other in names)]
    if names:
        return max(outer or names, key=len)
    before = (one for one in node.all_input_nodes if one.op != "get_attr")  # a number of the network's own
    found = next(before, None)
    return PHOTO if found is None else _name(found, ends)


def _activation(node: fx.Node, parts: dict[str, nn.Module]) -> str:
    if len(node.users) != 1:
        return ""
    (after,) = node.users
    part = parts.get(str(after.target)) if after.op == "call_module" else None
    if part is not None:
        return type(part).__name__ if isinstance(part, (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.GELU)) else ""
    named = getattr(after.target, "__name__", str(after.target)).strip("_")
    return {"relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU"}.get(named, "")
