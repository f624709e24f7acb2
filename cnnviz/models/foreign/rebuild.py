"""A program as a network again: the original's modules under their names, run by an interpreter.

A module that is one operation becomes that module of torch.nn. Any other runs its part of the program step by step and
calls the modules inside of it, so hooks, tracing and names are as in the original. No code is made from the file.
"""

from __future__ import annotations

from cnnviz.models.foreign.budget import Costly, Sizes, measure
from cnnviz.models.foreign.graph import ForeignError, Program
from cnnviz.models.foreign.parts import Net
from cnnviz.models.foreign.sizes import free
from cnnviz.models.foreign.tidy import tidy
from cnnviz.models.foreign.tree import Builder

USUAL = (1, 3, 224, 224)  # the input where the file leaves its sides free


def rebuild(program: Program) -> Net:
    """The network of a program, frozen, in evaluation mode, for any batch and any size that its operations take.

    Raises `ForeignError` for an operation outside of the allow-list, one beyond the budget, or what does not fit, and
    where one photo does not give one row of logits.
    """
    program = tidy(program)
    size = example(program)
    shapes = measure(program, size).shapes
    program = free(program, shapes)
    _one_row(program, size)
    net = Builder(program, shapes).net()
    net.sizes = Sizes(program, size[1:])
    logits = shapes[program.output.name]
    net.classes = logits[1] if isinstance(logits, tuple) and len(logits) == 2 else 0
    return net.eval().requires_grad_(False)


def _one_row(program: Program, size: tuple[int, ...]) -> None:
    """Raises `ForeignError` where one photo does not give one row of logits; an example batch of more may be needed."""
    do = "export it with an example batch of one, or with dynamic_shapes for the batch."
    try:
        found = measure(program, (1, *size[1:])).shapes[program.output.name]
    except Costly:
        raise
    except ForeignError as error:
        if size[0] == 1:
            raise
        reason = str(error).partition(";")[0].removeprefix("The file's ")
        raise ForeignError(f"The network in the file is for {size[0]} photos at once: its {reason}; {do}") from None
    if isinstance(found, tuple) and len(found) > 1 and found[0] != 1:
        raise ForeignError(f"The network in the file gives {found[0]} rows of logits for one photo; {do}")


def example(program: Program) -> tuple[int, ...]:
    """The shape of an input of the program, with usual sides where it leaves them free."""
    usual = USUAL if len(program.shape) == 4 else (1,) * len(program.shape)
    return tuple(usual[at] if side is None else side for at, side in enumerate(program.shape))
