"""The steps of a trace under the names that modules and tensors have in the original, as a program."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnviz.models.foreign.graph import PATH, ForeignError, Step, Value, printable
from cnnviz.models.foreign.onnx import names
from cnnviz.models.foreign.onnx.ends import unwrapped
from cnnviz.models.foreign.onnx.names import Scope
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Constant, Live, Record

MADE = re.compile(r"_?(val|c|const|constant|lifted_tensor)?_?[0-9]+")
# operation -> the class of its module, what it is called where the file has no names, and the tensors it owns
NORM = ("weight", "bias", "running_mean", "running_var")
LAYERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "aten.conv2d.default": ("Conv2d", "conv", ("weight", "bias")),
    "aten.conv2d.padding": ("Conv2d", "conv", ("weight", "bias")),
    "aten.conv1d.default": ("Conv1d", "conv", ("weight", "bias")),
    "aten.conv_transpose2d.input": ("ConvTranspose2d", "conv", ("weight", "bias")),
    "aten.linear.default": ("Linear", "fc", ("weight", "bias")),
    "aten.batch_norm.default": ("BatchNorm2d", "bn", NORM),
    "aten.layer_norm.default": ("LayerNorm", "norm", ("", "weight", "bias")),
    "aten.group_norm.default": ("GroupNorm", "norm", ("", "weight", "bias")),
    "aten.instance_norm.default": ("InstanceNorm2d", "norm", ("weight", "bias")),
    "aten.prelu.default": ("PReLU", "prelu", ("weight",)),
    "aten.relu.default": ("ReLU", "relu", ()),
    "aten.hardtanh.default": ("ReLU6", "relu", ()),
    "aten.leaky_relu.default": ("LeakyReLU", "relu", ()),
    "aten.elu.default": ("ELU", "elu", ()),
    "aten.selu.default": ("SELU", "selu", ()),
    "aten.celu.default": ("CELU", "celu", ()),
    "aten.gelu.default": ("GELU", "gelu", ()),
    "aten.silu.default": ("SiLU", "silu", ()),
    "aten.mish.default": ("Mish", "mish", ()),
    "aten.hardswish.default": ("Hardswish", "hardswish", ()),
    "aten.hardsigmoid.default": ("Hardsigmoid", "hardsigmoid", ()),
    "aten.sigmoid.default": ("Sigmoid", "sigmoid", ()),
    "aten.tanh.default": ("Tanh", "tanh", ()),
    "aten.softplus.default": ("Softplus", "softplus", ()),
    "aten.softmax.int": ("Softmax", "softmax", ()),
    "aten.max_pool2d.default": ("MaxPool2d", "maxpool", ()),
    "aten.avg_pool2d.default": ("AvgPool2d", "avgpool", ()),
    "aten.adaptive_avg_pool2d.default": ("AdaptiveAvgPool2d", "avgpool", ()),
    "aten.adaptive_max_pool2d.default": ("AdaptiveMaxPool2d", "maxpool", ()),
    "aten.flatten.using_ints": ("Flatten", "flatten", ()),
    "aten.upsample_nearest2d.vec": ("Upsample", "upsample", ()),
    "aten.upsample_bilinear2d.vec": ("Upsample", "upsample", ()),
    "aten.pixel_shuffle.default": ("PixelShuffle", "shuffle", ()),
}


class Assembly:
    """The steps and tensors of a trace that lead to one value."""

    def __init__(self, trace: Trace, image: Live, output: Live, around: str = "") -> None:
        self.records = _needed(trace.records, image, output)
        self.around = around  # a module around the whole network, which is left out
        self.known = any(names.scopes(trace.graph.nodes))
        self.scopes: dict[int, Scope] = {
            id(node): scope for node, scope in zip(trace.graph.nodes, names.scopes(trace.graph.nodes), strict=True)
        }
        self.tensors: dict[str, Tensor] = {}
        self.given: dict[tuple[int, str], str] = {}  # by a constant's tensor, and its place in a layer
        self.counts: Counter[str] = Counter()
        self.taken = {path for tensor in trace.graph.tensors if (path := _owner(tensor))}
        self.input = image
        self.file = trace.graph.tensors
        self.folded = False  # whether batch norm is part of convolutions
        self.kept: list[Constant] = []

    def steps(self) -> tuple[Step, ...]:
        """All steps in order; fills `tensors`."""
        found = [self._step(record) for record in self.records]
        return _classed(found)

    def _step(self, record: Record) -> Step:
        layer = LAYERS.get(record.op)
        scope = self._scope(record, layer)
        own = dict(enumerate(layer[2], 1)) if layer else {}
        path = scope[-1][0].partition("@")[0] if scope else ""
        args = []
        for at, one in enumerate(record.args):
            if isinstance(one, Constant) and own.get(at):
                args.append(Value(self._tensor(one, f"{path}.{own[at]}", True)))
            else:
                args.append(self._argument(one, path))
        out = tuple("" if isinstance(live, Constant) else live.name for live in record.out)
        return Step(record.op, tuple(args), out, scope=scope)

    def _argument(self, one: Any, path: str) -> Any:
        if isinstance(one, Live):
            return Value(one.name)
        if isinstance(one, Constant):
            return Value(self._tensor(one, f"{path}.constant" if path else "constant", False))
        return tuple(self._argument(each, path) for each in one) if isinstance(one, tuple) else one

    def _tensor(self, constant: Constant, wanted: str, own: bool) -> str:
        """The name of a tensor: that of its layer, or the file's own where it is one."""
        key = (id(constant.tensor), wanted if own else "")
        if key not in self.given:
            self.kept.append(constant)
            name = wanted if own or not self._named(constant.name) else unwrapped(constant.name, self.around)
            if name in self.tensors or name == self.input.name:
                name = next(f"{name}_{n}" for n in range(2, 10_000) if f"{name}_{n}" not in self.tensors)
            if not _finite(constant.tensor):
                raise ForeignError(f"The tensor {printable(name)} has numbers that are not finite; save it again.")
            self.tensors[name] = constant.tensor
            self.given[key] = name
        return self.given[key]

    def _named(self, name: str) -> bool:
        """Whether a tensor's name is one of the original and none that an exporter made."""
        if not PATH.fullmatch(name) or hasattr(nn.Module, name.rpartition(".")[2]):
            return False
        return "." in name or (name in self.file and not MADE.fullmatch(name))

    def _scope(self, record: Record, layer: tuple[str, str, tuple[str, ...]] | None) -> Scope:
        """The modules around a step; for a layer the last is itself."""
        said = self.scopes[id(record.node)]
        if self.around and said and said[0][0] == self.around:
            said = tuple((unwrapped(path, self.around), kind) for path, kind in said[1:])
        if layer is None:
            return said
        kind, word, own = layer
        if own and (path := self._path(record, own)) and _fits(path, said, kind):
            self.folded |= bool(said) and "Norm" in said[-1][1] and kind.startswith("Conv")
            if said and path == _plain(said[-1]):
                return (*said[:-1], (said[-1][0], kind))
            around = tuple(one for one in said if path.startswith(_plain(one) + "."))
            return (*around, (path, kind))
        if self.known:
            return said
        return ((self._made(word), kind),)

    def _path(self, record: Record, own: tuple[str, ...]) -> str:
        """The module that a layer's weights are named after; "" where they are named after none."""
        for at, attribute in enumerate(own, 1):
            one = record.args[at]
            if attribute and isinstance(one, Constant) and one.name.rpartition(".")[2] == attribute:
                return unwrapped(_owner(one.name), self.around)
        return ""

    def _made(self, word: str) -> str:
        """A name for a module of a file without names: conv1, conv2 ..."""
        self.counts[word] += 1
        name = f"{word}{self.counts[word]}"
        return name if name not in self.taken else self._made(word)


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    return all(map(math.isfinite, map(float, torch.aminmax(tensor))))  # either end is NaN where one number is


