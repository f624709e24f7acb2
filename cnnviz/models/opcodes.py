"""What reading a pickle would do, told by its steps alone: bounded in number, depth, length and bytes beforehand.

PyTorch's own reader of weights runs no code, but it makes whatever a file describes: tuples nested until hashing them
ends the process, a gigabyte of zeros from a few letters, text in an encoding that takes minutes. Here nothing is made:
values are followed as far as their kind and size, and what no checkpoint has is refused.
"""

from __future__ import annotations

import functools
import pickle
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cnnviz.models import pickle_calls
from cnnviz.models.pickle_calls import Made, Name, Storage, Tuple
from cnnviz.models.pickle_calls import OpcodeError as OpcodeError

STEPS = 2_000_000  # a checkpoint of 10,000 tensors takes 400,000
DEEP = 60  # tuples within tuples
WIDE = 100_000  # values of a tuple and of all within it, which hashing it visits
PART = 1 << 20  # bytes that are read at once
NAME = 1000  # characters of a name
ALIKE = 1000  # names that may all have one hash: tuples, complex and large numbers
TWICE = 2  # a bytearray is made of bytes that were made of a text
SPARE = 100_000  # values that are copied beyond one for each step: what is shared is copied, too
BYTES = 1 << 20  # bytes that are copied beyond those of the file, or numbers beyond those of its storages
DIGITS = 40  # bytes of a whole number
LARGEST_KEY = 2**61 - 2  # of the names that are numbers: no two up to there have the same hash
SIZES = {
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    "ComplexDouble": 16,
}  # bytes of a number, by the class of its storage; 1 for the others


