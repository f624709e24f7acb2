"""What a pickle would do is told before anything is made, and sound ones are followed to their end."""

from __future__ import annotations

import io
import os
import pickle
import sys
from pathlib import Path

import pytest
import torch

from cnnviz.models import opcodes
from cnnviz.models.opcodes import OpcodeError
from tests.hostile_checkpoints import called, net, number, text


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
    ],
)
def test_what_makes_much_of_little_is_refused(function, arguments):
    for code in (b"R", b"\x81"):
        with pytest.raises(OpcodeError, match="calls"):
            surveyed(b"\x80\x02" + called(function, arguments)[:-1] + code + b".")


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
