"""What a pickle may call: what gives tensors within the file's own storages, and small things; here nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

ENCODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")
ORDERED, SET, COMPLEX, SIZE = "collections.OrderedDict", "builtins.set", "builtins.complex", "torch.Size"
ENCODE, BYTES = "_codecs.encode", "builtins.bytearray"
FILLED = (ORDERED, "collections.Counter", SET)  # with the values of what they are called with
SHORT = (COMPLEX, "torch.device", "torch.serialization._get_layout")  # called with numbers and words
MOST = 1 << 63  # numbers of a tensor
LETTERS = 1000  # of such a word
MAPPINGS = ("dict", *FILLED[:2])
VIEWS = tuple(f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "qtensor"))
OTHERS = ("parameter", "parameter_with_state", "sparse_tensor", "meta_tensor_no_storage")
REBUILT = (*VIEWS, *(f"torch._utils._rebuild_{name}" for name in OTHERS))  # tensors of storages or tensors of the file
SPARSE = "torch._utils._rebuild_sparse_tensor"
SUBCLASS = "torch._tensor._rebuild_from_type_v2"
WRITES = ("real", "imag")  # attributes of a tensor that copy numbers when they are set
PARAMETER = "torch.nn.parameter.Parameter"


class OpcodeError(ValueError):
    """A pickle does what no checkpoint does: its message says what, and is empty where the pickle is a broken one."""


class Name(str):
    """A class or function, by its dotted name."""


class Made(NamedTuple):
    """Something that was made by what has that name, with its values so far, of a mapping its keys.

    `size` is how many bytes or numbers it has.
    """

    by: str
    held: Any = ()  # a list where it can be filled
    size: int = 0


class Storage(NamedTuple):
    """A storage of the file, and how many numbers it has: bytes for some kinds."""

    numbers: int


class Tuple(NamedTuple):
    """A tuple, with how deep it is nested and how many values hashing it visits."""

    items: tuple[Any, ...]
    deep: int
    wide: int


def refuse(function: Name, given: tuple[Any, ...]) -> None:
    """Lets pass what gives tensors on the file's own storages, small things, and what PyTorch would not call at all."""
    if function in REBUILT:
        fine = _within(*given[:4]) if function in VIEWS else not any(map(_writes, given))
        if fine and function.endswith("qtensor"):
            fine = numbers(given[2]) <= given[0].numbers  # so many are made beforehand
    elif function in FILLED:
        fine = len(given) < 2 and all(_plain(one, ("list", "set", *MAPPINGS, SET)) for one in given)
    elif function == SIZE:
        fine = len(given) < 2 and all(_plain(one, ("list",)) for one in given)
    elif function in SHORT:
        fine = not any(isinstance(one, (Made, Tuple)) or len(text(one)) > LETTERS for one in given)
    elif function == SUBCLASS:
        fine = len(given) == 4 and isinstance(given[2], Tuple) and given[0] in REBUILT and not _writes(given[3])
        if fine:
            refuse(given[0], given[2].items)
    elif function == ENCODE:
        fine = len(given) < 2 or (len(given) == 2 and given[1] in ENCODINGS)
    elif function == BYTES:
        fine = len(given) < 2 or (len(given) == 2 and given[1] in ENCODINGS)
        fine = fine and all(isinstance(one, (str, bytes)) or _plain(one, (ENCODE,)) for one in given)
    elif function == PARAMETER:
        fine = not given or isinstance(given[0], Made)
    elif roomy(function):
        fine = not given
    else:
        fine = not function.startswith("torch._utils.")
    if not fine:
        raise OpcodeError(f"calls {str(function)[:60]} in a way of its own")


def _within(storage: Any, offset: Any, size: Any, stride: Any) -> bool:
    """Whether a tensor lies within its storage, which would be made larger otherwise."""
    if not isinstance(storage, Storage) or not isinstance(size, Tuple) or not isinstance(stride, Tuple):
        return False
    numbers = (offset, *size.items, *stride.items)
    if not all(type(number) is int and number >= 0 for number in numbers) or len(size.items) != len(stride.items):
        return False
    last = offset + sum((side - 1) * step for side, step in zip(size.items, stride.items, strict=True))
    return last < storage.numbers or 0 in size.items


def _plain(one: Any, by: Sequence[str]) -> bool:
    return isinstance(one, Tuple) or (isinstance(one, Made) and one.by in by)


def _writes(state: Any) -> bool:
    """Whether attributes that are set on a tensor copy numbers."""
    parts = state.items if isinstance(state, Tuple) else (state,)
    return any(name in WRITES for part in parts if isinstance(part, Made) for name in part.held if type(name) is str)


def numbers(size: Tuple) -> int:
    """How many numbers a tensor of that size has, as far as PyTorch can count."""
    count = 0 if 0 in size.items else 1
    for side in size.items:
        count = min(count * side, MOST)
    return count


def text(one: Any) -> str | bytes:
    """The value itself where it is a text or bytes, else none."""
    return one if isinstance(one, (str, bytes)) else ""


def values(one: Any) -> Sequence[Any]:
    """What a tuple, list, set or mapping has; of a mapping its keys."""
    return one.items if isinstance(one, Tuple) else one.held if isinstance(one, Made) else ()


def copied(given: Sequence[Any]) -> int:
    """How many values are visited where these are copied, and what is in them as well."""
    count = len(given)
    for one in given:
        inside = values(one)
        count += len(inside)
        for value in inside:
            if isinstance(value, (Tuple, Made)):
                count += len(value[0] if isinstance(value, Tuple) else value.held)
    return count


def keys(one: Any) -> list[Any]:
    """What is hashed where a mapping is made of it: its own keys, the first of each pair, or maybe both."""
    inside = values(one)
    first = [values(pair)[0] for pair in inside if values(pair)]
    if isinstance(one, Tuple) or one.by in ("list", SET):
        return first
    return list(inside) if one.by in MAPPINGS else [*inside, *first]


def size(function: str, given: Sequence[Any]) -> int:
    """How many bytes a call makes, of a tensor how many numbers it has."""
    if function in (ENCODE, BYTES):
        return sum(one.size if isinstance(one, Made) else len(text(one)) for one in given[:1])
    if function == SUBCLASS:
        return size(given[0], given[2].items)
    if function in VIEWS:
        return numbers(given[2])
    parts = values(given[1]) if function == SPARSE else given[:1] if function in (*REBUILT, PARAMETER) else ()
    return sum(one.size for one in parts if isinstance(one, Made))


def tensors(by: str) -> bool:
    """Whether what was made so is a tensor that a pickle may not change any more."""
    return by in REBUILT or by == SUBCLASS or roomy(by)


def roomy(function: str) -> bool:
    """Whether it is a class of tensors or storages, which take as much room as they are told to."""
    return function.startswith("torch.") and function.endswith(("Tensor", "Storage"))
