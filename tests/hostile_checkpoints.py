"""Checkpoints made to crash, fill or stall whatever reads them, each by a few lines of code; none runs any."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from cnnviz.models import lecture

TORCH = (
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."  # what a file of before torch 1.6 has first
)


def net() -> nn.Module:
    """A small network that is recognised by its tensors."""
    torch.manual_seed(0)
    return lecture.build(lecture.NETS["mnist_gap"])


def zipped(pickled: bytes, records: Mapping[str, bytes] | None = None) -> bytes:
    """A torch file with that pickle and these storages."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        out.writestr("net/data.pkl", pickled)
        out.writestr("net/version", b"3\n")
        for name, content in (records or {}).items():
            out.writestr(f"net/data/{name}", content)
    return data.getvalue()


def saved(found: object, old: bool = False) -> bytes:
    """A file as torch.save writes it."""
    data = io.BytesIO()
    torch.save(found, data, _use_new_zipfile_serialization=not old)
    return data.getvalue()


def text(words: str) -> bytes:
    """A string, pickled."""
    data = words.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def called(name: str, arguments: bytes) -> bytes:
    """What a function of that name gives for a tuple of pickled arguments."""
    module, _, last = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n" + arguments + b"R"


def state(key: bytes, value: bytes) -> bytes:
    """A pickled dictionary of one entry."""
    return b"\x80\x02}" + key + value + b"s."


def number(value: int) -> bytes:
    """A whole number of up to 255 bytes, pickled."""
    return pickle.LONG1 + bytes([len(pickle.encode_long(value))]) + pickle.encode_long(value)


def storage(name: str, numbers: int, kind: str = "FloatStorage") -> bytes:
    """A storage of the file, pickled; it claims so many numbers."""
    named = f"ctorch\n{kind}\n".encode()
    return b"(" + text("storage") + named + text(name) + text("cpu") + number(numbers) + b"tQ"


