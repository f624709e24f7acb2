"""Which files hold a whole network, and who reads them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from cnnviz.models.foreign import onnx, pt2
from cnnviz.models.foreign.graph import ForeignError, Program
from cnnviz.models.weights import WHOLE, ending

READERS = {".pt2": pt2.read, ".onnx": onnx.read}
ARCHIVES = ("archive_format", "serialized_exported_program.json")  # of torch.export.save, today's and that before 2.8


def whole(path: Path) -> bool:
    """Whether a file is read as a whole network: by its ending, or as one of torch.export.save by its content."""
    return ending(path) in WHOLE or _exported(path)


def read(path: Path) -> Program:
    """The network in a file. Raises `ForeignError` where it cannot be read."""
    if not path.is_file():
        raise ForeignError(f"There is no file {path.name}; check the name and the weights folder.")
    return READERS.get(ending(path), pt2.read)(path)


def _exported(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(ARCHIVES) for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, LookupError):
        return False
