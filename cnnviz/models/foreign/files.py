"""Which files hold a whole network, and what to do with those of other programs."""

from __future__ import annotations

import zipfile
from pathlib import Path

from cnnviz.models.foreign import pt2
from cnnviz.models.foreign.graph import ForeignError, Program
from cnnviz.models.weights import WHOLE, ending

READERS = {".pt2": pt2.read}
INSTEAD = 'save it with torch.save(net.state_dict(), "net.pth") or torch.export.save'
KERAS = "convert it to ONNX with tf2onnx or keras' model.export, or copy its weights into a PyTorch network"
SIGNS = (
    (0, b"\x89HDF\r\n\x1a\n", f"is an HDF5 file, as Keras writes it, and cannot be read; {KERAS}."),
    (4, b"TFL3", f"is a TensorFlow Lite network and cannot be read; {KERAS}."),
    (0, b"GGUF", "is a language model's GGUF file and cannot be read; choose a convolutional network."),
    (0, b"\x1f\x8b", "is packed with gzip; unpack it first."),
    (257, b"ustar", "is a tar archive; unpack it first."),
    (0, b"Rar!", "is a RAR archive; unpack it first."),
    (0, b"<!DOCTYPE", "is a web page and no network; download the file itself."),
    (0, b"<html", "is a web page and no network; download the file itself."),
    (0, b"version https://git-lfs", "is a pointer of Git LFS and no network; fetch the file itself with git lfs pull."),
)


def whole(path: Path) -> bool:
    """Whether a file is read as a whole network."""
    return ending(path) in WHOLE or "archive_format" in _members(path)


def read(path: Path) -> Program:
    """The network in a file. Raises `ForeignError` where it cannot be read."""
    if not path.is_file():
        raise ForeignError(f"There is no file {path.name}; check the name and the weights folder.")
    refuse(path)
    return READERS.get(ending(path), pt2.read)(path)


def refuse(path: Path) -> None:
    """Raises `ForeignError` for the sound file of another program, with what to do instead."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return
    for at, sign, sentence in SIGNS:
        if head[at : at + len(sign)] == sign:
            raise ForeignError(f"{path.name} {sentence}")
    members = _members(path)
    if "constants.pkl" in members and "archive_format" not in members:
        raise ForeignError(f"{path.name} is TorchScript, which is program code, and was not opened; {INSTEAD}.")
    if {"config.json", "metadata.json"} <= members or any(name.endswith(".weights.h5") for name in members):
        raise ForeignError(f"{path.name} is a Keras network and cannot be read; {KERAS}.")
    if {"saved_model.pb", "keras_metadata.pb"} & members:
        raise ForeignError(f"{path.name} is a TensorFlow network and cannot be read; {KERAS}.")


def _members(path: Path) -> set[str]:
    """The names in a zip, without the folder that all of them may lie in; none for any other file."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return set()
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, LookupError):
        return set()
    return {part for name in names for part in (name, name.partition("/")[2])}
