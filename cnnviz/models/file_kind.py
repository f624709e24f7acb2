"""What kind of file or folder it is that somebody takes for a checkpoint, told by its first bytes, and what to do."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

HEAD = 64  # bytes that tell what a file is
SAVE = "save the network's weights with torch.save(net.state_dict(), ...)"
_CONVERT = f"convert the network to PyTorch, then {SAVE}"
_EXPORT = "export the network it was made from as .onnx, or with torch.export.save(...) as .pt2"
_MARKS: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", 0, f"an HDF5 file, as Keras writes; {_CONVERT}"),
    (b"TFL3", 4, f"a TensorFlow Lite model; {_CONVERT}"),
    (b"ftrt", 0, f"a TensorRT engine, compiled for one GPU; {_EXPORT}"),
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
_ENDINGS = {  # where no first bytes tell
    ".mlmodel": f"a Core ML model; {_EXPORT}",
    ".engine": f"a TensorRT engine, compiled for one GPU; {_EXPORT}",
    ".trt": f"a TensorRT engine, compiled for one GPU; {_EXPORT}",
    ".pb": f"a TensorFlow graph; {_CONVERT}",
    ".pdparams": f"a checkpoint of PaddlePaddle; {_CONVERT}",
    ".msgpack": f"a checkpoint of Flax; {_CONVERT}",
    ".caffemodel": f"a Caffe model; {_CONVERT}",
    ".distcp": "one part of a checkpoint of torch.distributed; join all of them with python -m "
    "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth",
}
_TORCHS = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # the number that a file of torch before 1.6 begins with, as pickled
_FOLDERS: tuple[tuple[str, str], ...] = (
    (
        ".metadata",
        "a checkpoint of torch.distributed in parts; join them with python -m "
        "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pth",
    ),
    ("zero_to_fp32.py", "a checkpoint of DeepSpeed in parts; join them with the zero_to_fp32.py inside"),
    ("saved_model.pb", f"a TensorFlow SavedModel; {_CONVERT}"),
    ("Manifest.json", f"a Core ML package; {_EXPORT}"),
)


def kind(head: bytes, size: int) -> str:
    """Who wrote a file of that size, told by its first nine bytes or more: "safetensors", "torch", or "" for others."""
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    return "torch" if head.startswith((b"PK\x03\x04", b"\x80")) else ""


def foreign(path: Path) -> str:
    """What a file is that holds no plain weights, and what to do, as the end of a sentence; "" where nothing tells."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        members = zipfile.ZipFile(path).namelist() if head.startswith(b"PK\x03\x04") else []
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return ""
    if kind(head, path.stat().st_size) == "safetensors":
        return ""  # it begins with a length, whose bytes may be those of any other kind
    if members:
        return _zipped([name.partition("/")[2] or name for name in members], members)
    marked = next((words for mark, at, words in _MARKS if head[at:].startswith(mark)), "")
    marked = marked or _ENDINGS.get(path.suffix.lower(), "")
    onnx = b"pytorch" in head or path.suffix.lower() == ".onnx"
    if not marked and head[:1] == b"\x08" and onnx:
        return f"an ONNX file; give it the ending .onnx, or {SAVE}"
    if not marked and len(head) == HEAD and head[:1] == b"\x80" and head[1:2] > b"\x01" and _TORCHS not in head:
        return (
            "a pickle that torch did not write, as in detectron2's model zoo; it may hold program code and was not "
            f"opened: load it with the program that it is from, then {SAVE}"
        )
    return marked


def folder(path: Path) -> str:
    """What a folder is that holds one network in parts or of another program, as the end of a sentence; else ""."""
    if not path.is_dir():
        return ""
    return next((words for name, words in _FOLDERS if (path / name).is_file()), "")


def in_its_place(place: Path | None, name: str) -> str:
    """A sentence on what lies in a weights folder under a name, with or without ending, where it is no checkpoint."""
    if place is None or not place.is_dir():
        return ""
    for path in sorted(place.iterdir()):
        if name in (path.name, path.stem) and (what := folder(path) or (path.is_file() and foreign(path))):
            return f"{path.name} is {what}."
    return ""


def pickled(classes: tuple[str, ...]) -> str:
    """What a torch file without a state dict holds, by the names of the classes it has objects of, and what to do."""
    if any(name.startswith("fastai.") for name in classes):
        return (
            "holds a pickled Learner of fastai, which cannot be read without running code; "
            "save its weights with learn.save(...), or with torch.save(learn.model.state_dict(), ...)"
        )
    if any(name.startswith(("ultralytics.", "models.yolo")) for name in classes):
        return (
            "holds a pickled module of Ultralytics, which cannot be read without running code; "
            "export it as ONNX, with yolo export format=onnx"
        )
    if any(name.startswith("torch.nn.modules") for name in classes):
        return (
            "holds a whole pickled module, which cannot be read without running code; "
            "save its weights with torch.save(net.state_dict(), ...), or export it with torch.export.save(...) as .pt2"
        )
    return "has no weights; save it with torch.save(net.state_dict(), ...)"


def _zipped(inner: list[str], members: list[str]) -> str:
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return f"TorchScript, which runs code when it is loaded; {SAVE}, or export it with torch.export"
    if any("serialized_exported_program" in name or name.endswith("models/model.json") for name in members):
        return f"an exported program of torch.export; give it the ending .pt2, or {SAVE}"
    if "model.weights.h5" in members:
        return f"a Keras model; {_CONVERT}"
    if "data.pkl" not in inner:
        return "a zip archive; unpack it and choose the checkpoint inside"
    return ""
