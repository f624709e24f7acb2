"""The last steps of a program: a softmax or sigmoid there is taken off, so that the network gives logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnnviz.models.foreign.budget import measure
from cnnviz.models.foreign.graph import Program, Step, Value, values
from cnnviz.models.foreign.operators import bound, plain
from cnnviz.models.foreign.rebuild import example
from cnnviz.models.foreign.tidy import SHARES, tidy

KINDS = {
    "aten.softmax.int": "softmax", "aten._softmax.default": "softmax", "aten.log_softmax.int": "log_softmax",
    "aten._log_softmax.default": "log_softmax", "aten.sigmoid.default": "sigmoid",
    "aten.special_expit.default": "sigmoid",
}  # fmt: skip
MIXED = {*KINDS, "aten.hardsigmoid.default"} - {"aten.log_softmax.int", "aten._log_softmax.default"}
KEEP = {*SHARES, "aten.to.dtype", "aten._to_copy.default", "aten.clone.default", "aten.contiguous.default"} | {
    f"aten.{name}"
    for name in (
        "view.default", "_unsafe_view.default", "reshape.default", "flatten.using_ints", "squeeze.dim",
        "squeeze.default", "squeeze.dims", "unsqueeze.default", "alias.default", "detach.default", "detach_.default",
    )
}  # fmt: skip  # the same numbers in the same order


def taken_off(program: Program) -> Program:
    """The program up to its logits; `said["output"]` is then the kind of what stood behind them.

    The same program where it gives logits already. Raises `ForeignError` as `tidy` and `measure` do.
    """
    if not any(plain(step.op) in KINDS for step in program.steps):
        return program
    neat = tidy(program)
    makers = {name: step for step in neat.steps for name in step.out}
    chain, step = [], makers.get(neat.output.name)
    while step and step.op in KEEP:
        chain.append(step)
        step = makers.get(_first(step).name)
    if step is None:
        return program
    logit = _two(step, makers) if not chain else None
    if logit is not None and measure(neat, example(neat)).shapes[logit.name][1:] == (1,):
        return _to(neat, logit, "sigmoid")
    if step.op not in KINDS or not _over_classes(neat, step):
        return program
    return _without(neat, step, chain)


def mixed(program: Program) -> bool:
    """Whether the output is made of probabilities and plain numbers alone, such as an average of softmaxes."""
    found: set[str] = set()
    neat = tidy(program)
    for step in neat.steps:
        given = [value.name for argument in (*step.args, *step.kwargs.values()) for value in values(argument)]
        if step.op in MIXED or (given and found.issuperset(given)):
            found.update(step.out)
    return neat.output.name in found


def _without(program: Program, end: Step, chain: list[Step]) -> Program:
    """The steps behind a softmax, applied to what was before it."""
    now, copies = _first(end), {}
    for step in reversed(chain):
        arguments = bound(step)
        arguments[next(iter(arguments))] = now
        now = Value(f"{step.out[0]} of logits")
        copies[id(step)] = dataclasses.replace(step, args=tuple(arguments.values()), kwargs={}, out=(now.name,))
    steps = [one for step in program.steps for one in (step, copies.get(id(step))) if one]
    return _to(dataclasses.replace(program, steps=tuple(steps)), now, KINDS[end.op])


def _to(program: Program, output: Value, kind: str) -> Program:
    """The program up to that value."""
    return tidy(dataclasses.replace(program, output=output, said={**program.said, "output": kind}))


def _over_classes(program: Program, step: Step) -> bool:
    """Whether a softmax is over the classes, the one dimension beside the batch that has several entries."""
    if KINDS[step.op] == "sigmoid":
        return True
    shape, dim = measure(program, example(program)).shapes[step.out[0]], bound(step)["dim"]
    if not isinstance(dim, int) or not isinstance(shape, tuple) or not -len(shape) <= dim < len(shape):
        return False
    others = [side for at, side in enumerate(shape) if at not in (0, dim % len(shape))]
    return dim % len(shape) > 0 and shape[dim] > 1 and all(side == 1 for side in others)


def _two(step: Step, makers: Mapping[str, Step]) -> Value | None:
    """The single logit z where the output is the sigmoids of -z and z, as cnnviz's own export has it."""
    if step.op not in ("aten.cat.default", "aten.concat.default"):
        return None
    arguments = bound(step)
    if len(arguments["tensors"]) != 2 or arguments["dim"] not in (1, -1):
        return None
    no, yes = (makers.get(one.name) for one in arguments["tensors"])
    if not (no and yes and KINDS.get(no.op) == KINDS.get(yes.op) == "sigmoid"):
        return None
    turned = makers.get(_first(no).name)
    logit = _first(yes)
    return logit if turned and turned.op == "aten.neg.default" and _first(turned) == logit else None


def _first(step: Step) -> Any:
    """The first argument of a step."""
    return next(iter(bound(step).values()))
