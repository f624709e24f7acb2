"""A softmax or sigmoid at the end of a network's own forward: found, and taken off in our copy of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from cnnviz.models import outputs, probabilities
from cnnviz.models.probabilities import Ending

FUNCTIONS = {
    "softmax": "softmax", "special_softmax": "softmax", "log_softmax": "log_softmax",
    "special_log_softmax": "log_softmax", "sigmoid": "sigmoid", "expit": "sigmoid", "special_expit": "sigmoid",
}  # fmt: skip
MODULES: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax", nn.Softmax2d: "softmax", nn.LogSoftmax: "log_softmax", nn.Sigmoid: "sigmoid",
}  # fmt: skip
MIXED = {*FUNCTIONS, "sigmoid_", "hardsigmoid"} - {"log_softmax", "special_log_softmax"}
KEEP = {
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "clone", "dropout",
    "float", "double", "half", "bfloat16", "to", "type",
}  # fmt: skip  # the same numbers in the same order
KEEPING = (nn.Flatten, nn.Identity, nn.Dropout, nn.Unflatten)
SMALL = 1 << 20  # numbers; attention is larger and no output


class Followed(TorchFunctionMode):
    """Notes, on this thread, which values are probabilities, and what was there before them."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[int, tuple[Tensor, Tensor, str]] = {}  # the value lives as long as its id is known
        self._mixed: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Any, kinds: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if isinstance(out, Tensor) and out.numel() <= SMALL:
            self._note(func, getattr(func, "__name__", ""), args, kwargs, out)
        return out

    def before(self, out: Any) -> tuple[Any, str]:
        """The logits that a value was made of, and how; the value itself and "" where it is none."""
        _, z, kind = self._before.get(id(out), (out, out, ""))
        return z, kind

    def mixed(self, out: Any) -> bool:
        """Whether a value was made of probabilities and plain numbers alone."""
        return id(out) in self._mixed

    def _note(self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor) -> None:
        given = [*_tensors((*args, *kwargs.values()))]
        if name in MIXED or (given and all(id(one) in self._mixed for one in given)):
            self._mixed[id(out)] = out
        else:
            self._mixed.pop(id(out), None)  # written over
        if len(given) != 1 or given[0] is out:
            return
        if name in FUNCTIONS:
            self._before[id(out)] = out, given[0], FUNCTIONS[name]
        elif name in KEEP and (known := self._before.get(id(given[0]))):
            z = func(*(known[1] if one is given[0] else one for one in args), **kwargs)
            self._before[id(out)] = out, z, known[2]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _tensors(one)


@torch.no_grad()
def found(net: nn.Module, x: Tensor) -> Ending | None:
    """What a network's outputs (1, K) for noise x (1, C, H, W) are instead of logits; None where they are logits.

    The network is our own copy and gives one tensor.
    """
    ran: list[str] = []
    handles = [
        part.register_forward_hook(lambda _, __, ___, path=path: ran.append(path))
        for path, part in net.named_modules()
        if type(part) in MODULES and path
    ]
    try:
        with Followed() as seen:
            out = net(x)
    finally:
        for handle in handles:
            handle.remove()
    z, kind = seen.before(out)
    if kind and probabilities.makes(kind, z, out):
        path = ran[-1] if ran and ran.count(ran[-1]) == 1 else ""
        return Ending(kind, out.shape[1], path=path if path and _idle(net, path, kind, x, out) else "")
    kind = probabilities.of_numbers(net, x, seen.mixed(out))
    return Ending(kind, out.shape[1], taken=False) if kind else None


def _idle(net: nn.Module, path: str, kind: str, x: Tensor, out: Tensor) -> bool:
    """Whether a module is the softmax or sigmoid at the end: without it the network gives the logits."""
    part = net.get_submodule(path)
    was = type(part)
    part.__class__ = nn.Identity
    try:
        z = net(x)
        return isinstance(z, Tensor) and probabilities.makes(kind, z, out)
    except Exception:  # a forward of somebody's own may ask for its attributes
        return False
    finally:
        part.__class__ = was


def take_off(net: nn.Module, ending: Ending) -> None:
    """Makes our copy of a network give logits, in place; layers keep their names."""
    if ending.path:
        net.get_submodule(ending.path).__class__ = nn.Identity
        return
    inner: Callable[[nn.Module, Any], Any] = type(net).forward

    def forward(self: nn.Module, x: Any) -> Any:
        if not ending.taken:
            return probabilities.turned(inner(self, x), ending.kind)
        if isinstance(x, fx.Proxy):
            return _peeled(inner(self, x))
        with Followed() as seen:
            out = inner(self, x)
        return seen.before(out)[0]

    outputs.instead(net, forward)


def _peeled(out: Any) -> Any:
    """What a traced output was before its softmax or sigmoid; the nodes that nothing reads then are gone."""
    if not isinstance(out, fx.Proxy):
        return out
    chain, node = [], out.node
    while _is(node, KEEP, KEEPING, out.tracer) and node.all_input_nodes:
        chain.append(node)
        node = node.all_input_nodes[0]
    if not _is(node, set(FUNCTIONS), tuple(MODULES), out.tracer) or not node.all_input_nodes:
        return out
    graph, last = node.graph, node
    z = node.all_input_nodes[0]
    for old in reversed(chain):
        z = graph.node_copy(old, lambda one, last=last, z=z: z if one is last else one)  # type: ignore[misc]
        last = old
    for old in (*chain, node):
        if not old.users:
            graph.erase_node(old)
    return fx.Proxy(z, out.tracer)


def _is(node: fx.Node, names: set[str], kinds: tuple[type, ...], tracer: Any) -> bool:
    if node.op == "call_module":
        return isinstance(tracer.root.get_submodule(str(node.target)), kinds)
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    return node.op in ("call_method", "call_function") and name in names
