"""Packed convolutions put into the graph of a frozen network, together with what directly follows each of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import torch
from torch import fx, nn
from torch.nn import functional as F

from cnnviz.inference.packed_conv import Packed, Pool


def pack(graph: fx.GraphModule, packed: dict[str, Packed]) -> None:
    """Puts `Packed` in place of the convolutions of a graph, those in `packed` by name first; others join it."""
    parts = dict(graph.named_modules())
    made: list[fx.Node] = []
    for node, conv in _convolutions(graph, parts):
        name = f"packed_{node.name}"
        if name not in packed:
            packed[name] = Packed(conv)
        graph.add_submodule(name, packed[name])
        add, relu = _sum(node, parts), _relu(node, parts)
        other = None if add is None else next(source for source in add.all_input_nodes if source is not node)
        relu = relu if add is None else _relu(add, parts)
        pool = None if relu is None or add is not None else _pool(relu, parts)
        last = pool or relu or add or node
        window = None if pool is None else _window(parts[str(pool.target)])
        with graph.graph.inserting_before(last):
            one = graph.graph.call_module(name, (*node.args, relu is not None, other, window))
        made.append(one)
        last.replace_all_uses_with(one)
        for old in (pool, relu, add, node):
            if old is not None:
                graph.graph.erase_node(old)
    for one in made:  # a gradient that comes from packed convolutions alone is new, and this one's to write over
        if all(user in made for user in one.users):
            one.args = (*one.args, True)


def _convolutions(graph: fx.GraphModule, parts: dict[str, nn.Module]) -> Iterator[tuple[fx.Node, nn.Conv2d]]:
    """The convolutions that gain: on a processor with oneDNN, in its plain kind."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch gives it no types
        return
    for node in list(graph.graph.nodes):
        conv = parts.get(str(node.target)) if node.op == "call_module" else None
        if type(conv) is nn.Conv2d and conv.groups == 1 and conv.padding_mode == "zeros":
            plain = not isinstance(conv.padding, str) and not node.kwargs
            if plain and conv.weight.device.type == "cpu" and conv.weight.dtype == torch.float32:
                yield node, conv


def _sum(node: fx.Node, parts: dict[str, nn.Module]) -> fx.Node | None:
    """The sum before a ReLU of a convolution and other maps, if nothing else reads either: a residual block's end."""
    (add,) = node.users if len(node.users) == 1 else (None,)
    if add is None or add.target not in (operator.add, operator.iadd, torch.add) or len(add.all_input_nodes) != 2:
        return None
    maps = all(source.op != "get_attr" for source in add.all_input_nodes) and not add.kwargs
    return add if maps and _relu(add, parts) is not None else None


def _relu(node: fx.Node, parts: dict[str, nn.Module]) -> fx.Node | None:
    """The ReLU that alone reads an operation, if there is one."""
    (after,) = node.users if len(node.users) == 1 else (None,)
    if after is None:
        return None
    if after.op == "call_module":
        return after if isinstance(parts.get(str(after.target)), nn.ReLU) else None
    return after if after.op == "call_function" and after.target is F.relu else None


def _pool(node: fx.Node, parts: dict[str, nn.Module]) -> fx.Node | None:
    """The maximum that alone reads a ReLU, if there is one."""
    (after,) = node.users if len(node.users) == 1 else (None,)
    part = None if after is None or after.op != "call_module" else parts.get(str(after.target))
    return after if isinstance(part, nn.MaxPool2d) and not part.return_indices else None


def _window(part: nn.Module) -> Pool:
    assert isinstance(part, nn.MaxPool2d)
    sizes = part.kernel_size, part.stride, part.padding, part.dilation
    side, stride, padding, dilation = ([size, size] if isinstance(size, int) else list(size) for size in sizes)
    return Pool(side, stride, padding, dilation, part.ceil_mode)
