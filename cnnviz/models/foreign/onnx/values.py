"""What is known of a graph's values while it is followed: those that depend on the input, and those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.foreign.onnx.proto import Node
from cnnviz.models.foreign.operators import known


class Fixed(Exception):
    """The network does not run on an input of the second size."""


@dataclass(frozen=True, eq=False)
class Live:
    """What depends on the input: a tensor, or one of its sizes (an integer); as for the first batch and the second."""

    name: str
    first: Any
    second: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape for the first batch."""
        return tuple(self.first.shape)

    @property
    def other(self) -> tuple[int, ...]:
        """The shape for the second batch; the first where there is none."""
        return tuple(self.shape if self.second is None else self.second.shape)


@dataclass(frozen=True, eq=False)
class Constant:
    """What does not depend on the input, or on no more than its size: `second` holds it for the second batch."""

    tensor: Tensor
    name: str = ""  # that of the file
    second: Tensor | None = None


Known = Live | Constant


@dataclass(eq=False)
class Record:
    """A step as it is found; a later node may still change it."""

    op: str
    args: tuple[Any, ...]
    out: tuple[Live, ...]
    node: Node


def run(op: str, arguments: Sequence[Any]) -> Any:
    operator = known(op)
    rest = operator.parameters[len(arguments) :]
    with torch.no_grad():
        return operator.run(*arguments, *(parameter.default for parameter in rest))


def given(args: Any, second: bool) -> Any:
    """Arguments with the tensors of their constants."""
    if isinstance(args, Constant):
        return args.second if second and args.second is not None else args.tensor
    return tuple(given(one, second) for one in args) if isinstance(args, tuple) else args


def metas(args: Any, second: bool) -> Any:
    """Arguments with tensors on the meta device."""
    if isinstance(args, Live):
        return args.second if second else args.first
    if isinstance(args, Constant):
        return given(args, second).to("meta")
    return tuple(metas(one, second) for one in args) if isinstance(args, tuple) else args


def flat(args: Any) -> Iterator[Any]:
    if isinstance(args, tuple):
        for one in args:
            yield from flat(one)
    else:
        yield args


def meta(shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, device="meta")
