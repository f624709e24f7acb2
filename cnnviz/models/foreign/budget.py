"""A run of a program on the meta device, where nothing is computed: every value's shape, under a budget of bytes.

Whatever passes needs no more memory than this when it runs; a single operation can ask for terabytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value, printable, values
from cnnviz.models.foreign.operators import bound, known

ONE = 1 << 30  # bytes of one value; the largest known is EfficientNet-B7's, 0.2 GiB
AT_ONCE = 2 << 30  # bytes of all values that are alive together
WHOLE = 2**62
ALIKE = frozenset(
    f"aten.{name}.default"
    for name in (
        "relu", "relu6", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "hardswish", "hardsigmoid", "sigmoid", "tanh",
        "dropout",
    )
)  # fmt: skip
SUMS = ("aten.add.Tensor", "aten.mul.Tensor")


class Costly(ForeignError):
    """What would need more than the budget, or is wrong from somewhere on."""


@dataclass(frozen=True)
class Measured:
    """What a run would make: each value's shape (an integer for a size), and the most bytes alive at once."""

    shapes: Mapping[str, Any]
    peak: int


def measure(program: Program, shape: tuple[int, ...], one: int = ONE, at_once: int = AT_ONCE) -> Measured:
    """The shape of every value of a program for an input of that shape (N, C, H, W), on the meta device.

    Raises `ForeignError` naming the operation that does not fit the budget, or does not run on these shapes.
    """
    env: dict[str, Any] = {name: tensor.to("meta") for name, tensor in program.tensors.items()}
    env[program.input] = torch.empty(shape, device="meta")
    shapes: dict[str, Any] = {name: _shape(value) for name, value in env.items()}
    last = last_uses(program)
    alive = _bytes(env[program.input])
    peak = alive
    with torch.no_grad():
        for at, step in enumerate(program.steps):
            made = outputs(step, _run(step, env))
            for name, value in made.items():
                if (size := _bytes(value)) > one:
                    raise Costly(_costly(step, size))
                alive += size
                shapes[name] = _shape(value)
                env[name] = value
            peak = max(peak, alive)
            if alive > at_once:
                raise Costly(_costly(step, alive))
            for name in last.get(at, ()):
                alive -= _bytes(env.pop(name, None))
    return Measured(shapes, peak)


class Sizes:
    """Which images (C, H, W) a program takes: each size is measured once, before anything is computed for it.

    It has no weights of its own and knows no more from one question to the next, so copies of a network share it.
    """

    def __init__(self, program: Program, size: tuple[int, ...]) -> None:
        self.program = dataclasses.replace(
            program, tensors={name: tensor.to("meta") for name, tensor in program.tensors.items()}
        )
        self.example = size
        self.known: dict[tuple[int, ...], ForeignError | None] = {size: None}

    def __deepcopy__(self, _: object) -> Sizes:
        return self

    def refusal(self, size: tuple[int, ...]) -> ForeignError | None:
        """Why the whole network does not run on images of that size; a `Costly` where no part of it may be tried."""
        if size not in self.known:
            self.known[size] = self._measured(size)
        return self.known[size]

    def _measured(self, size: tuple[int, ...]) -> ForeignError | None:
        kind: type[ForeignError] = Costly
        if self.program.alone and size[1:] != self.example[1:]:
            reason = "a pool in it is written out for that size"
        else:
            try:
                measure(self.program, (1, *size))
                return None
            except ForeignError as error:
                kind, reason = type(error), str(error).partition(";")[0].rstrip(".").replace("The file's", "its", 1)
        given, made = (" x ".join(map(str, sides[-2:])) for sides in (size, self.example))
        return kind(f"The network's file is for images of {made} pixels and takes none of {given}: {reason}.")


def last_uses(program: Program) -> dict[int, list[str]]:
    """Which values no step needs any more, by the position of the last that does; tensors of the file always stay."""
    last: dict[str, int] = {}
    for at, step in enumerate(program.steps):
        last.update(dict.fromkeys(filter(None, step.out), at))
        last.update((value.name, at) for argument in (*step.args, *step.kwargs.values()) for value in values(argument))
    last.pop(program.output.name, None)
    found: dict[int, list[str]] = {}
    for name, at in last.items():
        if name not in program.tensors:
            found.setdefault(at, []).append(name)
    return found


def outputs(step: Step, result: Any) -> dict[str, Any]:
    """The values of a step by their names. Raises `ForeignError` where it gives another number of them."""
    if not known(step.op).several:
        return {name: result for name in step.out[:1] if name}
    found = list(result)
    if len(found) < len(step.out):
        raise ForeignError(f"The file wants {len(step.out)} outputs of {step.op}, which has {len(found)}.")
    return {name: value for name, value in zip(step.out, found, strict=False) if name and value is not None}


def resolver(argument: Any) -> Callable[[Mapping[str, Any]], Any]:
    """What looks an argument up among the values there are."""
    if isinstance(argument, Value):
        name = argument.name
        return lambda env: env[name]
    if isinstance(argument, tuple) and any(True for _ in values(argument)):
        parts = tuple(map(resolver, argument))
        return lambda env: tuple(part(env) for part in parts)
    return lambda env: argument


def _run(step: Step, env: Mapping[str, Any]) -> Any:
    operator, arguments = known(step.op), bound(step)
    try:
        given = [resolver(argument)(env) for argument in arguments.values()]
        for parameter, value in zip(operator.parameters, given, strict=True):
            if parameter.kind == "T" and value is not None and not isinstance(value, Tensor):
                raise TypeError(f"{parameter.name} is no tensor")
        if (quick := _alike(step.op, given)) is not None:
            return quick
        if any(isinstance(value, Tensor) for value in given):
            return operator.run(*given)
        with torch.device("meta"):
            return operator.run(*given)
    except ForeignError:
        raise
    except KeyError as error:
        raise ForeignError(f"The file uses an output of {printable(error.args[0])} that is not there.") from None
    except Exception as error:  # a meta function says in its own way that shapes or types do not fit
        reason = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")[:200]
        raise ForeignError(
            f"The file's operation {step.op} does not run ({reason}); export the network again."
        ) from None


def _alike(op: str, given: list[Any]) -> Tensor | None:
    """What an operation makes that keeps the shape of its input, without the tens of milliseconds of a meta function.

    None for any other, and where it is not plain that it does.
    """
    x = given[0]
    if not isinstance(x, Tensor) or x.dtype is not torch.float32:
        return None
    if op in ALIKE or (op in SUMS and isinstance(given[1], (int, float))):
        return torch.empty(x.shape, device="meta")
    if op in SUMS and given[1].shape == x.shape and given[1].dtype is x.dtype:
        return torch.empty(x.shape, device="meta")
    if op == "aten.batch_norm.default" and x.dim() > 1:
        wanted = (x.shape[1],)
        if all(value is None or value.shape == wanted for value in given[1:5]) and given[3] is not None:
            return torch.empty(x.shape, device="meta")
    return None


def _shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, Tensor) else value


def _bytes(value: Any) -> int:
    """What a value needs, as if it shared nothing: a view of little that was expanded counts whole."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, (int, float)) and abs(value) > WHOLE:
        raise ForeignError("The file computes a size beyond all bounds; export the network again.")
    return 0


def _costly(step: Step, size: int) -> str:
    place = f" in {step.scope[-1][0]}" if step.scope else ""
    return (
        f"The file's operation {step.op}{place} would need {size / 2**30:.1f} GiB of memory, which is over the limit; "
        "export the network with a smaller input."
    )
