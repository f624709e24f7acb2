"""Modules of a rebuilt network: they run their part of the program, and no code is made from the file."""

from __future__ import annotations

import functools
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from cnnviz.models.foreign.budget import Costly, Sizes
from cnnviz.models.probabilities import turned


@dataclass(frozen=True)
class Do:
    """One operation of a routine, or one call of a module inside: what to run on which values, and what comes out."""

    run: Callable[..., Any] | None  # None where the module at `place` is called
    place: tuple[str, ...]
    take: tuple[Callable[[Mapping[str, Any]], Any], ...]
    give: tuple[str, ...]
    several: bool
    turn: int = 0
    done: tuple[str, ...] = ()  # values that nothing needs any more


@dataclass(frozen=True)
class Routine:
    """What a module does when it is called: its inputs' names, its own tensors, its operations, its outputs' names."""

    inputs: tuple[str, ...]
    tensors: tuple[tuple[str, tuple[str, ...]], ...]
    body: tuple[Do, ...]
    outputs: tuple[str, ...]


class Part(nn.Module):
    """A module of the original that is more than one operation of torch.nn: it runs its routine, step by step."""

    routines: tuple[Routine, ...] = ()

    def work(self, given: Sequence[Any], turn: int) -> Any:
        """The outputs of the module for its inputs; alone where it is one. `turn` counts the runs that differ."""
        routine = self.routines[turn]
        env = dict(zip(routine.inputs, given, strict=True))
        for name, place in routine.tensors:
            env[name] = _at(self, place)
        for do in routine.body:
            taken = [take(env) for take in do.take]
            if do.run is not None:
                result = do.run(*taken)
            else:
                module = _at(self, do.place)
                result = module(*taken, turn=do.turn) if do.turn else module(*taken)
            if do.several:
                for at, name in enumerate(do.give):
                    if name:
                        env[name] = result[at]
            else:
                env[do.give[0]] = result
            for name in do.done:
                env.pop(name, None)
        found = tuple(env[name] for name in routine.outputs)
        return found[0] if len(found) == 1 else found

    def forward(self, *given: Any, turn: int = 0) -> Any:
        """What the module puts out."""
        return self.work(given, turn)


class Net(Part):
    """The whole network: images (N, C, H, W) to logits (N, K)."""

    classes: int = 0  # logits; 0 where the network puts out maps
    sizes: Sizes | None = None  # of the images it takes
    turned: str = ""  # what its outputs are that become logits, "softmax" or "sigmoid"

    def work(self, given: Sequence[Any], turn: int) -> Any:
        """The logits, also where the program's own outputs are probabilities."""
        out = super().work(given, turn)
        return turned(out, self.turned) if self.turned else out

    def forward(self, x: Any) -> Any:  # type: ignore[override]  # one input, by its name: what is traced has one, too
        """The logits of a batch. Raises `ForeignError` for images of a size that it does not take."""
        if self.sizes is None or not isinstance(x, Tensor) or any(type(side) is not int for side in x.shape):
            return self.work((x,), 0)  # while it is traced
        refusal = self.sizes.refusal(tuple(x.shape[1:]))
        if isinstance(refusal, Costly):
            raise refusal.with_traceback(None)
        try:
            return self.work((x,), 0)  # whoever wants an early layer stops before anything that does not run
        except RuntimeError:
            if refusal is None:
                raise
            raise refusal.with_traceback(None) from None


P = TypeVar("P", bound=Part)


def _at(module: Any, place: tuple[str, ...]) -> Any:
    return functools.reduce(getattr, place, module)


def named(kind: str, base: type[P]) -> type[P]:
    """The class of a module that prints as the original's class does."""
    usable = kind.isascii() and kind.isidentifier() and not keyword.iskeyword(kind)
    return type(kind, (base,), {"__module__": __name__}) if usable else base
