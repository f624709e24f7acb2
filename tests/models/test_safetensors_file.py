"""A .safetensors file read into memory of its own, held to the format's own library."""

import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.models import safetensors_file

IN_USE = """
import sys, torch
from pathlib import Path
from cnnviz.models import checkpoint
state = checkpoint.read(Path(sys.argv[1]))
before = {name: values.clone() for name, values in state.items()}
how = sys.argv[2]
with open(sys.argv[1], "r+b") as file:
    if how == "truncated":
        file.truncate(4096)
    else:
        file.seek(4096)
        file.write(b"\\x01" * 400_000)
assert all(torch.equal(state[name], values) for name, values in before.items())
print("the same")
"""


@pytest.mark.parametrize("how", ["truncated", "overwritten"])
def test_a_file_that_changes_in_place_changes_no_network_in_use_and_ends_no_process(how, tmp_path):
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"weight": torch.randn(300, 1000), "bias": torch.randn(1000)}, path)
    done = subprocess.run([sys.executable, "-c", IN_USE, str(path), how], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr


def test_every_type_is_what_the_library_reads(tmp_path):
    tensors = {
        f"{number}.{name}": torch.randint(0, 2, (3, 5, 2)).to(dtype)
        for number, (name, dtype) in enumerate(safetensors_file.DTYPES.items())
    }
    tensors |= {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 4)}
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    found, wanted = safetensors_file.read(path), safetensors.torch.load_file(path)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name].dtype == values.dtype
        assert found[name].shape == values.shape
        assert torch.equal(found[name].view(torch.uint8), values.view(torch.uint8)) if values.dim() else True
    assert found["scalar"] == 3.5


def good() -> bytes:
    return safetensors.torch.save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)})


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_file_is_read_as_the_library_reads_it_or_refused(place, byte, cut, tmp_path_factory):
    data = bytearray(good())
    data[place % len(data)] = byte
    del data[len(data) - cut :]
    path = tmp_path_factory.mktemp("damaged") / "net.safetensors"
    path.write_bytes(data)
    try:
        found = safetensors_file.read(path)
    except ValueError:
        return
    wanted = safetensors.torch.load(bytes(data))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[k].view(torch.uint8), wanted[k].view(torch.uint8)) for k in wanted)


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": ENTRY | {"data_offsets": [-8, 0]}},
        {"a": ENTRY | {"data_offsets": [0, 2**62]}},
        {"a": ENTRY | {"shape": [2**62, 4]}},
        {"a": ENTRY | {"shape": [-1, -2]}},
        {"a": ENTRY | {"shape": [True, 2]}},
        {"a": ENTRY | {"shape": [2.0]}},
        {"a": ENTRY | {"dtype": "F4"}},
        {"a": ENTRY | {"dtype": ["F32"]}},
        {"a": ENTRY, "b": ENTRY},
        {"a": {"dtype": "F32"}},
        {"a": 3},
        {"a" * 5_000_000: {}},
        {},
        [],
        3,
    ],
    ids=range(15),
)
def test_a_header_that_claims_what_is_not_there_is_refused_in_a_short_sentence(header, tmp_path):
    words = json.dumps(header).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(words).to_bytes(8, "little") + words + b"\0" * 8)
    with pytest.raises(ValueError, match=r".") as refused:
        safetensors_file.read(path)
    assert len(str(refused.value)) < 200
