"""A graph's nodes turned into steps, one after another, with every value's shape known on the way.

Shapes are followed for two batches, the file's own and one of another size. A dimension that is the same in both
belongs to the network, any other to its input; so numbers that an exporter has written for one size can be told from
those that are the network's, and a net that does not run at another size is known as such (`Fixed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.foreign import budget
from cnnviz.models.foreign.graph import ForeignError
from cnnviz.models.foreign.onnx.proto import Graph, Node
from cnnviz.models.foreign.onnx.values import Constant, Fixed, Known, Live, Record, flat, given, meta, metas, run
from cnnviz.models.foreign.operators import known

FOLDED = 256 << 20  # bytes of all tensors that are computed from those of the file
NARROWED = frozenset(
    f"aten.{name}"
    for name in ("add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "maximum.default", "minimum.default")
)
FACTORS = range(2, 65)  # between sizes of two maps


class Trace:
    """The steps of a graph so far, and the values they make."""

    def __init__(self, graph: Graph, first: tuple[int, ...], second: tuple[int, ...] | None) -> None:
        self.graph = graph
        self.uses = Counter(name for node in graph.nodes for name in node.inputs)
        self.uses.update(graph.outputs)
        self.records: list[Record] = []
        self.makers: dict[str, Record] = {}
        self.sizes: dict[tuple[int, int], tuple[Live, int]] = {}
        self.doubts: list[tuple[Live, bool]] = []  # of `adaptive`: values of which another size may want others
        self.input = Live(next(iter(graph.inputs)), meta(first), None if second is None else meta(second))
        self.env: dict[str, Known] = {name: Constant(tensor, name) for name, tensor in graph.tensors.items()}
        self.called: dict[str, list[str]] = {}  # what the file calls a value, by its name here
        self.name(self.input.name, self.input)
        self.node = graph.nodes[0]
        self.still = second is None or first[2:] == second[2:]  # whether both batches have the same sides
        self._folded = 0
        self._count = 0
        self._note_sizes(self.input)

    def emit(self, op: str, *args: Any) -> Any:
        """What an operation makes of its arguments: a step, or where no argument depends on the input, its result.

        A size of a tensor that the network's input does not change is a plain integer.
        """
        if op in NARROWED:
            args = tuple(self.narrowed(one, args) for one in args)
        if not any(isinstance(one, Live) for one in flat(args)):
            return self.folded(lambda *found: run(op, found), *args)
        first = self._try(op, args, second=False)
        second = self._try(op, args, second=True) if self.input.second is not None else None
        if not isinstance(first, (Tensor, tuple, list)):
            if second is None or (op == "aten.sym_size.int" and first == second):
                return first
            return self._recorded(op, args, (first,), (second,))[0]
        if known(op).several:
            return self._recorded(op, args, tuple(first), None if second is None else tuple(second))
        return self._recorded(op, args, (first,), None if second is None else (second,))[0]

    def narrowed(self, one: Any, beside: tuple[Any, ...]) -> Any:
        """A constant with one row instead of equal ones for each photo of the example, where it meets their batch."""
        batch = self.input.shape[0]
        if batch == 1 or not isinstance(one, Constant) or one.second is not None or one.tensor.shape[:1] != (batch,):
            return one
        alike = [live for live in beside if isinstance(live, Live) and len(live.shape) == one.tensor.ndim]
        if not any(live.shape[0] == batch for live in alike) or not bool((one.tensor == one.tensor[:1]).all()):
            return one
        return Constant(one.tensor[:1].clone(), one.name)

    def folded(self, work: Callable[..., Any], *args: Any) -> Any:
        """The result of a function of constants, for the first batch and, where it differs, for the second."""
        limit = self._room(work, args)
        first = work(*given(args, False))
        second = None
        if any(isinstance(one, Constant) and one.second is not None for one in flat(args)):
            second = work(*given(args, True))
        self._folded += limit
        if isinstance(first, Tensor):
            return Constant(first, "", second)
        if second is None:
            return tuple(Constant(one) for one in first)
        return tuple(Constant(one, "", other) for one, other in zip(first, second, strict=True))

    def name(self, name: str, value: Known) -> None:
        """Notes what the file calls a value."""
        self.env[name] = value
        if isinstance(value, Live):
            self.called.setdefault(value.name, []).append(name)

    def ints(self, value: Known | None, what: str) -> tuple[int, ...]:
        """The whole numbers of a constant. Raises `ForeignError` where they depend on the input's numbers."""
        found = self.constant(value, what)
        if found.second is not None and not torch.equal(found.tensor, found.second):
            raise Fixed
        return _whole(found.tensor, self.node, what)

    def extents(self, value: Known | None, what: str) -> tuple[Any, ...]:
        """The same, where those that follow the input's size are sizes of an earlier value.

        Raises `Fixed` for one that is no size of any value, nor a multiple of one.
        """
        found = self.constant(value, what)
        first = _whole(found.tensor, self.node, what)
        second = first if found.second is None else _whole(found.second, self.node, what)
        return tuple(self.extent(*pair) for pair in zip(first, second, strict=True))

    def extent(self, first: int, second: int) -> Any:
        """A number that is the one for the first batch and the other for the second: an integer, or a size."""
        if first == second:
            return first
        if found := self.sizes.get((first, second)):
            return self.emit("aten.sym_size.int", *found)
        for factor in FACTORS:
            if found := self.sizes.get((first * factor, second * factor)):
                return self.emit("operator.floordiv", self.emit("aten.sym_size.int", *found), factor)
            whole = first % factor == second % factor == 0
            if whole and (found := self.sizes.get((first // factor, second // factor))):
                return self.emit("operator.mul", self.emit("aten.sym_size.int", *found), factor)
        raise Fixed

    def constant(self, value: Known | None, what: str) -> Constant:
        """A value that must not depend on the input. Raises `ForeignError` where it does."""
        if isinstance(value, Constant):
            return value
        raise ForeignError(f"The file computes the {what} of {self.node} from the input, which is not read.")

    def live(self, value: Known | None) -> Live:
        """A value that must depend on the input."""
        if isinstance(value, Live):
            return value
        raise ForeignError(f"The file gives {self.node} a tensor of its own where an input is read; export it again.")

    def maker(self, value: Any, op: str) -> Record | None:
        """The step that made a value which nothing else uses, where it is that operation."""
        if not isinstance(value, Live) or (found := self.makers.get(value.name)) is None or found.op != op:
            return None
        return found if self.alone(value) else None

    def alone(self, value: Live) -> bool:
        """Whether only one node uses a value."""
        return sum(self.uses[name] for name in self.called.get(value.name, ())) <= 1

    def change(self, record: Record, at: int, argument: Any) -> Known:
        """Gives a step another argument, as the present node wants it; its output is what that node makes."""
        record.args = (*record.args[:at], argument, *record.args[at + 1 :])
        self.called.pop(record.out[0].name, None)
        return record.out[0]

    def drop(self, record: Record) -> None:
        """Takes back a step that another one does, too."""
        self.records.remove(record)
        for live in record.out:
            self.makers.pop(live.name, None)

    def mark(self) -> tuple[int, dict[tuple[int, int], tuple[Live, int]]]:
        """Where the trace is, for `back`."""
        return len(self.records), dict(self.sizes)

    def back(self, mark: tuple[int, dict[tuple[int, int], tuple[Live, int]]]) -> None:
        """Takes back every step since then."""
        for record in self.records[mark[0] :]:
            self.makers = {name: one for name, one in self.makers.items() if one is not record}
        del self.records[mark[0] :]
        self.sizes = mark[1]

    def fix(self) -> None:
        """Says that the network's sizes are those of the first batch."""
        if self.input.second is not None:
            raise Fixed

    def refuse(self, why: str) -> ForeignError:
        """The refusal of the node that is being read."""
        return ForeignError(f"The file has {self.node} with {why}, which is not read; export it another way.")

    def _recorded(self, op: str, args: tuple[Any, ...], first: tuple[Any, ...], second: tuple[Any, ...] | None) -> Any:
        made = []
        for at, one in enumerate(first):
            self._count += 1
            live = Live(f"v{self._count}", one, None if second is None else second[at])
            self._note_sizes(live)
            made.append(live)
        record = Record(op, args, tuple(made), self.node)
        self.records.append(record)
        self.makers.update((live.name, record) for live in made)
        return tuple(made)

    def _note_sizes(self, live: Live) -> None:
        if isinstance(live.first, Tensor) and live.second is not None:
            for dim, pair in enumerate(zip(live.first.shape, live.second.shape, strict=True)):
                if pair[0] != pair[1]:
                    self.sizes[pair] = (live, dim)

    def _try(self, op: str, args: tuple[Any, ...], second: bool) -> Any:
        """The result on the meta device, under the budget."""
        try:
            found = run(op, metas(args, second))
        except ForeignError:
            raise
        except Exception as error:  # a meta function says in its own way that shapes or types do not fit
            if second:
                raise Fixed from None
            reason = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")[:200]
            raise ForeignError(f"The file's {self.node} does not run ({reason}); export the network again.") from None
        for one in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(one, Tensor) and (size := one.numel() * one.element_size()) > budget.ONE:
                raise Fixed if second else _costly(self.node, size)
        return found

    def _room(self, work: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """The bytes of a result that is still to be computed; `ForeignError` where that is too much."""
        try:
            made = work(*metas(args, False))
        except ForeignError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")[:200]
            raise ForeignError(f"The file's {self.node} does not run ({reason}); export the network again.") from None
        size = sum(one.numel() * one.element_size() for one in ((made,) if isinstance(made, Tensor) else made))
        if self._folded + size > FOLDED:
            raise _costly(self.node, self._folded + size)
        return size


def _whole(tensor: Tensor, node: Node, what: str) -> tuple[int, ...]:
    if tensor.is_floating_point() or tensor.numel() > 64:
        raise ForeignError(f"The file's {node} has an impossible {what}; export the network again.")
    return tuple(int(one) for one in tensor.flatten().tolist())


def _costly(node: Node, size: int) -> ForeignError:
    return ForeignError(
        f"The file's {node} would need {size / 2**30:.1f} GiB of memory, which is over the limit; "
        "export the network with a smaller input."
    )
