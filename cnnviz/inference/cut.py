"""A network cut in two at a layer: a trunk that is run once per photo, and a head that is asked many questions.

The trunk's weights never need gradients, so it may be rewritten for speed: batch norm folded into the convolution
before it, weights packed for the processor. The head stays the network's own modules and can be differentiated.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cnnviz.inference.fusion import pack
from cnnviz.inference.packed_conv import Packed, chosen
from cnnviz.inference.plain_road import PLAIN, UNLISTED, Unlisted, halves, single, whole
from cnnviz.inference.sparse_linear import sparse
from cnnviz.inference.tap import LayerError, module
from cnnviz.inference.tracing import LOCK, Tracer
from cnnviz.models.outputs import damaged


@dataclass(frozen=True)
class Cut:
    """`trunk(x)` gives what lives at the cut, the layer's map first; `head(map, *rest)` gives the logits.

    A constant added to a channel everywhere passes pooling as it is. Where nothing else lies between the map and the
    next layer with weights, `carry` holds those weights summed over the positions, (out, C), and `head(map, shift=s)`
    adds s, (out,) or for each image (N, out), to that layer's output: the gradient by s times `carry` is the gradient
    by the map summed over the positions, had without going back through that layer. `direct` says that each output of
    that layer then makes its own logit, and no other.

    `some(channels)` gives what computes these channels of the layer's map alone, (N, len(channels), h, w), or None
    where the layer does not end in a convolution that is packed. `logits(x)` gives the logits of other inputs, also of
    those for which the layer does not run. `single` is what `batched` knows of the network.
    """

    trunk: Callable[[Tensor], tuple[Any, ...]]
    head: Callable[..., Tensor]
    carry: Callable[[int], Tensor] | None
    direct: bool
    some: Callable[[Sequence[int]], Callable[[Tensor], Tensor] | None]
    logits: Callable[[Tensor], Tensor]
    single: list[bool]


def cut(net: nn.Module, layer: str) -> Cut:
    """The network cut behind `layer` (its last run, if it runs several times).

    `head(*trunk(x))` equals `net(x)` up to rounding. Raises `LayerError` for a layer the network does not run on its
    own.
    """
    module(net, layer)
    with LOCK:
        cuts = _CUTS.setdefault(net, {})
        if layer not in cuts:
            with torch.inference_mode(False), torch.no_grad():  # the folded weights are everyone's
                cuts[layer] = _cut(net, layer)
        return cuts[layer]


def traced(net: nn.Module, layer: str) -> tuple[fx.Graph, int]:
    """The network's operations in order, and the position of a layer's last output among them; as `cut` refuses."""
    module(net, layer)
    with LOCK:
        graph, ends = _listed(net)
    if layer not in ends:
        raise LayerError(f"Layer {layer!r} cannot be run on its own in this network; choose another one.")
    return graph, ends[layer]


def named_ends(net: nn.Module) -> tuple[fx.Graph, dict[str, fx.Node]]:
    """The network's operations in order, and the last one of each submodule by its name.

    Raises `LayerError` where the operations depend on the input.
    """
    with LOCK:
        graph, ends = _listed(net)
    nodes = list(graph.nodes)
    return graph, {name: nodes[at] for name, at in ends.items()}


_CUTS: weakref.WeakKeyDictionary[nn.Module, dict[str, Cut]] = weakref.WeakKeyDictionary()
_FOLDED: weakref.WeakKeyDictionary[nn.Module, dict[str, nn.Conv2d]] = weakref.WeakKeyDictionary()  # shared by all cuts
_PACKED: weakref.WeakKeyDictionary[nn.Module, dict[str, Packed]] = weakref.WeakKeyDictionary()
_GRAPHS: weakref.WeakKeyDictionary[nn.Module, tuple[fx.Graph, dict[str, int]]] = weakref.WeakKeyDictionary()


class _Tracer(Tracer):
    """Traces into blocks and remembers which operation was the last of each submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[str, fx.Node]] = []

    def record(
        self, m: nn.Module, forward: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        out = super().record(m, forward, args, kwargs)
        if isinstance(out, fx.Proxy):
            self.ends.append((self.path_of_module(m), out.node))
        return out


def _cut(net: nn.Module, layer: str) -> Cut:
    """By the network's graph, or by hooks where there is none."""
    if net not in PLAIN:
        try:
            return _split(net, *_listed(net), layer)
        except Unlisted:
            PLAIN.add(net)
    each = functools.partial(whole, net)
    return Cut(*halves(net, layer), carry=None, direct=False, some=lambda channels: None, logits=each, single=[False])


def _listed(net: nn.Module) -> tuple[fx.Graph, dict[str, int]]:
    """As `_graph`, refused in one sentence."""
    if net in PLAIN:
        raise Unlisted(UNLISTED)
    try:
        return _graph(net)
    except Exception as error:  # whatever a forward of somebody's own does to a placeholder
        raise Unlisted(UNLISTED) from error


def _graph(net: nn.Module) -> tuple[fx.Graph, dict[str, int]]:
    if net not in _GRAPHS:
        _GRAPHS[net] = _trace(net)
    return _GRAPHS[net]


def _trace(net: nn.Module) -> tuple[fx.Graph, dict[str, int]]:
    """The operations of a net in order, and for each submodule the position of its last output among them."""
    tracer = _Tracer()
    graph = tracer.trace(net)
    position = {node: i for i, node in enumerate(graph.nodes)}
    return graph, {name: position[node] for name, node in tracer.ends if node in position}  # a last softmax is gone


def _split(net: nn.Module, graph: fx.Graph, ends: dict[str, int], layer: str) -> Cut:
    if layer not in ends:
        raise LayerError(f"Layer {layer!r} cannot be run on its own in this network; choose another one.")
    nodes = list(graph.nodes)
    at = ends[layer]
    before, after = nodes[: at + 1], nodes[at + 1 :]
    later = {source for node in after for source in node.all_input_nodes}
    alive = [nodes[at], *(node for node in before if node in later and node is not nodes[at] and node.op != "get_attr")]

    trunk = fx.Graph()
    seen: dict[fx.Node, fx.Node] = {}
    for node in before:
        seen[node] = trunk.node_copy(node, seen.__getitem__)
    trunk.output(tuple(seen[node] for node in alive))

    head, seen = fx.Graph(), {}
    for i, node in enumerate(alive):
        seen[node] = head.placeholder(f"value{i}")
    for node in before:
        if node.op == "get_attr" and node in later:
            seen[node] = head.node_copy(node)
    carrier = _carrier(nodes[at], net) if len(alive) == 1 else None
    shift = head.placeholder("shift")
    for node in after:
        copied = head.node_copy(node, seen.__getitem__)
        seen[node] = head.call_function(torch.add, (copied, shift)) if node is carrier else copied
    part = None if carrier is None else net.get_submodule(str(carrier.target))
    direct = carrier is not None and _ends(carrier, net)
    folded = fx.GraphModule(net, trunk)
    if not damaged(net) or not damaged(folded):  # a packed ReLU makes 0 of NaN
        folded = _fold(folded, _FOLDED.setdefault(net, {}), _PACKED.setdefault(net, {}))
    rest = fx.GraphModule(net, head)
    sparse(rest)

    def run_trunk(x: Tensor) -> tuple[Tensor, ...]:
        values: tuple[Tensor, ...] = folded(x.clone(memory_format=torch.channels_last))  # it may write in place
        return values

    spread = isinstance(part, nn.Conv2d)

    def run_head(*values: Tensor, shift: Tensor | None = None) -> Tensor:
        own = [value.clone() if isinstance(value, Tensor) else value for value in values]  # it may write in place
        added = 0.0 if shift is None else shift[..., None, None] if spread else shift  # (out,), or (N, out)
        logits: Tensor = rest(*own, added)
        return logits

    carried: list[Tensor] = []

    def carry(channels: int) -> Tensor:
        assert part is not None
        if not carried:
            carried.append(_summed(part, channels))
        return carried[0]

    return Cut(
        run_trunk, run_head, None if part is None else carry, direct, lambda channels: _some(folded, channels),
        lambda x: run_head(*run_trunk(x)), single(net),
    )  # fmt: skip


def _some(trunk: fx.GraphModule, channels: Sequence[int]) -> Callable[[Tensor], Tensor] | None:
    """The folded trunk with its last convolution for some of the channels only."""
    *nodes, output = trunk.graph.nodes
    last = output.args[0][0]
    assert isinstance(last, fx.Node)
    part = trunk.get_submodule(str(last.target)) if last.op == "call_module" else None
    if not isinstance(part, Packed):
        return None
    graph = fx.Graph()
    seen: dict[fx.Node, fx.Node] = {}
    for node in nodes:
        seen[node] = graph.node_copy(node, seen.__getitem__)
    graph.output(seen[last])
    made = fx.GraphModule(trunk, graph)
    made.add_submodule("some", part.some(channels))
    x, relu, other, *more = seen[last].args
    with graph.inserting_before(seen[last]):
        if isinstance(other, fx.Node):
            other = graph.call_function(chosen, (other, list(channels)))
    seen[last].target, seen[last].args = "some", (x, relu, other, *more)
    made.recompile()
    made.delete_all_unused_submodules()
    return lambda x: made(x.contiguous(memory_format=torch.channels_last))


_POOLS = (nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Dropout, nn.Identity)


def _carrier(start: fx.Node, net: nn.Module) -> fx.Node | None:
    """The layer with weights behind a map, where nothing but pooling and flattening lies between; else None."""
    for node in _chain(start):
        part = _part(node, net)
        if isinstance(part, nn.Linear) or (isinstance(part, nn.Conv2d) and part.groups == 1 and part.padding == (0, 0)):
            return node
        if not (isinstance(part, _POOLS) or _flattens(node)):
            return None
    return None


def _ends(start: fx.Node, net: nn.Module) -> bool:
    """Whether each channel of a layer's output goes its own way, through nothing with weights, to its own logit."""
    for node in _chain(start):
        if node.op == "output":
            return True
        if not (isinstance(_part(node, net), (*_POOLS, nn.ReLU)) or _flattens(node)):
            return False
    return False


def _chain(node: fx.Node) -> Iterator[fx.Node]:
    """The operations behind one, as long as each is the only one to read the last."""
    while len(node.users) == 1:
        (node,) = node.users
        yield node


def _part(node: fx.Node, net: nn.Module) -> nn.Module | None:
    return net.get_submodule(str(node.target)) if node.op == "call_module" else None


def _flattens(node: fx.Node) -> bool:
    return node.target is torch.flatten and node.args[1:] == (1,)


def _summed(part: nn.Module, channels: int) -> Tensor:
    """A layer's weights, summed over the positions of each input channel: (out, channels)."""
    weight = part.weight
    assert isinstance(weight, Tensor)
    if isinstance(part, nn.Conv2d):
        return weight.sum((2, 3))  # (out, C, k, k) -> (out, C)
    return weight.view(len(weight), channels, -1).sum(2)  # (out, C * h * w) -> (out, C)


def _fold(trunk: fx.GraphModule, folded: dict[str, nn.Conv2d], packed: dict[str, Packed]) -> fx.GraphModule:
    """The trunk with every batch norm that directly follows a convolution folded into it, and its weights packed."""
    parts = dict(trunk.named_modules())
    for node in list(trunk.graph.nodes):
        source = node.args[0] if node.op == "call_module" else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) > 1:
            continue
        norm, conv = parts[str(node.target)], parts.get(str(source.target))
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d):
            name = f"folded_{source.name}"
            if name not in folded:
                folded[name] = fuse_conv_bn_eval(conv, norm).to(memory_format=torch.channels_last)
            trunk.add_submodule(name, folded[name])
            with trunk.graph.inserting_before(node):
                fused = trunk.graph.call_module(name, source.args)
            node.replace_all_uses_with(fused)
            trunk.graph.erase_node(node)
            trunk.graph.erase_node(source)
    pack(trunk, packed)
    trunk.recompile()
    trunk.delete_all_unused_submodules()
    return trunk.requires_grad_(False)
