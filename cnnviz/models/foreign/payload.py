"""The tensors of a .pt2 file: raw bytes, laid out as the file says, and never more of them than it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cnnviz.models.foreign.archive import LARGEST, Archive
from cnnviz.models.foreign.graph import ForeignError, printable

DTYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32,
    8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip  # as torch's export schema numbers them; no complex, quantised or 8-bit floating ones
STRIDED = 7
RANK = 8
REPEATED = 1 << 20  # bytes up to which a tensor may show the same memory several times
TIMES, SPARE = 4, 64 << 20  # all tensors take at most so many times the file's bytes, as half floats double, and more


def tensors(archive: Archive, model: str) -> tuple[dict[str, Tensor], frozenset[str]]:
    """All weights and constants by name, floating ones as float32, and the names of those that are no parameters.

    Raises `ForeignError` for pickled ones and for what its bytes do not hold.
    """
    found: dict[str, Tensor] = {}
    buffers, taken = set(), 0
    for folder in ("weights", "constants"):
        if f"data/{folder}/{model}.pt" in archive.entries:
            raise ForeignError(
                f"{archive.name} keeps its {folder} pickled, as torch 2.8 does, and is not opened; "
                "export it again with torch 2.9 or later."
            )
        said = archive.words(f"data/{folder}/{model}_{folder}_config.json")["config"]
        if not isinstance(said, dict):
            raise archive.damaged()
        loaded: dict[str, bytearray] = {}
        made: dict[object, Tensor] = {}
        left = _uses(said)
        for name, entry in said.items():
            path = entry["path_name"]
            if entry["use_pickle"] or not isinstance(path, str) or not path.startswith(("weight_", "tensor_")):
                raise ForeignError(
                    f"{archive.name} keeps {printable(name)} pickled, which can run code, and is not opened; "
                    "save plain tensors."
                )
            meta = entry["tensor_meta"]
            key = (path, repr(meta))
            if key not in made:
                if path not in loaded:
                    loaded[path] = archive.bytes(f"data/{folder}/{path}", LARGEST)
                made[key] = _laid(loaded[path], meta, name)
                taken += made[key].nbytes
                if taken > TIMES * archive.size + SPARE:
                    raise ForeignError(f"{archive.name} shows its tensors as more than it holds; export it again.")
            left[path] -= 1
            if not left[path]:
                loaded.pop(path, None)
            if name in found:
                raise ForeignError(f"{archive.name} has the tensor {printable(name)} twice; export it again.")
            found[name] = made[key]
            if not entry["is_param"]:
                buffers.add(name)
    return found, frozenset(buffers)


def whole(said: Any) -> int:
    """A size that the file gives as {"as_int": 3}, or with a hint where it is free."""
    number = said["as_int"] if "as_int" in said else said["as_expr"]["hint"]["as_int"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**48:
        raise ValueError("no size")
    return number


def _uses(said: Mapping[str, Any]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for entry in said.values():
        path = entry["path_name"]
        counts[path] = counts.get(path, 0) + 1
    return counts


def _laid(content: bytearray, meta: Mapping[str, Any], name: str) -> Tensor:
    """A tensor as its description lays it over the bytes of its storage."""
    dtype = DTYPES.get(meta["dtype"]) if isinstance(meta["dtype"], int) else None
    if dtype is None or meta["layout"] != STRIDED:
        raise ForeignError(f"The file's {printable(name)} is of a type or layout that is not read; save it as float32.")
    sizes, strides = [whole(one) for one in meta["sizes"]], [whole(one) for one in meta["strides"]]
    offset = whole(meta["storage_offset"])
    if len(sizes) != len(strides) or len(sizes) > RANK:
        raise ValueError("strides do not go with sizes")
    count, width = math.prod(sizes), torch.empty((), dtype=dtype).element_size()
    if count == 0:
        raise ForeignError(f"The file's {printable(name)} is empty; export the network again.")
    if not content:
        raise ForeignError(
            f"The file's {printable(name)} has no values, only a shape; export the network with weights."
        )
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if len(content) % width or last >= len(content) // width or count * width > max(len(content), REPEATED):
        raise ForeignError(f"The file's {printable(name)} does not fit its bytes; export the network again.")
    if dtype is torch.bool and max(content) > 1:
        raise ForeignError(f"The file's {printable(name)} is not true or false; export the network again.")
    laid = torch.frombuffer(content, dtype=dtype).as_strided(sizes, strides, offset)
    return laid.float().contiguous() if dtype.is_floating_point else laid.contiguous()
