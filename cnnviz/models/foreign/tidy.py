"""A program without what works in place and without what its output does not depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value, values
from cnnviz.models.foreign.operators import in_place, known, plain

# Dropout gives its very input in evaluation, as views do.
SHARES = ("aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default")


def tidy(program: Program) -> Program:
    """The same network with every operation on its own values, and only those that the output needs.

    Raises `ForeignError` where a part of a tensor is written over that is used under another name afterwards.
    """
    return _needed(_apart(program))


def _apart(program: Program) -> Program:
    """In-place operations become plain ones: what was read under the old name reads the new value."""
    reads: dict[str, int] = {program.output.name: len(program.steps)}
    for at, step in enumerate(program.steps):
        reads.update((value.name, at) for value in _read(step))
    root: dict[str, str] = {}
    family: dict[str, list[str]] = {}
    renamed: dict[str, Value] = {}
    steps = []
    for at, step in enumerate(program.steps):
        operator = known(step.op)
        first = next((value.name for value in _read(step)), "")
        changes = in_place(step.op)
        if changes and not (step.out and step.out[0]):
            step = dataclasses.replace(step, out=(f"{first} after {at}",))
        if changes:
            origin = root.get(first, first)
            for name in family.get(origin, [origin]):
                if name != first and renamed.get(name) != Value(first) and reads.get(name, -1) > at:
                    raise ForeignError(
                        f"The file's operation {step.op} writes over a part of {name}, which is not read from files; "
                        "write the operation out of place and export the network again."
                    )
        if changes or operator.view or plain(step.op) in SHARES:
            origin = root.get(first, first)
            for name in filter(None, step.out):
                root[name] = origin
                family.setdefault(origin, [origin]).append(name)
        steps.append(dataclasses.replace(_with(step, renamed), op=plain(step.op)))
        if changes:
            same = [first, *(old for old, new in renamed.items() if new.name == first)]
            renamed.update(dict.fromkeys(same, Value(step.out[0])))
    output = renamed.get(program.output.name, program.output)
    return dataclasses.replace(program, steps=tuple(steps), output=output)


def _needed(program: Program) -> Program:
    wanted, kept = {program.output.name}, []
    for step in reversed(program.steps):
        if wanted & set(step.out):
            kept.append(step)
            wanted |= {value.name for value in _read(step)}
    tensors = {name: tensor for name, tensor in program.tensors.items() if name in wanted}
    return dataclasses.replace(program, steps=tuple(reversed(kept)), tensors=tensors)


def _read(step: Step) -> list[Value]:
    return [value for argument in (*step.args, *step.kwargs.values()) for value in values(argument)]


def _with(step: Step, renamed: Mapping[str, Value]) -> Step:
    """The step on other values."""
    if not any(value.name in renamed for value in _read(step)):
        return step

    def other(argument: Any) -> Any:
        if isinstance(argument, Value):
            return renamed.get(argument.name, argument)
        return tuple(map(other, argument)) if isinstance(argument, tuple) else argument

    kwargs = {name: other(argument) for name, argument in step.kwargs.items()}
    return dataclasses.replace(step, args=tuple(map(other, step.args)), kwargs=kwargs)
