"""The intermediate form that both readers make of a file: steps on values, checked to lead from input to output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from cnnviz.options import RequestError

PATH = re.compile(r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100}){0,30}")  # RegNet has a block1-0
CALL = re.compile(PATH.pattern + r"(@[0-9]{1,6})?")  # the second run of a module is called its path with @1
STEPS = 50_000  # the largest known CNN has 3,000
DEPTH = 4  # of tuples in tuples
NONE: Mapping[str, Any] = MappingProxyType({})


class ForeignError(RequestError):
    """A file that cannot be read as a network; one sentence that names the part and what to do."""


@dataclass(frozen=True)
class Value:
    """An earlier value by its name: the input, a tensor of the file, or an output of a step."""

    name: str


@dataclass(frozen=True)
class Step:
    """One operation.

    `op` is a canonical aten name such as "aten.conv2d.default"; arguments are Value, int, float, bool, str, None,
    torch.dtype, or tuples of them; `scope` is the path of modules from the root with their class names, outermost
    first, such as (("layer1.0", "BasicBlock"), ("layer1.0.conv1", "Conv2d")); a module's second run may be told from
    its first by @1 behind the path. Operations with several outputs, such as aten.split, have as many names in `out`;
    a name that nobody uses may be "".
    """

    op: str
    args: tuple[Any, ...]
    out: tuple[str, ...]
    kwargs: Mapping[str, Any] = field(default_factory=lambda: NONE)
    scope: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Program:
    """A network as a file gives it; raises `ForeignError` where its steps do not lead from the input to the output."""

    input: str
    shape: tuple[int | None, ...]  # of the example batch (N, C, H, W); None where free
    steps: tuple[Step, ...]
    tensors: Mapping[str, Tensor]  # named as in the original's state_dict where known
    output: Value  # the logits (N, K)
    labels: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=lambda: NONE)  # of itself, to be shown; "class" names the root
    buffers: frozenset[str] = frozenset()  # the tensors that are no parameters
    alone: bool = False  # whether it is right for the example's height and width alone

    def __post_init__(self) -> None:
        if len(self.steps) > STEPS:
            raise ForeignError(f"The file has {len(self.steps)} operations, and at most {STEPS} are read.")
        known = {self.input, *self.tensors}
        if len(known) != 1 + len(self.tensors):
            raise ForeignError(f"The file names two values {printable(self.input)}; export the network again.")
        for step in self.steps:
            _check(step, known)
        if self.output.name not in known:
            raise ForeignError(f"The file names as its output {printable(self.output.name)}, which it never computes.")
        for name in self.tensors:
            if not PATH.fullmatch(name):
                raise ForeignError(f"The file has a tensor of the impossible name {printable(name)}.")


def values(argument: Any) -> Iterator[Value]:
    """Every value in an argument, also inside tuples and mappings."""
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, tuple):
        for one in argument:
            yield from values(one)
    elif isinstance(argument, Mapping):
        for one in argument.values():
            yield from values(one)


def printable(text: object) -> str:
    """A name from a file as a message may carry it: short, and no line breaks or control signs."""
    return repr(str(text)[:80])


def _check(step: Step, known: set[str]) -> None:
    """Adds the step's outputs to the known values. Raises `ForeignError` where it uses what is not known yet."""
    for argument in (*step.args, *step.kwargs.values()):
        _plain(argument, step.op)
        for value in values(argument):
            if value.name not in known:
                raise ForeignError(
                    f"The file uses {printable(value.name)} in {printable(step.op)} before it is computed; "
                    "export the network again."
                )
    for path, kind in step.scope:
        if not CALL.fullmatch(path) or not (kind == "" or PATH.fullmatch(kind)):
            raise ForeignError(f"The file has a module of the impossible name {printable(path)}.")
    for name in filter(None, step.out):
        if name in known:
            raise ForeignError(f"The file computes {printable(name)} twice; export the network again.")
        known.add(name)


def _plain(argument: Any, op: str, depth: int = 0) -> None:
    if isinstance(argument, tuple) and depth < DEPTH:
        for one in argument:
            _plain(one, op, depth + 1)
    elif not (argument is None or isinstance(argument, (Value, bool, int, float, str, torch.dtype))):
        raise ForeignError(f"The file gives {printable(op)} an argument that no reader makes.")
