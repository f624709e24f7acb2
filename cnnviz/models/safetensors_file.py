"""The tensors of a .safetensors file, in memory of their own.

The library maps the file instead: a file that is overwritten in place while its network is in use, as the snapshots of
a running training and replaced checkpoints are, changes the network's weights, and one that is truncated ends the
process with a bus error.
"""

from __future__ import annotations

import json
import math
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.weights import META

LONGEST = 100_000_000  # bytes of a header, as the format has it
LONGEST_NAME = 1000  # characters
RANK = 64  # dimensions of a tensor, as PyTorch has it


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, each in memory of its own. Raises `ValueError` or `OSError` where it has none."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= LONGEST:
            raise ValueError(f"a header of {size} bytes")
        entries = _entries(file.read(size))
        start, total = 8 + size, file.seek(0, 2)
        tensors, end = {}, 0
        for name, entry in sorted(entries.items(), key=lambda named: _places(*named)):
            begin, stop = _places(name, entry)
            if begin != end or stop > total - start:
                raise ValueError(f"{name} lies outside the file or over another tensor")
            tensors[name] = _tensor(file, start + begin, stop - begin, name, entry)
            end = stop
    if end != total - start:
        raise ValueError(f"{total - start - end} bytes belong to no tensor")
    return tensors


def _entries(header: bytes) -> dict[str, Any]:
    """What the header says of each tensor."""
    try:
        entries = json.loads(header)
    except (ValueError, RecursionError):
        raise ValueError("its header is not JSON") from None
    if not isinstance(entries, dict):
        raise ValueError("its header is no table")
    entries.pop(META, None)
    if (longest := max(map(len, entries), default=0)) > LONGEST_NAME:
        raise ValueError(f"a name of {longest:,} characters")
    return entries


def _places(name: str, entry: Any) -> tuple[int, int]:
    """Where the bytes of a tensor begin and end behind the header."""
    places: Any = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (_counts(places) and len(places) == 2 and places[0] <= places[1]):
        raise ValueError(f"{name[:60]} has no place in it")
    return places[0], places[1]


def _tensor(file: BufferedReader, start: int, size: int, name: str, entry: dict[str, Any]) -> Tensor:
    """One tensor, its bytes read from `start`."""
    shape: Any = entry.get("shape")
    kind: Any = entry.get("dtype")
    dtype = DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise ValueError(f"{name[:60]} is of type {str(kind)[:20]}")
    if not (_counts(shape) and len(shape) <= RANK) or math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{name[:60]} has {size} bytes, which its shape does not fit")
    values = torch.empty(size, dtype=torch.uint8)
    file.seek(start)
    if size and file.readinto(values.numpy().data) != size:
        raise ValueError(f"it ends within {name[:60]}")
    return values.view(dtype).reshape(shape)


def _counts(numbers: Any) -> bool:
    """Whether this is a list of whole numbers from 0."""
    return isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers)


DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
