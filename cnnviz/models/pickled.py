"""What lies in a torch file, as tensors and plain values: nothing of it is imported or called.

It is read by `torch.load(weights_only=True)`. What else was pickled beside the weights (a Namespace of arguments, a
NumPy number, a path, a configuration of one's own class) becomes an inert placeholder, which keeps attributes only.
"""

from __future__ import annotations

import io
import pickle
import re
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnnviz.models import opcodes
from cnnviz.options import RequestError

LARGEST = 8 << 30  # bytes; the largest torchvision CNN has 2.4 GiB
DEEP = 6  # levels of plain values
MOST = 200_000  # entries of mappings within one another
KEPT = (str, bytes, int, float, bool, list, tuple, type(None))
ZIPPED, OLD = b"PK\x03\x04", 5  # how a file begins; pickles that one of before torch 1.6 has, the fourth with all
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

    Raises `CheckpointError` for a damaged file, one that unpacks to more than it should, one that would take more
    memory or time than any checkpoint does, and one with program code.
    """
    try:
        _survey(path)
    except opcodes.OpcodeError as error:
        raise _unread(path, str(error)) if str(error) else damaged(path) from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True), ()
    except pickle.UnpicklingError as error:
        if not re.search("Unsupported (global|class)|GLOBAL", str(error)):
            raise damaged(path) from None
    except Exception:  # torch.load answers damaged files with whatever its parser stumbled over
        raise damaged(path) from None
    return _with_placeholders(path)


def values(path: Path) -> tuple[object, tuple[str, ...]]:
    """The same as `plain` ones, as `read` refuses."""
    found, classes = read(path)
    try:
        return plain(found), classes
    except opcodes.OpcodeError as error:
        raise _unread(path, str(error)) from None


def _survey(path: Path) -> None:
    """Follows what reading a file would do. Raises `CheckpointError`, or `OpcodeError` for what no checkpoint does."""
    with path.open("rb") as file:
        if file.read(4) == ZIPPED:
            sizes = _sizes(path)
            try:
                pickled = torch._C.PyTorchFileReader(str(path)).get_record("data.pkl")  # what torch.load reads
            except RuntimeError:
                raise damaged(path) from None
            for name, claimed in opcodes.survey(io.BytesIO(pickled)).items():
                if claimed > sizes.get(f"data/{name}", claimed):
                    raise opcodes.OpcodeError(f"claims {claimed:,} bytes of numbers where there are fewer")
            return
        file.seek(0)
        found = [opcodes.survey(file) for _ in range(OLD)]
        if (claimed := sum(found[-2].values())) > path.stat().st_size:
            raise opcodes.OpcodeError(f"claims {claimed:,} bytes of numbers where there are fewer")


def _unread(path: Path, what: str) -> CheckpointError:
    """The refusal of a file that would take more memory or time than it may."""
    return CheckpointError(
        f"{path.name} {what}, as no checkpoint does, and was not opened; "
        "save the network's weights anew with torch.save(net.state_dict(), ...)."
    )


def damaged(path: Path) -> CheckpointError:
    """The refusal of a file that breaks off, or is none of torch's."""
    return CheckpointError(f"{path.name} is not a readable checkpoint; save or download it again.")


def plain(value: object, deep: int = DEEP, left: list[int] | None = None) -> object:
    """The same as plain dictionaries and tensors of our own: placeholders as mappings of their attributes.

    A pickled module stays closed. Raises `OpcodeError` for more than `MOST` entries in mappings within one another.
    """
    left = [MOST] if left is None else left
    if isinstance(value, Tensor):
        return tensor(value)
    if isinstance(value, Placeholder):
        attributes: dict[Any, object] = object.__getattribute__(value, "__dict__")
        value = {} if "_modules" in attributes else attributes
    if not isinstance(value, dict):
        return value if type(value) in KEPT else None
    if not deep:
        return {}
    left[0] -= dict.__len__(value)
    if left[0] < 0:
        raise opcodes.OpcodeError(f"has more than {MOST:,} entries")
    return {key: plain(inner, deep - 1, left) for key, inner in dict.items(value) if _short(key)}


def tensor(value: Tensor) -> Tensor:
    """The same numbers as a tensor without attributes, class and views of its own."""
    with torch._C.DisableTorchFunctionSubclass():
        own = torch.Tensor.detach(value)
        return own.resolve_conj().resolve_neg() if own.layout is torch.strided else own


def _short(key: object) -> bool:
    return not isinstance(key, (str, bytes)) or len(key) <= opcodes.NAME


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


def _sizes(path: Path) -> dict[str, int]:
    """The members of a zip archive by name, without the folder that all are in: bytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # of a version that is none, the last
        raise damaged(path) from None
    unpacked = sum(member.file_size for member in members)
    if unpacked > min(LARGEST, 2 * path.stat().st_size + 1_000_000):  # torch stores its tensors uncompressed
        raise CheckpointError(f"{path.name} unpacks to {unpacked} bytes, which no checkpoint does; save it again.")
    sizes = {member.filename.partition("/")[2]: member.file_size for member in members}
    if len(sizes) < len(members):
        raise opcodes.OpcodeError("has two parts of one name")
    return sizes
