"""What a step of a program reads, where it runs, and the same step with other arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnnviz.models.foreign.graph import Step, Value, values
from cnnviz.models.foreign.operators import known


def axes_of(dims: Any, rank: int) -> list[int]:
    """The axes that an argument names, counted from the front."""
    return [axis % rank for axis in (dims if isinstance(dims, tuple) else (dims,))]


def paths(step: Step) -> tuple[str, ...]:
    """The modules that a step runs in, outermost first."""
    return tuple(path for path, _ in step.scope)


def runs(step: Step, kind: str) -> bool:
    """Whether a step is the run of a module of that class."""
    return bool(step.scope) and step.scope[-1][1] == kind


def read(step: Step) -> list[Value]:
    """The values among a step's arguments."""
    return [value for argument in (*step.args, *step.kwargs.values()) for value in values(argument)]


def with_given(step: Step, given: Mapping[str, Any]) -> Step:
    """The step with other arguments, each by its name."""
    names = [parameter.name for parameter in known(step.op).parameters]
    return dataclasses.replace(step, args=tuple(given[name] for name in names), kwargs={})