def _plain(entry: tuple[str, str]) -> str:
    return entry[0].partition("@")[0]


def _fits(path: str, said: Scope, kind: str) -> bool:
    """Whether a layer is the module that its weights are named after, where the file says that it is in another one.

    Exporters fold a batch norm into the convolution before it and leave the name of the norm; and they give equal
    tensors of several layers the name of one of them, so a name alone is no proof.
    """
    if not said or path == _plain(said[-1]) or path.startswith(_plain(said[-1]) + "."):
        return True
    return kind.startswith("Conv") and "Norm" in said[-1][1]


def _owner(tensor: str) -> str:
    """The module in a tensor's name, layer1.0.conv1 in layer1.0.conv1.weight; "" where it is no such name."""
    return tensor.rpartition(".")[0] if PATH.fullmatch(tensor) else ""


def _needed(records: list[Record], image: Live, output: Live) -> list[Record]:
    """The records that lead from the image to the output."""
    wanted, kept = {output.name}, []
    for record in reversed(records):
        if any(live is image for live in record.out):
            break
        if any(live.name in wanted for live in record.out):
            kept.append(record)
            wanted.update(live.name for live in _lives(record.args))
    return kept[::-1]


def _lives(args: Any) -> Iterator[Live]:
    if isinstance(args, Live):
        yield args
    elif isinstance(args, tuple):
        for one in args:
            yield from _lives(one)


def _classed(steps: list[Step]) -> tuple[Step, ...]:
    """The steps with one class for each module: a layer's own where a module is that layer alone."""
    paths = [tuple(map(_plain, step.scope)) for step in steps]
    inner = {path for row in paths for path in row[:-1]}
    ops: dict[str, set[str]] = {}
    several: set[str] = set()
    last = None
    for step, row in zip(steps, paths, strict=True):
        if row:
            ops.setdefault(row[-1], set()).add(step.op)
            if step.scope[-1][0] == last:
                several.add(row[-1])
        last = step.scope[-1][0] if row else None
    kinds: dict[str, str] = {}
    for step, row in zip(steps, paths, strict=True):
        for (_, kind), path in zip(step.scope, row, strict=True):
            kinds.setdefault(path, kind)
        if row and row[-1] not in inner and row[-1] not in several and len(ops[row[-1]]) == 1 and step.op in LAYERS:
            kinds[row[-1]] = LAYERS[step.op][0]
    return tuple(
        dataclasses.replace(step, scope=tuple((one[0], kinds[_plain(one)]) for one in step.scope)) for step in steps
    )
