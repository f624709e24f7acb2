"""What a network computed for one input, operation by operation.

Whatever a network is written with, modules, functions, methods or operators, its forward ends in calls of PyTorch's own
operators ("aten"); these are written down in the order they run, with the modules they ran in. Nothing is traced, so a
forward may branch on its input. Other threads may use the network meanwhile.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from cnnviz.inference.operators import FUNCTIONS, STALE
from cnnviz.inference.tap import LayerError, following, module


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor that the input had a part in: what it was when it was made, and by which operation; none: the input.

    `index` grows in the order they were made. `tensor` is None where only shapes are kept.
    """

    by: Operation | None
    which: int  # of the operation's outputs
    index: int
    shape: tuple[int, ...]
    tensor: Tensor | None

    @property
    def numbers(self) -> Tensor:
        """The tensor itself."""
        assert self.tensor is not None  # whoever reads numbers records them
        return self.tensor


@dataclass(frozen=True, eq=False)
class Operation:
    """One call of an operator: `given` has every argument by its name, tensors of the run as `Value`.

    name    without "aten." and overload; operations in place have the name of the plain one
    module  path of the innermost module it ran in, "" for the network itself
    """

    name: str
    call: torch._ops.OpOverload
    given: Mapping[str, Any]
    module: str

    @property
    def function(self) -> str:
        """The function of torch that the operator is called by."""
        return FUNCTIONS.get(self.name, self.name)

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The tensors of the run among the arguments, in order."""
        return tuple(_values(self.given.values()))


@dataclass(frozen=True)
class Recording:
    """Every tensor in order, the outputs of every module each time it ran, and whether the input steered Python."""

    values: Sequence[Value]
    outputs: Mapping[nn.Module, Sequence[Value]]
    steered: bool

    def last(self, net: nn.Module, layer: str) -> Value:
        """What a layer put out, the last time if several; raises `LayerError` where it gave no tensor."""
        if found := self.outputs.get(module(net, layer)):
            return found[-1]
        raise LayerError(f"Layer {layer!r} has no feature map for this input; choose another one.")


def record(net: nn.Module, x: Tensor, numbers: bool = True, until: str = "") -> Recording:
    """Every operation of the network for one input (1, C, H, W); with `numbers` their results are kept, too.

    With `until` it ends where that layer has run as often as it did the first time.
    """
    runs = _RUNS.setdefault(net, {})
    last = module(net, until) if until else None
    with torch.no_grad():
        x = x.clone()  # the first operation may write over it
        writer = _Writer(x, numbers, None if last is None or until not in runs else (last, runs[until]))
        try:
            with following(net, writer.enter, writer.leave), writer:
                net(x)
            if last is not None:
                runs[until] = len(writer.outputs.get(last, ()))
        except _Reached:
            pass
    return Recording(writer.values, writer.outputs, writer.steered)


_RUNS: weakref.WeakKeyDictionary[nn.Module, dict[str, int]] = weakref.WeakKeyDictionary()  # net -> layer -> runs


class _Reached(BaseException):
    """The layer that is wanted has run."""


class _Writer(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives it no types
    def __init__(self, x: Tensor, numbers: bool, until: tuple[nn.Module, int] | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers, self.until = numbers, until
        self.steered = False
        self.values: list[Value] = []
        self.outputs: dict[nn.Module, list[Value]] = {}
        self._inside: list[str] = []
        self._known = WeakIdKeyDictionary()
        self._add(x, None, 0)

    def enter(self, name: str) -> None:
        self._inside.append(name)

    def leave(self, part: nn.Module, out: object) -> None:
        self._inside.pop()
        if isinstance(out, Tensor) and out in self._known:
            self.outputs.setdefault(part, []).append(self._known[out])
        if self.until is not None and part is self.until[0] and len(self.outputs.get(part, ())) == self.until[1]:
            raise _Reached

    def __torch_dispatch__(
        self,
        call: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        operation = self._operation(call, args, kwargs)
        out = call(*args, **kwargs)
        if not operation.inputs:
            return out
        if operation.name in _STEERING:
            self.steered = True
        for written in _written(call, args, kwargs):
            self._overwrite(written)
        for which, one in enumerate(out if isinstance(out, (tuple, list)) else (out,)):
            if isinstance(one, Tensor):
                self._add(one, operation, which)
        return out

    def _operation(self, call: torch._ops.OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Operation:
        schema = call._schema.arguments
        given = {one.name: one.default_value for one in schema if one.has_default_value()}
        given |= dict(zip((one.name for one in schema), args, strict=False)) | dict(kwargs)
        named = {key: self._seen(value) for key, value in given.items()}
        name = call._schema.name.removeprefix("aten::")
        plain = name.removesuffix("_") if call._schema.is_mutable and not name.startswith("_") else name
        return Operation(plain, call, named, self._inside[-1] if self._inside else "")

    def _seen(self, value: Any) -> Any:
        """An argument, with tensors that the input had a part in as values."""
        if isinstance(value, Tensor):
            return self._known.get(value, value)  # type: ignore[no-untyped-call]
        if isinstance(value, (tuple, list)):
            return tuple(self._seen(one) for one in value)
        return value

    def _add(self, one: Tensor, by: Operation | None, which: int) -> None:
        kept = one.clone() if self.numbers else None  # operations in place may follow
        self._known[one] = Value(by, which, len(self.values), tuple(one.shape), kept)
        self.values.append(self._known[one])

    def _overwrite(self, written: Tensor) -> None:
        """Tensors that share memory with one that was written to are no longer what their operation made."""
        memory = written.untyped_storage().data_ptr()
        for one, value in list(self._known.items()):  # type: ignore[no-untyped-call]
            if one is written or one.untyped_storage().data_ptr() != memory:
                continue
            if value.tensor is None or not torch.equal(value.tensor, one):
                given = {"self": value}
                self._add(one, Operation(STALE, torch.ops.aten.alias.default, given, ""), 0)


def _written(call: torch._ops.OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    """The arguments that an operator writes to."""
    if not call._schema.is_mutable:
        return
    for place, one in enumerate(call._schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(one.name)
        if one.alias_info is not None and one.alias_info.is_write and isinstance(value, Tensor):
            yield value


def _values(arguments: Any) -> Iterator[Value]:
    for one in arguments:
        if isinstance(one, Value):
            yield one
        elif isinstance(one, tuple):
            yield from _values(one)


_STEERING = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique")
