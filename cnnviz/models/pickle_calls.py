"""What a pickle may call: what gives tensors within the file's own storages, and small things; here nothing is."""

from __future__ import annotations

from typing import Any, NamedTuple

ENCODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")
SMALL = ("collections.OrderedDict", "collections.Counter", "builtins.set", "builtins.complex", "torch.Size",
         "torch.device", "torch.serialization._get_layout")  # fmt: skip
VIEWS = tuple(f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "qtensor"))
OTHERS = ("parameter", "parameter_with_state", "sparse_tensor", "meta_tensor_no_storage")
REBUILT = (*VIEWS, *(f"torch._utils._rebuild_{name}" for name in OTHERS))  # tensors of storages or tensors of the file
SUBCLASS = "torch._tensor._rebuild_from_type_v2"
PARAMETER = "torch.nn.parameter.Parameter"


class OpcodeError(ValueError):
    """A pickle does what no checkpoint does: its message says what, and is empty where the pickle is a broken one."""


class Name(str):
    """A class or function, by its dotted name."""


class Made(NamedTuple):
    """Something that was made by what has that name; what it holds is not followed."""

    by: str


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
        fine = function not in VIEWS or _within(*given[:4])
    elif function in SMALL:
        fine = all(not isinstance(one, Made) or one.by in ("list", "dict", "set", *SMALL[:3]) for one in given)
    elif function == SUBCLASS:
        fine = len(given) == 4 and isinstance(given[2], Tuple) and given[0] in REBUILT
        if fine:
            refuse(given[0], given[2].items)
    elif function == "_codecs.encode":
        fine = len(given) < 2 or given[1] in ENCODINGS
    elif function == "builtins.bytearray":
        fine = all(isinstance(one, (str, bytes)) or one == Made("_codecs.encode") for one in given)
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


def tensors(by: str) -> bool:
    """Whether what was made so is a tensor that a pickle may not change any more."""
    return by in REBUILT or by == SUBCLASS or roomy(by)


def roomy(function: str) -> bool:
    """Whether it is a class of tensors or storages, which take as much room as they are told to."""
    return function.startswith("torch.") and function.endswith(("Tensor", "Storage"))