def tensor(name: str, held: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A tensor on such a storage, pickled."""

    def tuple_of(numbers: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, numbers)) + b"t"

    hooks = b"ccollections\nOrderedDict\n)R"
    parts = storage(name, held) + number(0) + tuple_of(shape) + tuple_of(strides) + b"\x89" + hooks
    return called("torch._utils._rebuild_tensor_v2", b"(" + parts + b"t")


def safetensors(entries: Mapping[str, object], data: bytes) -> bytes:
    """A safetensors file with that header and these bytes."""
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + data


def _doubled(times: int) -> bytes:
    """A tuple of two of the same, so many times: hashing it takes 2 ** times steps."""
    return b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(times))


def _mappings_of_one_another() -> bytes:
    """Dictionaries of a thousand entries, each of which is the same next one."""
    lines = b"\x80\x02}q\x00"
    for level in range(1, 6):
        entries = b"".join(text(str(i)) + b"h" + bytes([level - 1]) for i in range(1000))
        lines += b"}q" + bytes([level]) + b"(" + entries + b"u"
    return lines + b"."


def _shadowing(value: bytes) -> bytes:
    """A sound network in a mapping whose methods are hidden by attributes of that value."""
    tensors, entries, records = net().state_dict(), b"", {}
    for index, (name, weight) in enumerate(tensors.items()):
        records[str(index)] = weight.numpy().tobytes()
        entries += text(name) + tensor(str(index), weight.numel(), tuple(weight.shape), weight.stride())
    hidden = b"".join(text(name) + value for name in ("items", "keys", "get", "values", "__iter__", "update"))
    mapping = b"ccollections\nOrderedDict\n)R(" + entries + b"u}(" + hidden + b"ub"
    return zipped(b"\x80\x02}(" + text("state_dict") + mapping + text("args") + mapping + b"u.", records)


def _own_attribute() -> bytes:
    tensors = dict(net().state_dict())
    weight = nn.Parameter(tensors["conv2.weight"])
    weight.numel = OrderedDict  # type: ignore[method-assign, assignment]
    weight.is_floating_point = torch.Size  # type: ignore[method-assign, assignment]
    return saved(tensors | {"conv2.weight": weight})


def _negated() -> bytes:
    tensors = net().state_dict()
    tensors["conv2.weight"] = torch.complex(tensors["conv2.weight"], tensors["conv2.weight"]).conj().imag
    assert tensors["conv2.weight"].is_neg()
    return saved(tensors)


def _names(count: int, length: int) -> bytes:
    return saved({f"{'x' * length}{i}.weight": torch.zeros(2, 2) for i in range(count)})


def _float4() -> bytes:
    return safetensors({"0.weight": {"dtype": "F4", "shape": [4, 2], "data_offsets": [0, 4]}}, bytes(4))


MILLION = 1_000_000
CORPUS: Mapping[str, tuple[str, Callable[[], bytes]]] = {  # what it is: the ending of its name, and its bytes
    "a key that is a tuple a million deep": (
        ".pth",
        lambda: zipped(state(b")" + b"\x85" * MILLION, b"N")),
    ),
    "the same as an old file": (
        ".pth",
        lambda: TORCH + state(b")" + b"\x85" * MILLION, b"N") + b"\x80\x02].",
    ),
    "lists a hundred thousand deep": (".pth", lambda: zipped(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")),
    "a key of doubled tuples": (".pth", lambda: zipped(state(_doubled(60), b"N"))),
    "a kilobyte of 1.5 GB of zeros": (
        ".pth",
        lambda: zipped(
            b"\x80\x02}("
            + b"".join(text(str(i)) + called("__builtin__.bytearray", number(150_000_000) + b"\x85") for i in range(10))
            + b"u."
        ),
    ),
    "the same by way of a subclass": (
        ".pth",
        lambda: zipped(
            state(
                text("a"),
                called(
                    "torch._tensor._rebuild_from_type_v2",
                    b"(c__builtin__\nbytearray\nc__builtin__\nbytearray\n" + number(1 << 31) + b"\x85)t",
                ),
            )
        ),
    ),
    "a tensor class that is called with a size": (
        ".pth",
        lambda: zipped(state(text("a"), called("torch.FloatTensor", number(1 << 31) + b"\x85"))),
    ),
    "a storage class that is called with a size": (
        ".pth",
        lambda: zipped(state(text("a"), called("torch.storage.UntypedStorage", number(1 << 33) + b"\x85"))),
    ),
    "a slow encoding": (
        ".pth",
        lambda: zipped(
            state(
                text("a"),
                called(
                    "_codecs.encode", text("".join(map(chr, range(0x4E00, 0x9E00))) * 8) + text("punycode") + b"\x86"
                ),
            )
        ),
    ),
    "a storage larger than its bytes": (
        ".pth",
        lambda: zipped(
            state(text("a.weight"), tensor("0", 1 << 20, (1 << 10, 1 << 10), (1 << 10, 1))), {"0": bytes(4)}
        ),
    ),
    "an old file whose storage is larger than the file": (
        ".pth",
        lambda: (
            TORCH
            + state(text("a.weight"), tensor("0", 1 << 33, (1 << 33, 1), (1, 1)))
            + b"\x80\x02]"
            + text("0")
            + b"a."
        ),
    ),
    "one value many times over": (
        ".pth",
        lambda: zipped(state(text("a.weight"), tensor("0", 1, (1 << 17, 1 << 17), (0, 0))), {"0": bytes(4)}),
    ),
    "a key of repeated prefixes": (".pth", lambda: saved({"module." * 200_000 + "0.weight": torch.zeros(4, 2)})),
    "the same as safetensors": (
        ".safetensors",
        lambda: safetensors(
            {"module." * 200_000 + "0.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}}, bytes(32)
        ),
    ),
    "a key of five million letters": (".pth", lambda: _names(1, 5_000_000)),
    "the same again as safetensors": (
        ".safetensors",
        lambda: safetensors({"x" * 5_000_000: {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}}, bytes(32)),
    ),
    "mappings of the same mappings": (".pth", lambda: zipped(_mappings_of_one_another())),
    "names that shadow the methods of a mapping, as numbers": (".pth", lambda: _shadowing(b"K\x05")),
    "names that shadow the methods of a mapping, as text": (".pth", lambda: _shadowing(text("x"))),
    "names that shadow the methods of a mapping, as nothing": (".pth", lambda: _shadowing(b"N")),
    "names that shadow the methods of a mapping, as a mapping": (".pth", lambda: _shadowing(b"}")),
    "tensors whose attributes are classes": (".pth", _own_attribute),
    "negated views": (".pth", _negated),
    "float4": (".safetensors", _float4),
    "keys with the same hash": (
        ".pth",
        lambda: zipped(b"\x80\x02}(" + b"".join(number((2**61 - 1) * i) + b"N" for i in range(1, 40_000)) + b"u."),
    ),
    "a hundred thousand dimensions": (
        ".safetensors",
        lambda: safetensors({"a": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]}}, bytes(4)),
    ),
    "a header that is nested deep": (
        ".safetensors",
        lambda: struct.pack("<Q", 200_006) + b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ),
}
READABLE = {name for name in CORPUS if name.startswith(("names that shadow", "tensors whose", "negated"))}


def write(name: str, place: Path, stem: str = "hostile") -> Path:
    """The file of that name, in a folder."""
    ending, made = CORPUS[name]
    path = place / f"{stem}{ending}"
    path.write_bytes(made())
    return path
