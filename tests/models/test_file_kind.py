"""A sound file of another kind is called what it is, with what to do; nothing is called damaged that is not."""

from __future__ import annotations

import pickle
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnviz.models import checkpoint, file_kind, load
from cnnviz.models.checkpoint import CheckpointError
from cnnviz.options import RequestError


def zipped(*members: str) -> object:
    def write(path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in members:
                archive.writestr(name, "")

    return write


def saved(module: str, name: str) -> Callable[[Path], None]:
    """What writes a pickled module whose class is another library's, which is not installed."""

    def write(path: Path) -> None:
        kind = type(name, (nn.Sequential,), {"__module__": module})
        with pytest.MonkeyPatch.context() as patch:
            for package in (module.partition(".")[0], module.rpartition(".")[0], module):
                patch.setitem(sys.modules, package, types.ModuleType(package))
            setattr(sys.modules[module], name, kind)
            torch.save({"model": kind(nn.Linear(2, 2)), "epoch": 3}, path)

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
    "TensorRT": lambda path: path.write_bytes(b"ftrt" + bytes(99)),
    "detectron2": lambda path: path.write_bytes(pickle.dumps({"model": {"stem.conv1.weight": np.ones(3)}}, 2)),
    "fastai": saved("fastai.learner", "Learner"),
    "Ultralytics": saved("ultralytics.nn.tasks", "ClassificationModel"),
}
NAMED = {"mlmodel": "Core ML", "engine": "TensorRT", "pb": "TensorFlow", "h5": "HDF5", "pdparams": "Paddle"}


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


@pytest.mark.parametrize("ending", NAMED)
def test_a_file_in_the_weights_folder_is_called_what_it_is_by_its_ending(tmp_path, ending):
    (tmp_path / f"mine.{ending}").write_bytes(b"\x89HDF\r\n\x1a\n" if ending == "h5" else bytes(99))
    for key, place in (
        ("file/mine", tmp_path),
        (f"file/mine.{ending}", tmp_path),
        ("file/mine", tmp_path / f"mine.{ending}"),
    ):
        with pytest.raises(RequestError, match=NAMED[ending]):
            load.load(key, place)


def test_a_checkpoint_is_none_of_them(tmp_path):
    for old in (True, False):
        torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "net.pt", _use_new_zipfile_serialization=old)
        assert file_kind.foreign(tmp_path / "net.pt") == ""
    assert file_kind.foreign(tmp_path / "gone.pt") == ""


@pytest.mark.parametrize("first", [b"\x80\x02", b"\x1f\x8b"])
def test_safetensors_are_told_by_more_than_the_length_they_begin_with(first, tmp_path):
    from safetensors.torch import load_file

    tensors, path = {"fc.weight": torch.ones(2, 3)}, tmp_path / "best.safetensors"
    for spare in range(2**17):  # the header's length is a multiple of 8
        if (2**17 - spare).to_bytes(8, "little").startswith(first):
            header = b'{"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'.ljust(2**17 - spare)
            path.write_bytes(len(header).to_bytes(8, "little") + header + tensors["fc.weight"].numpy().tobytes())
            break
    assert path.read_bytes().startswith(first)
    assert torch.equal(load_file(path)["fc.weight"], tensors["fc.weight"])
    assert file_kind.foreign(path) == ""
    assert list(checkpoint.contents(path).states[0].tensors) == ["fc.weight"]
