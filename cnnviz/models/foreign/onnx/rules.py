"""What an operator of ONNX may be given, and how its attributes are read: by name and type, with nothing left over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnnviz.models.foreign.graph import ForeignError, printable
from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.onnx.trace import Trace
from cnnviz.models.foreign.onnx.values import Fixed, Known


@dataclass(frozen=True)
class Rule:
    """One allowed operator: what reads it, how many inputs it has, and which attributes."""

    run: Callable[..., Any]
    least: int
    most: int
    attributes: frozenset[str]


RULES: dict[str, Rule] = {}
MANY = 4096


def rule(
    *ops: str, inputs: tuple[int, int] = (1, 1), attributes: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a function of (trace, node, *inputs) as what reads these operators; an input that is left out is None."""

    def mark(run: Callable[..., Any]) -> Callable[..., Any]:
        for op in ops:
            RULES[op] = Rule(run, *inputs, frozenset(attributes.split()))
        return run

    return mark


def read(trace: Trace, node: Node) -> None:
    """One node, by its rule; its outputs are known from then on.

    Raises `ForeignError` for an operator that is not in the list, or is given what it does not have.
    """
    if (found := RULES.get(node.op)) is None:
        raise ForeignError(
            f"The file uses the operator {printable(node.op)}, which is not one of the {len(RULES)} that are read; "
            "save the network's state dict instead, or show it live with cnnviz.show."
        )
    if odd := set(node.attributes) - found.attributes:
        raise ForeignError(f"The file gives {node} the attribute {printable(min(odd))}, which is not read.")
    given = [_value(trace, name, node) for name in node.inputs]
    while given and given[-1] is None:
        given.pop()
    if not found.least <= len(given) <= found.most or None in given[: found.least]:
        raise ForeignError(f"The file gives {node} {len(given)} inputs; export the network again.")
    padded = given if found.most == MANY else [*given, *[None] * (found.most - len(given))]
    trace.node = node
    try:
        made = found.run(trace, node, *padded)
    except (ForeignError, Fixed):
        raise
    except Exception:  # an axis or a size that no exporter writes, wherever it is stumbled over
        raise ForeignError(f"The file's {node} is given what does not fit; export the network again.") from None
    _named(trace, node, made if isinstance(made, tuple) else (made,))


def _value(trace: Trace, name: str, node: Node) -> Known | None:
    if not name:
        return None
    if name not in trace.env:
        raise ForeignError(
            f"The file uses {printable(name)} in {node} before it is computed, or never computes it; export it again."
        )
    return trace.env[name]


def _named(trace: Trace, node: Node, made: tuple[Any, ...]) -> None:
    for at, name in enumerate(node.outputs):
        if not name:
            continue
        if name in trace.env:
            raise ForeignError(f"The file computes {printable(name)} twice; export the network again.")
        if at >= len(made):
            if trace.uses[name]:
                raise ForeignError(f"The file uses output {at + 1} of {node}, which is not read.")
            continue
        trace.name(name, made[at])


def whole(node: Node, name: str, default: int) -> int:
    """An attribute that is a whole number."""
    return int(_typed(node, name, default, int))


def number(node: Node, name: str, default: float) -> float:
    """An attribute that is a number."""
    return float(_typed(node, name, default, float))


def text(node: Node, name: str, default: str) -> str:
    """An attribute that is a word."""
    return str(_typed(node, name, default, str))


def wholes(node: Node, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """An attribute that is a row of whole numbers."""
    found: tuple[int, ...] = _typed(node, name, default, tuple)
    if len(found) > 64 or not all(isinstance(one, int) for one in found):
        raise ForeignError(f"The file gives {node} an impossible {name}; export the network again.")
    return found


def _typed(node: Node, name: str, default: Any, kind: type) -> Any:
    found = node.attributes.get(name, default)
    if not isinstance(found, kind):
        raise ForeignError(f"The file gives {node} an impossible {name}; export the network again.")
    return found
