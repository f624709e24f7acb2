"""What lies in a torch file, as tensors and plain values: nothing of it is imported or called.

It is read by `torch.load(weights_only=True)`. What else was pickled beside the weights (a Namespace of arguments, a
NumPy number, a path, a configuration of one's own class) becomes an inert placeholder, which keeps attributes only.
"""

from __future__ import annotations

import pickle
import re
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cnnviz.options import RequestError

LARGEST = 8 << 30  # bytes; the largest torchvision CNN has 2.4 GiB
DEEP = 6  # levels of plain values
_TURNS = 40  # unknown names that a file of the older format may have
_LOCK = threading.Lock()  # torch keeps what it may replace for the whole process
_NAME = re.compile(r"GLOBAL ([\w.]+)")


class CheckpointError(RequestError):
    """A checkpoint cannot be read, or does not fit the network."""


class Placeholder:
    """Stands for a pickled object of any class: its state is kept as plain values, its arguments are not."""

    def __init__(self, *arguments: object) -> None:
        self.__dict__["_count"] = len(arguments)

    def __setstate__(self, state: object) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, Mapping):
                self.__dict__.update({key: value for key, value in part.items() if isinstance(key, str)})


class _Dictionary:
    """Stands for a class derived from dict: an empty dict, which is filled with the object's items."""

    def __new__(cls, *arguments: object) -> Any:
        return {}


class _List:
    """Stands for a class derived from list: an empty list, which is filled with the object's items."""

    def __new__(cls, *arguments: object) -> Any:
        return []


KNOWN: Mapping[str, type] = {"collections.defaultdict": _Dictionary, "collections.deque": _List}


def read(path: Path) -> tuple[object, tuple[str, ...]]:
    """The tensors and plain values of a torch file, and the names of the classes it had objects of.

    Raises `CheckpointError` for a damaged file, one that unpacks to more than it should, and one with program code.
    """
    if zipfile.is_zipfile(path):
        _refuse_zip_bomb(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True), ()
    except pickle.UnpicklingError as error:
        if not re.search("Unsupported (global|class)|GLOBAL", str(error)):
            raise damaged(path) from None
    except Exception:  # torch.load answers damaged files with whatever its parser stumbled over
        raise damaged(path) from None
    return _with_placeholders(path)


def damaged(path: Path) -> CheckpointError:
    """The refusal of a file that breaks off, or is none of torch's."""
    return CheckpointError(f"{path.name} is not a readable checkpoint; save or download it again.")


def plain(value: object, deep: int = DEEP) -> object:
    """The same with placeholders as mappings of their attributes; a pickled module stays closed."""
    if isinstance(value, Placeholder):
        value = {} if "_modules" in vars(value) else dict(vars(value))
    if isinstance(value, Mapping) and deep:
        return {key: plain(inner, deep - 1) for key, inner in value.items()}
    return value


def _with_placeholders(path: Path) -> tuple[object, tuple[str, ...]]:
    names = set(_unsafe(path))
    mapped: type = Placeholder  # what an unknown class becomes: some are filled with items as a dict is
    for _ in range(_TURNS):
        stand_ins: list[Any] = [
            (KNOWN.get(name, Placeholder if name.startswith("numpy") else mapped), name) for name in sorted(names)
        ]
        try:
            with _LOCK, torch.serialization.safe_globals(stand_ins):
                return torch.load(path, map_location="cpu", weights_only=True), tuple(sorted(names))
        except pickle.UnpicklingError as error:
            more = _NAME.search(str(error))
            if "SETITEM" in str(error) and mapped is Placeholder:
                mapped = _Dictionary
            elif "is blocked" not in str(error) and more and {more[1], f"builtins.{more[1]}"} - names:
                names |= {more[1], f"builtins.{more[1]}"}
            else:
                break
        except Exception:
            raise damaged(path) from None
    raise CheckpointError(
        f"{path.name} contains program code, not only weights, and was not opened; "
        "save it with torch.save(net.state_dict(), ...) or as .safetensors."
    )


def _unsafe(path: Path) -> list[str]:
    """The names of classes and functions in a file that torch does not know as harmless; read, never looked up."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the older format, whose names come one at a time with each refusal
        return []


def _refuse_zip_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # of a version that is none, the last
        raise damaged(path) from None
    if unpacked > min(LARGEST, 2 * path.stat().st_size + 1_000_000):  # torch stores its tensors uncompressed
        raise CheckpointError(f"{path.name} unpacks to {unpacked} bytes, which no checkpoint does; save it again.")
