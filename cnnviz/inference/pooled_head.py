"""The head of a network: global average pooling of its last maps, and the class weights that a logit is summed with.

Lin, Chen, Yan, 2013, Network In Network: each map becomes its mean, and the vector of means is what the head reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from cnnviz.arrays import read_only
from cnnviz.inference.cut import named_ends
from cnnviz.inference.node_values import node_values

LINEAR, DIRECT, HIDDEN, OTHER = "linear", "direct", "hidden", "other"


@dataclass(frozen=True)
class PooledHead:
    """How the last maps of a network become the logit of one class.

    kind     "linear": logit = sum of means times weights, plus bias; "direct": the class's map is pooled into its
             logit; "hidden": means, and layers between them and the logits; "other": the maps are not pooled to
             their means. `words` says which layers those are
    layer    whose maps are pooled (or what the head begins with)
    maps     float32 (C, h, w); means float32 (C,), one for each map
    weights  float32 (C,), those of the class; for "direct" 1 at the class's own map
    """

    kind: str
    words: str
    layer: str
    maps: np.ndarray
    means: np.ndarray
    weights: np.ndarray
    bias: float
    logit: float
    target: int

    @property
    def products(self) -> np.ndarray:
        """Means times weights, float64 (C,); with the bias they add up to the logit."""
        each: np.ndarray = self.means.astype(np.float64) * self.weights
        return each

    @property
    def order(self) -> np.ndarray:
        """Channels (C,), the largest product in size first."""
        return np.argsort(-np.abs(self.products), kind="stable")


def pooled_head(net: nn.Module, x: Tensor, target: int) -> PooledHead:
    """The head of a network for a photo (1, C, H, W) and one class; a single logit has one target, whichever is asked.

    Raises `LayerError` for a network that cannot be traced.
    """
    graph, ends = named_ends(net)
    parts = dict(net.named_modules())
    nodes = list(graph.nodes)
    out = nodes[-1].all_input_nodes[0]
    values = node_values(net, graph, len(nodes) - 2, x)
    logits = values[out][0]
    target = min(target, len(logits) - 1)
    last = _linear(out, parts)
    pool = _pooling(out if last is None else last.all_input_nodes[0], parts, values)
    if pool is None:
        return _other(out, parts, values, ends, target)
    before = pool.all_input_nodes[0]
    maps = values[before][0]
    means = maps.mean((1, 2)).float()  # (C, h, w) -> (C,)
    if last is None:
        weights, bias = F.one_hot(torch.tensor(target), len(means)).float(), 0.0
        kind, words = DIRECT, "one map for each class; global average pooling makes the mean of a map its logit"
    else:
        part = parts[str(last.target)]
        weights = _matrix(part)[target]
        bias = float(part.bias[target]) if isinstance(part.bias, Tensor) else 0.0
        kind = LINEAR
        words = f"global average pooling, then {last.target} ({type(part).__name__}, {len(means)} to {len(logits)})"
    return PooledHead(
        kind, words, _named(before, ends), _numbers(maps), _numbers(means), _numbers(weights), bias,
        float(logits[target]), target,
    )  # fmt: skip


def _linear(out: fx.Node, parts: Mapping[str, nn.Module]) -> fx.Node | None:
    """The layer with weights that puts out the logits, where nothing behind it changes them."""
    node = out
    while node.all_input_nodes:
        part = parts.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(part, nn.Linear) or (isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1)):
            return node
        if not _passes(node, part):
            return None
        node = node.all_input_nodes[0]
    return None


def _pooling(node: fx.Node, parts: Mapping[str, nn.Module], values: Mapping[fx.Node, Tensor]) -> fx.Node | None:
    """The global average pooling whose means a node is, where nothing lies between that changes them."""
    while node.all_input_nodes:
        part = parts.get(str(node.target)) if node.op == "call_module" else None
        if _averages(node, part, values):
            return node
        if not _passes(node, part):
            return None
        node = node.all_input_nodes[0]
    return None


def _averages(node: fx.Node, part: nn.Module | None, values: Mapping[fx.Node, Tensor]) -> bool:
    """Whether a node puts out the mean of each of the maps it is given."""
    named = getattr(node.target, "__name__", str(node.target))
    pools = isinstance(part, (nn.AdaptiveAvgPool2d, nn.AvgPool2d)) or named in ("adaptive_avg_pool2d", "mean")
    before = values.get(node.all_input_nodes[0])
    if not pools or before is None or before.ndim != 4 or node not in values:
        return False
    means = before.mean((2, 3))
    return values[node].numel() == means.numel() and torch.allclose(values[node].flatten(), means.flatten(), atol=1e-5)


def _passes(node: fx.Node, part: nn.Module | None) -> bool:
    """Whether a node leaves the numbers as they are."""
    named = getattr(node.target, "__name__", str(node.target))
    kept = ("flatten", "dropout", "squeeze", "reshape", "view", "contiguous")
    return isinstance(part, (nn.Flatten, nn.Dropout, nn.Identity)) or (part is None and named in kept)


def _other(
    out: fx.Node,
    parts: Mapping[str, nn.Module],
    values: Mapping[fx.Node, Tensor],
    ends: Mapping[str, fx.Node],
    target: int,
) -> PooledHead:
    """What lies between the last maps and the logits, in words; a flattened layer has one weight for each position."""
    chain: list[str] = []
    node, pooled = out, False
    while node.all_input_nodes and (node not in values or values[node].ndim != 4 or _tiny(values[node])):
        part = parts.get(str(node.target)) if node.op == "call_module" else None
        named = getattr(node.target, "__name__", str(node.target))
        if part is not None and not isinstance(part, (nn.Dropout, nn.Identity)):
            chain.append(f"{node.target} ({type(part).__name__})")
        elif part is None and named not in ("dropout", "contiguous"):
            chain.append(named)
        pooled = _averages(node, part, values)
        node = node.all_input_nodes[0]
    maps = values[node]
    shape = " × ".join(map(str, maps.shape[1:]))
    words = f"the maps ({shape}) go through {', '.join(reversed(chain))}"
    kept = _numbers(maps[0]) if maps.ndim == 4 else np.zeros((0, 1, 1), np.float32)
    kind, nothing = HIDDEN if pooled else OTHER, read_only(np.zeros(len(kept), np.float32))
    means, logit = read_only(kept.mean((1, 2))), float(values[out][0, target])  # (C, h, w) -> (C,)
    return PooledHead(kind, words, _named(node, ends), kept, means, nothing, 0.0, logit, target)


def _tiny(values: Tensor) -> bool:
    return values.shape[2:] == (1, 1)


def _matrix(part: nn.Module) -> Tensor:
    weight = part.weight
    assert isinstance(weight, Tensor)
    return weight.detach().flatten(1)  # (K, C) or (K, C, 1, 1) -> (K, C)


def _numbers(values: Tensor) -> np.ndarray:
    return read_only(values.detach().float().contiguous().cpu().numpy())


def _named(node: fx.Node, ends: Mapping[str, fx.Node]) -> str:
    """The layer that puts out a node; where an operation without a name does, the last layer before it."""
    while node.op != "placeholder":
        if names := [name for name, end in ends.items() if name and end is node]:
            return min(names, key=len)
        before = (one for one in node.all_input_nodes if one.op != "get_attr")  # a number of the network's own
        if (found := next(before, None)) is None:
            break
        node = found
    return "the photo"
