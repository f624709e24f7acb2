"""The allow-list of operations: a canonical aten name, what arguments it takes, and the torch function that runs it.

Nothing outside of the table runs. A signature is a line of `name:kind` or `name:kind=default`, with the kinds

    T tensor    Ts several tensors    i whole number    I one or several    n number or tensor
    f number    F several numbers     b true or false   s text              d dtype    o no matter (given, never used)

and ? behind a kind for None. Whole numbers may be a value, the size of an earlier tensor.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cnnviz.models.foreign.graph import ForeignError, Step, Value, printable

WHOLE = 2**63  # whole numbers lie below


@dataclass(frozen=True)
class Parameter:
    """One argument of an operation."""

    name: str
    kind: str
    optional: bool
    default: Any
    required: bool


@dataclass(frozen=True)
class Operator:
    """What an allowed operation takes and the function that does it.

    `several`: it gives a list of tensors. `view`: its output may share memory with its first argument.
    """

    parameters: tuple[Parameter, ...]
    run: Callable[..., Any]
    several: bool = False
    view: bool = False


@functools.cache
def allowed() -> Mapping[str, Operator]:
    """Every operation that may run, by its canonical name."""
    from cnnviz.models.foreign.table import rows

    return {name: Operator(parsed(signature), run, **marks) for name, signature, run, marks in rows()}


def known(op: str) -> Operator:
    """The operation of that name. Raises `ForeignError` for any that is not in the table."""
    if (found := allowed().get(plain(op))) is None:
        raise ForeignError(
            f"The file uses the operation {printable(op)}, which is not one of the {len(allowed())} that are read; "
            "save the network's state dict instead, or show it live with cnnviz.show."
        )
    return found


def plain(op: str) -> str:
    """An operation's name without the sign that it works in place: aten.relu_.default is aten.relu.default."""
    space, _, rest = op.partition(".")
    name, dot, overload = rest.partition(".")
    if name.endswith("_") and not name.startswith("__") and f"{space}.{name[:-1]}{dot}{overload}" in allowed():
        return f"{space}.{name[:-1]}{dot}{overload}"
    return op


def in_place(op: str) -> bool:
    """Whether the operation writes into its first argument."""
    return op.split(".")[1:2] != plain(op).split(".")[1:2]


def bound(step: Step) -> dict[str, Any]:
    """All arguments of a step by their names, defaults filled in, kinds checked. Raises `ForeignError`."""
    operator = known(step.op)
    names = [parameter.name for parameter in operator.parameters]
    given = dict(zip(names, step.args, strict=False))
    first = {"input": "self", "self": "input"}.get(names[0], "")  # dropout_ has another name for it than dropout
    if len(step.args) > len(names) or set(given) & set(step.kwargs) or not set(step.kwargs) <= {*names, first}:
        raise ForeignError(f"The file gives {step.op} arguments that it does not have; export the network again.")
    given |= {names[0] if name == first else name: value for name, value in step.kwargs.items()}
    found = {}
    for parameter in operator.parameters:
        if parameter.name not in given and parameter.required:
            raise ForeignError(f"The file gives {step.op} no {parameter.name}; export the network again.")
        value = given.get(parameter.name, parameter.default)
        if not (value is None and (parameter.optional or not parameter.required)) and not _fits(parameter.kind, value):
            raise ForeignError(f"The file gives {step.op} an impossible {parameter.name}; export the network again.")
        found[parameter.name] = value
    return found


@functools.cache
def parsed(signature: str) -> tuple[Parameter, ...]:
    """A signature's parameters."""
    found = []
    for part in signature.split():
        name, _, rest = part.partition(":")
        kind, equals, default = rest.partition("=")
        found.append(Parameter(name, kind.rstrip("?"), kind.endswith("?"), _default(default), not equals))
    return tuple(found)


def _default(text: str) -> Any:
    """A default as a signature has it."""
    words = {"": None, "None": None, "True": True, "False": False}
    if text in words:
        return words[text]
    if text.startswith("("):
        return tuple(int(one) for one in text.strip("()").split(",") if one)
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _whole(value: Any) -> bool:
    return isinstance(value, Value) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= WHOLE)


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and not math.isnan(value))


def _fits(kind: str, value: Any) -> bool:
    several = value if isinstance(value, tuple) else None
    if kind == "T":
        return isinstance(value, Value)
    if kind == "Ts":
        return several is not None and 0 < len(several) <= 4096 and all(isinstance(one, Value) for one in several)
    if kind == "Ts0":  # an index: None where a dimension is taken whole
        return several is not None and all(one is None or isinstance(one, Value) for one in several)
    if kind == "i":
        return _whole(value)
    if kind == "I":
        return _whole(value) or (several is not None and len(several) <= 16 and all(map(_whole, several)))
    if kind == "n":
        return isinstance(value, bool) or _number(value)
    if kind == "f":
        return _number(value)
    if kind == "F":
        return several is not None and len(several) <= 16 and all(map(_number, several))
    if kind == "b":
        return isinstance(value, bool)
    if kind == "s":
        return isinstance(value, str) and len(value) <= 32
    if kind == "d":
        return isinstance(value, torch.dtype)
    return kind == "o"
