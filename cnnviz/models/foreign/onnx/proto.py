"""An ONNX file as plain data: nodes, tensors and what the file says of itself, without one unknown part."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from cnnviz.models.foreign import held
from cnnviz.models.foreign.graph import ForeignError, printable
from cnnviz.models.foreign.onnx import tensors
from cnnviz.models.foreign.onnx.wire import weigh

LARGEST = (2 << 30) - 1  # bytes; protobuf knows no larger message
IR, OPSET = range(3, 15), range(7, 29)  # of files from 2018 to today
STANDARD = ("", "ai.onnx")
NODES = 20_000
FLOAT, INT, STRING, TENSOR, FLOATS, INTS, STRINGS = 1, 2, 3, 4, 6, 7, 8  # of ONNX's kinds of attributes
INSIDE = ("If", "Loop", "Scan", "SequenceMap")


@dataclass(frozen=True)
class Node:
    """One operator of the graph; an input or output that is left out is called ""."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    notes: Mapping[str, str] = field(default_factory=dict)  # of the exporter

    def __str__(self) -> str:
        return f"{self.op} ({printable(self.name)})" if self.name else self.op


@dataclass(frozen=True)
class Graph:
    """The network of a file."""

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: Mapping[str, tuple[int | None, ...]]  # shapes, None where a dimension is free; without tensors
    outputs: tuple[str, ...]
    opset: int
    producer: str
    notes: Mapping[str, str]


def parse(file: held.File) -> Graph:
    """The graph of an ONNX file.

    Raises `ForeignError` with one sentence for anything that is damaged, unknown, or in other files.
    """
    name = file.name
    onnx = _package(name)
    size = held.size(file)
    if size > LARGEST:
        raise ForeignError(f"{name} has {size / 2**30:.1f} GiB; no ONNX file has more than 2.")
    data = held.content(file)
    weigh(data, onnx.ModelProto.DESCRIPTOR, name)
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception:  # DecodeError of whichever protobuf is installed
        raise ForeignError(f"{name} is damaged or no ONNX file; download or export it again.") from None
    del data
    _check(model, name)
    return _graph(model, name)


def _package(name: str) -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise ForeignError(
            f'Reading {name} needs the package onnx, which is not installed; run: pip install "cnnviz[onnx]".'
        ) from None


def _check(model: Any, name: str) -> None:
    if model.ir_version not in IR:
        raise ForeignError(
            f"{name} is written in version {model.ir_version} of the ONNX format, and {IR[0]} to {IR[-1]} are read; "
            "export it again."
        )
    for what, there in (
        ("functions of its own", model.functions),
        ("a training graph", model.training_info),
        ("sparse tensors", model.graph.sparse_initializer),
        ("quantised tensors", model.graph.quantization_annotation),
    ):
        if len(there):
            raise ForeignError(f"{name} has {what}, which are not read; export the plain network.")
    if not len(model.graph.node):
        raise ForeignError(f"{name} has no operators; export the network again.")
    if len(model.graph.node) > NODES:
        raise ForeignError(f"{name} has {len(model.graph.node)} operators, and at most {NODES} are read.")


def _opset(model: Any, name: str) -> int:
    versions = {entry.version for entry in model.opset_import if entry.domain in STANDARD}
    if len(versions) != 1 or (version := versions.pop()) not in OPSET:
        raise ForeignError(
            f"{name} does not use one of the operator sets {OPSET[0]} to {OPSET[-1]} of ONNX; "
            "export it with another opset_version."
        )
    return int(version)


def _graph(model: Any, name: str) -> Graph:
    graph = model.graph
    found: dict[str, Tensor] = {}
    for proto in graph.initializer:
        if not proto.name or proto.name in found:
            raise ForeignError(f"{name} has the tensor {printable(proto.name)} twice; export it again.")
        found[proto.name] = tensors.tensor(proto)
    return Graph(
        tuple(_node(proto, name) for proto in graph.node),
        found,
        {value.name: _shape(value) for value in graph.input if value.name not in found},
        tuple(value.name for value in graph.output),
        _opset(model, name),
        f"{model.producer_name} {model.producer_version}".strip(),
        _notes(model.metadata_props),
    )


def _node(proto: Any, name: str) -> Node:
    if proto.op_type in INSIDE:
        raise ForeignError(f"{name} decides while it runs ({proto.op_type}), which is not read; export it without.")
    if "quantize" in proto.op_type.lower() or proto.op_type.startswith("QLinear") or proto.op_type.endswith("Integer"):
        raise ForeignError(f"{name} is quantised ({printable(proto.op_type)[1:-1]}); export it before quantising.")
    if proto.domain not in STANDARD or proto.overload:
        raise ForeignError(
            f"{name} uses {printable(proto.op_type)} of {printable(proto.domain)}; only ONNX's own operators are read."
        )
    attributes = {attribute.name: _attribute(attribute, proto.op_type) for attribute in proto.attribute}
    if len(attributes) != len(proto.attribute):
        raise ForeignError(f"{name} gives {printable(proto.op_type)} an attribute twice; export it again.")
    outputs = tuple(proto.output)
    return Node(proto.op_type, proto.name, tuple(proto.input), outputs, attributes, _notes(proto.metadata_props))


def _attribute(proto: Any, op: str) -> Any:
    """An attribute's value as Python has it: a number, text, a tensor, or a tuple."""
    kind = proto.type
    if kind == FLOAT:
        return _finite(proto.f, op)
    if kind == INT:
        return int(proto.i)
    if kind == STRING:
        return proto.s.decode(errors="replace")
    if kind == TENSOR:
        return tensors.tensor(proto.t)
    if kind == FLOATS:
        return tuple(_finite(one, op) for one in proto.floats)
    if kind == INTS:
        return tuple(map(int, proto.ints))
    if kind == STRINGS:
        return tuple(one.decode(errors="replace") for one in proto.strings)
    raise ForeignError(f"{printable(op)} holds what is not read (an attribute of kind {kind}); export it again.")


def _finite(value: float, op: str) -> float:
    if math.isnan(value):
        raise ForeignError(f"{printable(op)} is given a number that is none; export the network again.")
    return float(value)


def _shape(value: Any) -> tuple[int | None, ...]:
    """The shape of an input; None for a dimension with a name or nothing."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return ()
    if not tensors.dtype(kind.elem_type, value.name).is_floating_point:
        raise ForeignError(
            f"The input {printable(value.name)} takes whole numbers; export a network that takes floats."
        )
    return tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)


def _notes(entries: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in entries}
