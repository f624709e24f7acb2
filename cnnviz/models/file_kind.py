"""What kind of file it is that somebody takes for a checkpoint, told by its first bytes, and what to do with it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

SAVE = "save the network's weights with torch.save(net.state_dict(), ...)"
_MARKS: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", 0, f"an HDF5 file, as Keras writes; convert the network to PyTorch, then {SAVE}"),
    (b"TFL3", 4, f"a TensorFlow Lite model; convert the network to PyTorch, then {SAVE}"),
    (b"GGUF", 0, "a GGUF file, which holds language models; choose a convolutional network"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS, not the file itself; fetch it with git lfs pull"),
    (b"<!DOCTYPE", 0, "a web page; download the file itself, with its direct link"),
    (b"<!doctype", 0, "a web page; download the file itself, with its direct link"),
    (b"<html", 0, "a web page; download the file itself, with its direct link"),
    (b"\x1f\x8b", 0, "compressed with gzip; unpack it first"),
    (b"7z\xbc\xaf", 0, "a 7z archive; unpack it first"),
    (b"Rar!", 0, "a RAR archive; unpack it first"),
    (b"\x89PNG", 0, "an image; add it under Add photos"),
    (b"\xff\xd8\xff", 0, "an image; add it under Add photos"),
    (b"\x93NUMPY", 0, f"a NumPy array; {SAVE}"),
)


def foreign(path: Path) -> str:
    """What a file is that holds no plain weights, and what to do, as the end of a sentence; "" where nothing tells."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        members = zipfile.ZipFile(path).namelist() if head.startswith(b"PK\x03\x04") else []
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return ""
    if members:
        return _zipped([name.partition("/")[2] or name for name in members], members)
    marked = next((words for mark, at, words in _MARKS if head[at:].startswith(mark)), "")
    onnx = b"pytorch" in head or path.suffix.lower() == ".onnx"
    if not marked and head[:1] == b"\x08" and onnx:
        return f"an ONNX file; give it the ending .onnx, or {SAVE}"
    return marked


def _zipped(inner: list[str], members: list[str]) -> str:
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return f"TorchScript, which runs code when it is loaded; {SAVE}, or export it with torch.export"
    if any("serialized_exported_program" in name or name.endswith("models/model.json") for name in members):
        return f"an exported program of torch.export; give it the ending .pt2, or {SAVE}"
    if "model.weights.h5" in members:
        return f"a Keras model; convert the network to PyTorch, then {SAVE}"
    if "data.pkl" not in inner:
        return "a zip archive; unpack it and choose the checkpoint inside"
    return ""
