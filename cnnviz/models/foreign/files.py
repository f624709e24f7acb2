"""Which files hold a whole network, and who reads them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from cnnviz.models.foreign import onnx, pt2
from cnnviz.models.foreign.graph import ForeignError, Program
from cnnviz.models.foreign.held import File, Held, opened
from cnnviz.models.foreign.last import taken_off
from cnnviz.models.weights import WHOLE, ending

READERS = {".pt2": pt2.read, ".onnx": onnx.read}
ARCHIVES = ("archive_format", "serialized_exported_program.json")  # of torch.export.save, today's and that before 2.8


def whole(file: File) -> bool:
    """Whether a file is read as a whole network: by its ending, or as one of torch.export.save by its content."""
    return ending(file) in WHOLE or _exported(file)


def read(file: File) -> Program:
    """The network in a file, up to its logits. Raises `ForeignError` where it cannot be read."""
    if isinstance(file, Path) and not file.is_file():
        raise ForeignError(f"There is no file {file.name}; check the name and the weights folder.")
    return taken_off(READERS.get(ending(file), pt2.read)(file))


def _exported(file: File) -> bool:
    try:
        if _head(file) != b"PK\x03\x04":
            return False
        with zipfile.ZipFile(opened(file)) as archive:
            return any(name.endswith(ARCHIVES) for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, LookupError):
        return False


def _head(file: File) -> bytes:
    if isinstance(file, Held):
        return file.data[:4]
    with file.open("rb") as content:
        return content.read(4)
