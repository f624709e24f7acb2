"""The modules of a program: which there are, what each of them does, and which tensors it owns."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from cnnviz.models.foreign.budget import resolver
from cnnviz.models.foreign.graph import ForeignError, Program, Step, Value, printable, values
from cnnviz.models.foreign.leaves import Leaf, leaf_of, make
from cnnviz.models.foreign.operators import bound, known
from cnnviz.models.foreign.parts import Do, Net, Part, Routine, named


@dataclass(frozen=True, eq=False)
class Call:
    """One run of one module: its steps and the runs of modules inside of it, in order."""

    path: str
    kind: str
    items: tuple[Call | Step, ...]

    def steps(self) -> Iterator[Step]:
        """All steps, those of modules inside included."""
        for item in self.items:
            if isinstance(item, Step):
                yield item
            else:
                yield from item.steps()


class Builder:
    """Makes the modules of one program, whose values have these shapes at the example's size."""

    def __init__(self, program: Program, shapes: Mapping[str, Any]) -> None:
        self.program = dataclasses.replace(program, steps=scoped(program))
        self.shapes = shapes
        self.root: Net = named(program.said.get("class", ""), Net)()
        self.calls: dict[str, list[Call]] = {}
        self.routines: dict[str, dict[object, tuple[int, Routine]]] = {}
        self.leaves: dict[str, Leaf] = {}
        self.places: dict[str, tuple[str, ...]] = {}  # of the tensors, from the root
        self.last: dict[str, int] = {program.output.name: len(program.steps)}
        self.order = {id(step): at for at, step in enumerate(self.program.steps)}
        for at, step in enumerate(self.program.steps):
            self.last.update((value.name, at) for value in read(step))

    def net(self) -> Net:
        """The network. Raises `ForeignError` where names or tensors do not fit."""
        top = Call("", "", _grouped(self.program.steps, 0))
        self._note(top)
        for path, calls in self.calls.items():
            found = {self._leaf(call) for call in calls}
            if len(found) == 1 and (leaf := found.pop()) is not None:
                self.leaves[path] = leaf
        self._place(top)
        self._own()
        self._routine(top, (self.program.input,), (self.program.output.name,))
        for path, routines in self.routines.items():
            part = self._module(path)
            part.routines = tuple(routine for _, routine in sorted(routines.values(), key=lambda r: r[0]))
            if (dims := self._turned(path)) is not None:
                part.dims = dims
        return self.root

    def _note(self, call: Call) -> None:
        for item in call.items:
            if isinstance(item, Call):
                self.calls.setdefault(item.path, []).append(item)
                self._note(item)

    def _leaf(self, call: Call) -> Leaf | None:
        if len(call.items) != 1 or not isinstance(step := call.items[0], Step):
            return None
        source = next(iter(read(step)), Value("")).name
        leaf = leaf_of(step, call.path, call.kind, self.program.tensors, len(self.shapes.get(source, ())))
        return None if leaf is None else dataclasses.replace(leaf, input=Value(""))

    def _turned(self, path: str) -> list[int] | None:
        """The order of axes of a module that does nothing but permute, as torchvision's keeps it."""
        call = next(iter(self.calls.get(path, ())), None)
        if call is None or len(call.items) != 1 or not isinstance(step := call.items[0], Step):
            return None
        return list(bound(step)["dims"]) if step.op == "aten.permute.default" else None

    def _place(self, call: Call) -> None:
        """Puts the modules into their places, outer ones first."""
        for item in call.items:
            if isinstance(item, Call):
                leaf = self.leaves.get(item.path)
                if self._there(item.path) is None:
                    self._hang(item.path, make(leaf, self.program.tensors) if leaf else named(item.kind, Part)())
                self._place(item)

    def _there(self, path: str) -> nn.Module | None:
        module: nn.Module | None = self.root
        for name in path.split(".") if path else ():
            module = None if module is None else module._modules.get(name)
        return module

    def _module(self, path: str) -> Any:
        return self._there(path)

    def _hang(self, path: str, module: nn.Module) -> None:
        parent, _, name = path.rpartition(".")
        if self._there(parent) is None:
            self._hang(parent, Part())
        try:
            self._module(parent).add_module(name, module)
        except (KeyError, TypeError):
            raise ForeignError(f"The file has a module called {printable(path)}, which no module can be.") from None

    def _own(self) -> None:
        """Gives the modules their tensors, and notes where those of the leaves are."""
        for path, leaf in self.leaves.items():
            self.places |= {name: (*path.split("."), attribute) for attribute, name in leaf.tensors}
        for name, tensor in self.program.tensors.items():
            if name in self.places:
                continue
            path, _, attribute = name.rpartition(".")
            if self._there(path) is None:
                self._hang(path, Part())
            owner = self._module(path)
            try:
                if tensor.is_floating_point() and name not in self.program.buffers:
                    owner.register_parameter(attribute, nn.Parameter(tensor, requires_grad=False))
                else:
                    owner.register_buffer(attribute, tensor)
            except (KeyError, TypeError):
                raise ForeignError(f"The file has a tensor called {printable(name)}, which none can be.") from None
            self.places[name] = tuple(name.split("."))

    def _routine(self, call: Call, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> int:
        """Writes down what a run of a module does; the number of the routine, the same for runs that are alike."""
        short: dict[str, str] = {}  # names that are the same in runs that are alike

        def brief(name: str) -> str:
            return short.setdefault(name, f"v{len(short)}") if name else ""

        tensors: dict[str, tuple[str, ...]] = {}
        for name in inputs:
            brief(name)
        body: list[Do] = []
        key: list[object] = []
        uses: list[set[str]] = []
        for item in call.items:
            if isinstance(item, Step):
                arguments = tuple(_renamed(argument, brief) for argument in bound(item).values())
                operator = known(item.op)
                take = tuple(map(resolver, arguments))
                body.append(Do(operator.run, (), take, tuple(map(brief, item.out)), operator.several))
                key.append((item.op, repr(arguments), body[-1].give))
                wanted = [value.name for value in read(item)]
            else:
                wanted, body_part = self._called(item, call, brief)
                body.append(body_part)
                key.append((body_part.place, body_part.turn, tuple(map(brief, wanted)), body_part.give))
            uses.append(set(map(brief, wanted)))
            for name in wanted:
                if name in self.places and name not in inputs:
                    tensors[brief(name)] = self._local(name, call.path) or ()
        ends = tuple(map(brief, outputs))
        routine = Routine(tuple(map(brief, inputs)), tuple(tensors.items()), _released(body, uses, ends), ends)
        mine = self.routines.setdefault(call.path, {})
        ident = (routine.inputs, routine.tensors, tuple(key), routine.outputs)
        turn, _ = mine.setdefault(ident, (len(mine), routine))
        return turn

    def _called(self, item: Call, outer: Call, brief: Any) -> tuple[list[str], Do]:
        """The run of a module inside another one."""
        place = self._reach(item.path, outer.path)
        leaf = self.leaves.get(item.path)
        inside = {name for step in item.steps() for name in step.out}
        ends = max(self.order[id(step)] for step in item.steps())
        given = dict.fromkeys(value.name for step in item.steps() for value in read(step) if value.name not in inside)
        if leaf:
            wanted = [name for name in given if name not in {owned for _, owned in leaf.tensors}][:1]
        else:
            wanted = [name for name in given if name not in self.places or self._local(name, item.path) is None]
            wanted.sort(key=lambda name: name in self.places)
        made = [name for step in item.steps() for name in step.out if name and self.last.get(name, -1) > ends]
        made = made or [name for step in item.steps() for name in step.out if name][-1:]
        turn = 0 if leaf else self._routine(item, tuple(wanted), tuple(made))
        take = tuple(resolver(Value(brief(name))) for name in wanted)
        return wanted, Do(None, place, take, tuple(map(brief, made)), len(made) > 1, turn)

    def _reach(self, path: str, outer: str) -> tuple[str, ...]:
        """How a module finds another one: below itself, or by another name there for one that has its place elsewhere.

        Raises `ForeignError` where two modules would lie inside of each other.
        """
        if not outer or path.startswith(f"{outer}."):
            return tuple(path.removeprefix(f"{outer}." if outer else "").split("."))
        holder, module = self._module(outer), self._module(path)
        if any(part is holder for part in module.modules()):
            raise ForeignError(f"The file has the module {printable(outer)} inside of itself; export it again.")
        if name := next((name for name, part in holder._modules.items() if part is module), None):
            return (name,)
        name = next(name for n in itertools.count() if (name := f"shared_{n}") not in holder._modules)
        holder.add_module(name, module)
        return (name,)

    def _local(self, tensor: str, path: str) -> tuple[str, ...] | None:
        """Where a module finds a tensor below itself; None where it lies elsewhere and has to be handed in."""
        below, place = tuple(path.split(".")) if path else (), self.places[tensor]
        return place[len(below) :] if place[: len(below)] == below else None


def scoped(program: Program) -> tuple[Step, ...]:
    """The steps; where the file knows no modules at all, layers get those that their tensors are called after."""
    if any(step.scope for step in program.steps):
        return program.steps
    found, counts = [], dict[str, int]()
    taken = {name.partition(".")[0] for name in program.tensors}
    for step in program.steps:
        owners = [value.name.rpartition(".")[0] for value in read(step) if value.name in program.tensors]
        path = owners[0] if owners and owners[0] else ""
        if not owners:
            name = step.op.split(".")[1]
            while (path := f"{name}_{counts.setdefault(name, 0)}") in taken:
                counts[name] += 1
            counts[name] += 1
        leaf = leaf_of(step, path, "", program.tensors) if path else None
        found.append(dataclasses.replace(step, scope=((path, ""),)) if leaf else step)
    return tuple(found)


def read(step: Step) -> list[Value]:
    """The values a step reads, in order."""
    return [value for argument in (*step.args, *step.kwargs.values()) for value in values(argument)]


def _grouped(steps: tuple[Step, ...], depth: int, around: tuple[str, ...] = ()) -> tuple[Call | Step, ...]:
    """Steps in a row that belong to the same run of a module, as that run."""
    items: list[Call | Step] = []
    for scope, group in itertools.groupby(steps, key=lambda step: step.scope[depth : depth + 1]):
        inside = tuple(group)
        if not scope:
            items += inside
            continue
        path, kind = scope[0][0].partition("@")[0], scope[0][1]
        if any(outer == path or outer.startswith(f"{path}.") for outer in around):
            raise ForeignError(f"The file has the module {printable(path)} inside of itself; export it again.")
        items.append(Call(path, kind, _grouped(inside, depth + 1, (*around, path))))
    return tuple(items)


def _renamed(argument: Any, brief: Any) -> Any:
    if isinstance(argument, Value):
        return Value(brief(argument.name))
    return tuple(_renamed(one, brief) for one in argument) if isinstance(argument, tuple) else argument


def _released(body: list[Do], uses: list[set[str]], outputs: tuple[str, ...]) -> tuple[Do, ...]:
    """The operations, each of which lets go of what it is the last to need."""
    kept, found = set(outputs), []
    for do, used in zip(reversed(body), reversed(uses), strict=True):
        ours = used | set(filter(None, do.give))
        found.append(dataclasses.replace(do, done=tuple(sorted(ours - kept))))
        kept |= ours
    return tuple(reversed(found))
