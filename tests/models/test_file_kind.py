"""A sound file of another kind is called what it is, with what to do; nothing is called damaged that is not."""

from __future__ import annotations

import zipfile

import pytest
import torch
from torch import nn

from cnnviz.models import checkpoint, file_kind
from cnnviz.models.checkpoint import CheckpointError


def zipped(*members: str) -> object:
    def write(path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in members:
                archive.writestr(name, "")

    return write


MADE = {
    "TorchScript": lambda path: torch.jit.script(nn.Linear(2, 2)).save(str(path)),
    "HDF5": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)),
    "Keras": zipped("config.json", "model.weights.h5", "metadata.json"),
    "ONNX": lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch" + bytes(99)),
    "torch.export": zipped("net/models/model.json", "net/version"),
    "Lite": lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(99)),
    "Git LFS": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "web page": lambda path: path.write_bytes(b"<!DOCTYPE html><html>"),
    "gzip": lambda path: path.write_bytes(b"\x1f\x8b" + bytes(99)),
    "an image": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)),
    "a zip archive": zipped("pets/cat/1.jpg"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MADE)
def test_a_file_is_called_what_it_is(tmp_path, kind):
    path = tmp_path / "net.pt"
    MADE[kind](path)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(path)
    assert kind in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "readable" not in str(caught.value)


def test_a_checkpoint_is_none_of_them(tmp_path):
    for old in (True, False):
        torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "net.pt", _use_new_zipfile_serialization=old)
        assert file_kind.foreign(tmp_path / "net.pt") == ""
    assert file_kind.foreign(tmp_path / "gone.pt") == ""
