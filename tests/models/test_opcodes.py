"""What a pickle would do is told before anything is made, and sound ones are followed to their end."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

from cnnviz.models import opcodes
from cnnviz.models.opcodes import OpcodeError
from tests.hostile_checkpoints import called, net, number, tensor, text


def surveyed(lines: bytes) -> dict[str, int]:
    return opcodes.survey(io.BytesIO(lines))


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, True, None, "x", b"y", (1, (2, 3)), {4, 5}], 3: {"deep": {}}},
        {("a", 1): -5, 2**60: "large"},
        [torch.Size([1, 2]), torch.float32, torch.device("cpu")],
        bytearray(b"some bytes"),
    ],
)
def test_plain_values_are_followed(value):
    assert surveyed(pickle.dumps(value, protocol=2)) == {}


def test_the_storages_of_a_state_dict_are_told_with_their_bytes():
    data = io.BytesIO()
    state = net().state_dict()
    torch.save(state | {"half": torch.zeros(3, 5, dtype=torch.float16), "view": state["conv2.weight"][1:, 2]}, data)
    data.seek(0)
    read = torch._C.PyTorchFileReader(data).get_record("data.pkl")
    storages = surveyed(read)
    assert sorted(storages.values()) == sorted([*(weight.nbytes for weight in state.values()), 30])


@pytest.mark.parametrize("cut", [1, 5, 17, 40])
def test_a_pickle_that_breaks_off_is_a_broken_one(cut):
    with pytest.raises(OpcodeError, match=r"^$"):
        surveyed(pickle.dumps({"a": [1, "x"], "bb": (1, 2)}, protocol=2)[:-cut])


def test_a_step_that_pytorch_does_not_read_is_a_broken_one():
    with pytest.raises(OpcodeError, match=r"^$"):
        surveyed(pickle.dumps({"a": 1}, protocol=4))


def test_steps_are_bounded():
    with pytest.raises(OpcodeError, match="more than 100 steps"):
        opcodes.survey(io.BytesIO(pickle.dumps(list(range(200)), protocol=2)), steps=100)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("builtins.bytearray", number(1 << 31) + b"\x85"),
        ("__builtin__.bytearray", b"\x8a\x04\0\0\0\x40\x85"),
        ("torch.FloatTensor", b"K\x05\x85"),
        ("torch.nn.parameter.Parameter", b"K\x05\x85"),
        ("torch.storage.UntypedStorage", b"K\x05\x85"),
        ("torch._utils._rebuild_device_tensor_from_cpu_tensor", b"K\x05\x85"),
        ("torch._utils._rebuild_wrapper_subclass", b"K\x05\x85"),
        ("_codecs.encode", text("a") + text("bz2") + b"\x86"),
        ("_codecs.encode", b"(" + text("a") + text("ascii") + text("namereplace") + b"t"),
        ("__builtin__.bytearray", text("a") + text("punycode") + b"\x86"),
        ("__builtin__.set", text("a") + b"\x85"),
        ("__builtin__.complex", text("1" * 5000) + b"\x85"),
    ],
)
def test_what_makes_much_of_little_is_refused(function, arguments):
    for code in (b"R", b"\x81"):
        with pytest.raises(OpcodeError, match="calls"):
            surveyed(b"\x80\x02" + called(function, arguments)[:-1] + code + b".")


COLLIDING = 2000  # each is compared with all before it


def colliding(kind: str) -> list[bytes]:
    """So many pickled values of one hash."""
    if kind == "numbers":
        return [number((2**61 - 1) * i) for i in range(1, COLLIDING)]
    if kind == "complex":
        floats = [struct.pack(">d", part) for i in range(COLLIDING) for part in (-1000003.0 * i, float(i))]
        pairs = zip(floats[::2], floats[1::2], strict=True)
        return [called("__builtin__.complex", b"G" + real + b"G" + imaginary + b"\x86") for real, imaginary in pairs]
    if kind == "tuples":
        return [number(i) + b"\x85" for i in range(COLLIDING)]
    return [called("torch.Size", b"]" + number(i) + b"a\x85") for i in range(COLLIDING)]


def test_the_values_of_one_hash_have_one():
    values = [complex(-1000003.0 * i, i) for i in range(COLLIDING)]
    assert len({hash(value) for value in values}) == 1
    assert len({hash((2**61 - 1) * i) for i in range(1, COLLIDING)}) == 1


@pytest.mark.parametrize("kind", ["numbers", "complex", "tuples", "sizes"])
@pytest.mark.parametrize("way", ["set", "tuple", "counter", "pairs", "lists of two", "attributes", "names"])
def test_values_of_one_hash_are_refused_however_they_come_to_be_hashed(kind, way):
    found = colliding(kind)
    several = b"](" + b"".join(found) + b"e"
    pairs = b"](" + b"".join(value + b"N\x86" for value in found) + b"e"
    lists = b"](" + b"".join(b"](" + value + b"Ne" for value in found) + b"e"
    lines = {
        "set": called("__builtin__.set", several + b"\x85"),
        "tuple": called("__builtin__.set", b"(" + b"".join(found) + b"t\x85"),
        "counter": called("collections.Counter", several + b"\x85"),
        "pairs": called("collections.OrderedDict", pairs + b"\x85"),
        "lists of two": called("collections.OrderedDict", lists + b"\x85"),
        "attributes": called("collections.OrderedDict", b")") + pairs + b"b",
        "names": b"}(" + b"".join(value + b"N" for value in found) + b"u",
    }[way]
    with pytest.raises(OpcodeError, match="more than 1,000 names"):
        surveyed(b"\x80\x02" + lines + b".")


MANY = 1000
SHARED = b"(" + b"K\x01" * 1000 + b"e"  # the values of a list


@pytest.mark.parametrize(
    ("what", "each"),
    [
        (b"]" + SHARED, called("__builtin__.set", b"h\0\x85")),
        (b"]" + SHARED, called("torch.Size", b"h\0\x85")),
        (b"]" + SHARED, called("collections.Counter", b"h\0\x85")),
        (b"}(" + b"".join(number(i) + b"N" for i in range(1000)) + b"u", called("collections.OrderedDict", b"h\0\x85")),
        (
            b"}(" + b"".join(number(i) + b"N" for i in range(1000)) + b"u",
            called("collections.OrderedDict", b")") + b"h\0b",
        ),
        (
            b"}(" + b"".join(text(str(i)) + b"N" for i in range(1000)) + b"u",
            called("argparse.Namespace", b")") + b"h\0b",
        ),
        (b"(" + b"K\x01" * 1000 + b"t", called("argparse.Namespace", b"")[:-1] + b"h\0R"),
        (text("x" * 10_000), called("_codecs.encode", b"h\0" + text("latin1") + b"\x86")),
        (text("x" * 10_000), called("__builtin__.bytearray", b"h\0" + text("latin1") + b"\x86")),
        (
            called("_codecs.encode", text("x" * 10_000) + text("latin1") + b"\x86"),
            called("__builtin__.bytearray", b"h\0\x85"),
        ),
    ],
)
def test_what_is_shared_is_not_copied_many_times_over(what, each):
    """A file of some kilobytes would make a million values of it, or ten million bytes; a larger one, gigabytes."""
    lines = b"\x80\x02" + what + b"q\0" + b"](" + each * MANY + b"e."
    assert len(lines) < 100_000
    with pytest.raises(OpcodeError, match="many times over"):
        surveyed(lines)
    surveyed(b"\x80\x02" + what + b"q\0" + b"](" + each * 9 + b"e.")


def test_what_is_made_of_as_much_is_let_through():
    """As a set of many words, many small sets, and long bytes are written."""
    value = [{str(i) for i in range(200_000)}, [{i, str(i), (i,)} for i in range(900)], bytes(range(256)) * 20_000]
    value += [bytearray(b"x" * 3_000_000), Counter(map(str, range(50_000))), {-1.5, float("inf"), 2**63}]
    assert surveyed(pickle.dumps(value, protocol=2)) == {}
    assert surveyed(pickle.dumps(bytearray(b"x" * 3_000_000), protocol=2)) == {}


def test_numbers_of_sparse_tensors_are_not_more_than_the_file_has():
    """Each of the indices is visited; a tensor of a storage of one number may have thousands of millions of them."""
    index = tensor("0", 1, (1, 1 << 31), (0, 0))
    layout = called("torch.serialization._get_layout", text("torch.sparse_coo") + b"\x85")
    data = b"(" + index + tensor("1", 1, (1 << 31,), (0,)) + b"K\x08\x85t"
    lines = called("torch._utils._rebuild_sparse_tensor", layout + data + b"\x86")
    with pytest.raises(OpcodeError, match="sparse"):
        surveyed(b"\x80\x02" + lines + b".")
    sparse = io.BytesIO()
    torch.save({"a": torch.eye(2000).to_sparse()}, sparse)
    sparse.seek(0)
    surveyed(torch._C.PyTorchFileReader(sparse).get_record("data.pkl"))


@pytest.mark.parametrize("name", ["real", "imag"])
def test_attributes_that_copy_a_tensor_s_numbers_are_refused(name):
    weight = tensor("0", 4, (2, 2), (2, 1))
    lines = called(
        "torch._utils._rebuild_parameter_with_state", b"(" + weight + b"\x89N}" + text(name) + weight + b"st"
    )
    with pytest.raises(OpcodeError, match="calls"):
        surveyed(b"\x80\x02" + lines + b".")


def test_names_that_are_wide_tuples_are_bounded_together():
    """They may be compared value by value with all before them."""
    wide = [b"(" + b"K\x01" * 900 + number(i) + b"t" for i in range(200)]
    with pytest.raises(OpcodeError, match="names that are tuples of more than"):
        surveyed(b"\x80\x02}(" + b"".join(name + b"N" for name in wide) + b"u.")


def test_a_size_within_tuples_counts_what_hashing_it_visits():
    """A size of a thousand numbers a thousand times in a tuple, and that again: a thousand million visits."""
    size = called("torch.Size", b"(" + b"K\x01" * 1000 + b"t\x85")
    again = b"q\0(" + b"h\0" * 1000 + b"t"
    with pytest.raises(OpcodeError, match="a tuple of more than"):
        surveyed(b"\x80\x02}" + size + again + b"Ns.")


def test_a_long_text_is_put_together_once():
    """Each part was copied with all before it: 300 MB in 20 s."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 100))  # so that few bytes are many parts

    lines = pickle.dumps({"a": "x" * 8_000_000}, protocol=2)
    start = time.process_time()
    assert opcodes.survey(Slow(lines)) == {}
    assert time.process_time() - start < 2.0  # 0.04 s; copied with each part it is 320 thousand million bytes, 7 s


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does")
def test_a_text_of_four_gigabytes_that_is_not_there_takes_no_memory(tmp_path):
    resource = pytest.importorskip("resource")
    file = tmp_path / "x"
    file.write_bytes(b"\x80\x02X\xff\xff\xff\xffabc")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    try:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + (1 << 30), limits[1]))
        with file.open("rb") as opened, pytest.raises(OpcodeError, match=r"^$"):
            opcodes.survey(opened)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_arguments_are_a_tuple():
    with pytest.raises(OpcodeError, match="calls"):
        surveyed(b"\x80\x02c__builtin__\nbytearray\n]K\x05aR.")


def test_a_tensor_lies_within_its_storage_and_stays_there():
    whole = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0a"
        b"X\x03\0\0\0cpuK\x08tQK\x00K%c\x85K\x01\x85\x89N"
    )
    assert surveyed(whole % 8 + b"tR.") == {"a": 32}
    with pytest.raises(OpcodeError, match="calls torch"):
        surveyed(whole % 9 + b"tR.")
    with pytest.raises(OpcodeError, match="after it was made"):
        surveyed(whole % 8 + b"tR}b.")
