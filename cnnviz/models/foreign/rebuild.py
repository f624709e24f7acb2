"""A program as a network again: the original's modules under their names, run by an interpreter.

A module that is one operation becomes that module of torch.nn. Any other runs its part of the program step by step and
calls the modules inside of it, so hooks, tracing and names are as in the original. No code is made from the file.
"""

from __future__ import annotations

from cnnviz.models.foreign.budget import Sizes, measure
from cnnviz.models.foreign.graph import Program
from cnnviz.models.foreign.parts import Net
from cnnviz.models.foreign.sizes import free
from cnnviz.models.foreign.tidy import tidy
from cnnviz.models.foreign.tree import Builder

USUAL = (1, 3, 224, 224)  # the input where the file leaves its sides free


def rebuild(program: Program) -> Net:
    """The network of a program, frozen, in evaluation mode, for any batch and any size that its operations take.

    Raises `ForeignError` for an operation outside of the allow-list, one beyond the budget, or what does not fit.
    """
    program = tidy(program)
    size = example(program)
    shapes = measure(program, size).shapes
    program = free(program, shapes)
    net = Builder(program, shapes).net()
    net.sizes = Sizes(program, size[1:])
    logits = shapes[program.output.name]
    net.classes = logits[1] if isinstance(logits, tuple) and len(logits) == 2 else 0
    return net.eval().requires_grad_(False)


def example(program: Program) -> tuple[int, ...]:
    """The shape of an input of the program, with usual sides where it leaves them free."""
    usual = USUAL if len(program.shape) == 4 else (1,) * len(program.shape)
    return tuple(usual[at] if side is None else side for at, side in enumerate(program.shape))
