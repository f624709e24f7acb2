"""A tensor of an ONNX file: its shape and type held against the bytes there are, before any memory is taken."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnnviz.models.foreign.graph import ForeignError, printable

RANK = 8
SHARED = 1 << 20  # bytes; a larger tensor lies in the very bytes that were read
# ONNX's number of a type -> torch's type, the field that holds it where it is not raw, and what that field is read as
TYPES: dict[int, tuple[torch.dtype, str, torch.dtype]] = {
    1: (torch.float32, "float_data", torch.float32),
    2: (torch.uint8, "int32_data", torch.int32),
    3: (torch.int8, "int32_data", torch.int32),
    6: (torch.int32, "int32_data", torch.int32),
    7: (torch.int64, "int64_data", torch.int64),
    9: (torch.bool, "int32_data", torch.int32),
    10: (torch.float16, "int32_data", torch.int32),
    11: (torch.float64, "double_data", torch.float64),
    16: (torch.bfloat16, "int32_data", torch.int32),
}
HALVES = (torch.float16, torch.bfloat16)
FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def dtype(number: int, name: str) -> torch.dtype:
    """The type of that number in ONNX. Raises `ForeignError` for text, complex numbers, and those of a few bits."""
    if number not in TYPES:
        raise ForeignError(f"{printable(name)} is of a type that is not read (number {number} of ONNX's types).")
    return TYPES[number][0]


def tensor(proto: Any) -> Tensor:
    """A TensorProto's numbers; floating ones as float32.

    Raises `ForeignError` where they lie in another file, or do not fit the shape and type that are said.
    """
    name = proto.name
    if proto.data_location or len(proto.external_data):
        raise ForeignError(
            f"The weights of {printable(name)} lie in another file; export the network with external_data=False."
        )
    kind = dtype(proto.data_type, name)
    shape = tuple(proto.dims)
    if len(shape) > RANK or min(shape, default=0) < 0:
        raise ForeignError(f"The tensor {printable(name)} has an impossible shape; export the network again.")
    count = math.prod(shape)
    raw = proto.HasField("raw_data")
    if proto.HasField("segment") or [field for field in FIELDS if len(getattr(proto, field))] not in (
        [[]] if raw else [[], [TYPES[proto.data_type][1]]]
    ):
        raise ForeignError(f"The tensor {printable(name)} is written in two ways; export the network again.")
    found = _raw(proto.raw_data, kind, count, name) if raw else _typed(proto, kind, count)
    return found.reshape(shape)


def _raw(data: bytes, kind: torch.dtype, count: int, name: str) -> Tensor:
    if len(data) != count * kind.itemsize:
        raise _unfit(name)
    if not count:
        return torch.empty(0, dtype=_read_as(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that bytes cannot be written to; nobody else has these
        found = torch.frombuffer(data, dtype=torch.uint8 if kind == torch.bool else kind)
    if kind == torch.bool:
        return found != 0
    if found.dtype != (kind := _read_as(kind)):
        return found.to(kind)
    return found.clone() if len(data) < SHARED else found


def _typed(proto: Any, kind: torch.dtype, count: int) -> Tensor:
    _, field, written = TYPES[proto.data_type]
    if len(values := getattr(proto, field)) != count:
        raise _unfit(proto.name)
    found = torch.from_numpy(np.fromiter(values, dtype=str(written).removeprefix("torch."), count=count))
    if kind in HALVES:  # the bits of a half, each in an integer
        return found.to(torch.int16).view(kind).to(torch.float32)
    return found != 0 if kind == torch.bool else found.to(_read_as(kind))


def _read_as(kind: torch.dtype) -> torch.dtype:
    return torch.float32 if kind.is_floating_point else kind


def _unfit(name: str) -> ForeignError:
    return ForeignError(f"The tensor {printable(name)} has more or fewer numbers than its shape; export it again.")
