"""The modules of a graph: from the exporter's notes, from the names of nodes, or made from what the nodes are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from cnnviz.models.foreign.graph import PATH
from cnnviz.models.foreign.onnx.proto import Node

Scope = tuple[tuple[str, str], ...]
SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
LISTED = re.compile(r"\[('[\w.@ :<>-]*'(, '[\w.@ :<>-]*')*)?\]")
WALKED = re.compile(r"(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)*/[A-Za-z0-9_]+")
MODULE = "Module"  # the class of one that the file does not name
LONGEST = 4_000  # characters of a note
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "PRelu")


def scopes(nodes: Sequence[Node]) -> list[Scope]:
    """For each node the modules around it, outermost first, with their classes; empty where the file says nothing."""
    if any(SCOPES in node.notes for node in nodes):
        return [_noted(node) for node in nodes]
    walked = [_walked(node) for node in nodes]
    return _runs(nodes, walked) if any(walked) else [() for _ in nodes]


def root(nodes: Sequence[Node]) -> str:
    """The class of the whole network, where the file says it; else ""."""
    kinds = Counter(
        classes[0].rpartition(".")[2] for node in nodes if (classes := _listed(node.notes.get(CLASSES, "")))
    )
    kind = max(kinds, key=kinds.__getitem__, default="")
    return kind if PATH.fullmatch(kind) and not kind.startswith("_") else ""


def module(node: Node) -> str:
    """The class of the module that an operation is in, where the file says it; else ""."""
    classes = _listed(node.notes.get(CLASSES, ""))
    return classes[-2].rpartition(".")[2] if len(classes) > 1 else ""


def _noted(node: Node) -> Scope:
    """The modules as today's exporter of torch writes them; the first is the root and the last the operation."""
    paths, classes = _listed(node.notes.get(SCOPES, "")), _listed(node.notes.get(CLASSES, ""))
    if len(paths) != len(classes):
        return ()
    found: list[tuple[str, str]] = []
    for path, kind in list(zip(paths, classes, strict=True))[:-1]:
        plain, at, turn = path.partition("@")
        if PATH.fullmatch(plain) and (not found or plain.startswith(found[-1][0].partition("@")[0] + ".")):
            kind = kind.rpartition(".")[2]
            found.append((plain + at + turn if turn.isdecimal() else plain, kind if PATH.fullmatch(kind) else MODULE))
    return tuple(found)


def _listed(text: str) -> list[str]:
    """A list of words as Python prints it."""
    if len(text) > LONGEST or not LISTED.fullmatch(text):
        return []
    return re.findall(r"'([^']*)'", text)


def _walked(node: Node) -> tuple[str, ...]:
    """The words of a name such as /layer1/layer1.0/conv1/Conv, without the operation."""
    if len(node.name) > LONGEST or not WALKED.fullmatch(node.name):
        return ()
    *parts, last = node.name.split("/")[1:]
    return tuple(parts) if re.fullmatch(rf"{re.escape(node.op)}(_\d+)?", last) else ()


def _runs(nodes: Sequence[Node], walked: Sequence[tuple[str, ...]]) -> list[Scope]:
    """The modules as the exporter of TorchScript names them.

    A child of a Sequential carries its parent's name, layer1.0 within layer1. The second run of a module has _1 behind
    its name, as a module may be called itself: it is one where it has weights of its own.
    """
    weighted = {
        part for node, part in zip(nodes, walked, strict=True) if node.op in WEIGHTED and not _shared(node, part)
    }
    own = {part[:end] for part in weighted for end in range(1, len(part) + 1)}
    seen: set[tuple[str, ...]] = {()}
    found = []
    for parts in walked:
        scope: list[tuple[str, str]] = []
        path = ""
        for end, part in enumerate(parts, 1):
            base, _, turn = part.rpartition("_")
            again = turn.isdecimal() and parts[:end] not in own and (*parts[: end - 1], base) in seen
            seen.add(parts[:end])
            name = base if again else part
            tail = _below(path, name)
            path = f"{path}.{tail}" if path else tail
            scope.append((f"{path}@{turn}" if again else path, MODULE))
        found.append(tuple(scope))
    return found


def _shared(node: Node, parts: tuple[str, ...]) -> bool:
    """Whether a layer's weights are named after the module that its own name, with _1 behind it, repeats."""
    owner = node.inputs[1].rpartition(".")[0] if len(node.inputs) > 1 and parts else ""
    base, _, turn = parts[-1].rpartition("_") if parts else ("", "", "")
    return bool(base) and turn.isdecimal() and (owner == base or owner.endswith(f".{base}"))


def _below(path: str, name: str) -> str:
    """A part of a node's name without what it repeats of the modules around it."""
    words = name.split(".")
    around = path.split(".") if path else []
    for count in range(min(len(words) - 1, len(around)), 0, -1):
        if around[-count:] == words[:count]:
            return ".".join(words[count:])
    return name