class File(Protocol):
    """What a pickle is read from."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...

    def tell(self) -> int: ...


def survey(file: File, steps: int = STEPS) -> dict[str, int]:
    """The storages that the pickle beginning here has numbers in, by name: bytes; the file is read to the pickle's end.

    Raises `OpcodeError` for what no checkpoint does, and for what PyTorch does not read.
    """
    machine, read = Machine(file), file.read
    for machine.steps in range(steps):
        try:
            act = ACTS[read(1)]
            act(machine)
        except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
            raise OpcodeError("") from None
        if act is stop:
            return machine.storages
    raise OpcodeError(f"has more than {steps:,} steps")


class Machine:
    """The stack, the marks and the memory of a reader of pickles."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memory: dict[int, Any] = {}
        self.storages: dict[str, int] = {}
        self.begin = file.tell()
        self.steps = self.alike = self.wide = self.copied = self.bytes = self.numbers = self.stored = 0

    def read(self, size: int) -> bytes:
        """So many bytes, however many are claimed: a file makes room for all that it is asked for."""
        data = self.file.read(min(size, PART))
        if len(data) < size and data:
            parts, left = [data], size - len(data)
            while left and (part := self.file.read(min(left, PART))):
                parts.append(part)
                left -= len(part)
            data = b"".join(parts)
        if len(data) != size:
            raise OpcodeError("")
        return data

    def number(self, size: int) -> int:
        """A whole number from 0 in so many bytes."""
        return int.from_bytes(self.read(size), "little")

    def skip(self) -> None:
        """Leaves a byte unread."""
        self.read(1)

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self.stack.append(value)

    def marked(self) -> list[Any]:
        """The values since the last mark, taken off."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def named(self, name: Any) -> None:
        """Lets pass what is short and quick to hash."""
        if isinstance(name, (str, bytes)):
            if len(name) > NAME:
                raise OpcodeError(f"has a name of {len(name):,} characters")
            return
        tuples = isinstance(name, Tuple)
        large = isinstance(name, (int, float)) and not -LARGEST_KEY <= name <= LARGEST_KEY
        if tuples or large or (isinstance(name, Made) and name.by == pickle_calls.COMPLEX):
            self.alike += 1
            self.wide += name.wide if tuples else 0
        if self.alike > ALIKE:
            raise OpcodeError(f"has more than {ALIKE:,} names that are tuples or large numbers")
        if self.wide > WIDE:
            raise OpcodeError(f"has names that are tuples of more than {WIDE:,} values")

    def copies(self, values: int = 0, size: int = 0, numbers: int = 0) -> None:
        """Counts what is copied. Lets pass no more than the pickle so far has itself, and some that is shared."""
        self.copied += values
        self.bytes += size
        self.numbers += numbers
        if self.copied > self.steps + SPARE:
            raise OpcodeError("copies the same values many times over")
        if self.bytes > BYTES and self.bytes > BYTES + TWICE * (self.file.tell() - self.begin):
            raise OpcodeError("copies the same bytes many times over")
        if self.numbers > BYTES + self.stored:
            raise OpcodeError("has more indices of sparse tensors than numbers")


def stop(machine: Machine) -> None:
    """The end of the pickle."""
    machine.stack.pop()


def _tuple(machine: Machine, items: list[Any]) -> None:
    inner = [item for item in items if isinstance(item, Tuple)]
    deep = 1 + max((item.deep for item in inner), default=0)
    wide = 1 + len(items) + sum(item.wide for item in inner)
    if deep > DEEP:
        raise OpcodeError(f"has tuples nested more than {DEEP} deep")
    if wide > WIDE:
        raise OpcodeError(f"has a tuple of more than {WIDE:,} values")
    machine.push(Tuple(tuple(items), deep, wide))


def _last(machine: Machine, count: int) -> None:
    items = machine.stack[-count:]
    if len(items) < count:
        raise OpcodeError("")
    del machine.stack[-count:]
    _tuple(machine, items)


def _mark(machine: Machine) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _global(machine: Machine) -> None:
    lines = [machine.file.readline(NAME) for _ in range(2)]
    if not all(line.endswith(b"\n") for line in lines):
        raise OpcodeError("")
    module, name = (line[:-1].decode() for line in lines)
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    machine.push(Name(f"{module}.{name}"))


def _long(machine: Machine) -> None:
    size = machine.number(1)
    if size > DIGITS:
        raise OpcodeError(f"has a number of {size} bytes")
    machine.push(pickle.decode_long(machine.read(size)))


def _into(machine: Machine, marked: bool, mapping: bool) -> None:
    """Values for the list or mapping on top of the stack."""
    items = machine.marked() if marked else [machine.stack.pop() for _ in range(1 + mapping)][::-1]
    if mapping:
        items = items[::2]
        for name in items:
            machine.named(name)
    machine.stack[-1].held.extend(items)


def _remember(machine: Machine, size: int) -> None:
    machine.memory[machine.number(size)] = machine.stack[-1]


def _recall(machine: Machine, size: int) -> None:
    machine.push(machine.memory[machine.number(size)])


def _build(machine: Machine) -> None:
    """Attributes of an object; of a tensor they would say how much room it takes."""
    state, by = machine.stack.pop(), getattr(machine.stack[-1], "by", "")
    plain = isinstance(state, Tuple) and len(state.items) < 4
    machine.copies(pickle_calls.copied([state]))
    if by == pickle_calls.ORDERED and isinstance(state, (Made, Tuple)):  # whose attributes may come as pairs
        for name in pickle_calls.keys(state):
            machine.named(name)
    if pickle_calls.tensors(by) or (by == pickle_calls.PARAMETER and not plain):
        raise OpcodeError("changes a tensor after it was made")


def _call(machine: Machine) -> None:
    given, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Name) or not isinstance(given, Tuple):
        raise OpcodeError("calls what is no function")
    tensor, filled = pickle_calls.tensors(function), function in pickle_calls.FILLED
    follows = tensor or filled or function == pickle_calls.SIZE
    machine.copies(pickle_calls.copied(given.items) if follows else len(given.items))
    pickle_calls.refuse(function, given.items)
    if function == pickle_calls.SIZE:
        _tuple(machine, [one for part in given.items for one in pickle_calls.values(part)])
        return
    held: Any = () if tensor else []
    if filled:
        inside = pickle_calls.keys if function == pickle_calls.ORDERED else pickle_calls.values
        held = [name for part in given.items for name in inside(part)]
        for name in held:
            machine.named(name)
    size = pickle_calls.size(function, given.items)
    if function in (pickle_calls.ENCODE, pickle_calls.BYTES):
        machine.copies(size=size)
    elif size and pickle_calls.SPARSE in (function, given.items[0]):
        machine.copies(numbers=size)
    machine.push(Made(str(function), held, size))


def _storage(machine: Machine) -> None:
    """A storage of the file: ("storage", its class, its name, where it was, how many numbers)."""
    said = machine.stack.pop().items
    kind, name, count = said[1], said[2], said[4]
    if not isinstance(kind, Name) or not isinstance(name, (str, bytes)) or type(count) is not int or count < 0:
        raise OpcodeError("")
    machine.named(name)
    size = count * SIZES.get(kind.rpartition(".")[2].removesuffix("Storage"), 1)
    name = name if isinstance(name, str) else name.decode("latin-1")
    known = machine.storages.get(name, 0)
    machine.storages[name] = max(size, known)
    machine.stored += max(size - known, 0)
    machine.push(Storage(count))


def _value(make: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.push(make(machine))


ACTS: Mapping[bytes, Callable[[Machine], None]] = {
    pickle.PROTO: Machine.skip,
    pickle.STOP: stop,
    pickle.MARK: _mark,
    pickle.GLOBAL: _global,
    pickle.REDUCE: _call,
    pickle.NEWOBJ: _call,
    pickle.BUILD: _build,
    pickle.BINPERSID: _storage,
    pickle.NONE: _value(lambda _: None),
    pickle.NEWTRUE: _value(lambda _: True),
    pickle.NEWFALSE: _value(lambda _: False),
    pickle.BININT: _value(lambda machine: struct.unpack("<i", machine.read(4))[0]),
    pickle.BININT1: _value(lambda machine: machine.number(1)),
    pickle.BININT2: _value(lambda machine: machine.number(2)),
    pickle.LONG1: _long,
    pickle.BINFLOAT: _value(lambda machine: struct.unpack(">d", machine.read(8))[0]),
    pickle.BINUNICODE: _value(lambda machine: machine.read(machine.number(4)).decode("utf-8", "surrogatepass")),
    pickle.SHORT_BINSTRING: _value(lambda machine: machine.read(machine.number(1))),
    pickle.EMPTY_LIST: _value(lambda _: Made("list", [])),
    pickle.EMPTY_DICT: _value(lambda _: Made("dict", [])),
    pickle.EMPTY_SET: _value(lambda _: Made("set", [])),
    pickle.EMPTY_TUPLE: lambda machine: _tuple(machine, []),
    pickle.TUPLE: lambda machine: _tuple(machine, machine.marked()),
    pickle.TUPLE1: functools.partial(_last, count=1),
    pickle.TUPLE2: functools.partial(_last, count=2),
    pickle.TUPLE3: functools.partial(_last, count=3),
    pickle.APPEND: functools.partial(_into, marked=False, mapping=False),
    pickle.APPENDS: functools.partial(_into, marked=True, mapping=False),
    pickle.SETITEM: functools.partial(_into, marked=False, mapping=True),
    pickle.SETITEMS: functools.partial(_into, marked=True, mapping=True),
    pickle.BINPUT: functools.partial(_remember, size=1),
    pickle.LONG_BINPUT: functools.partial(_remember, size=4),
    pickle.BINGET: functools.partial(_recall, size=1),
    pickle.LONG_BINGET: functools.partial(_recall, size=4),
}
