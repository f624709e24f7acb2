"""The zip of a .pt2 file, opened with care: sizes before content, names that stay inside, nothing twice."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from cnnviz.models.foreign.graph import ForeignError, printable
from cnnviz.models.foreign.held import File, opened, size

ENTRIES = 50_000
WORDS = 32 << 20  # bytes of JSON; the largest known network has 9 MiB
LARGEST = 8 << 30  # bytes, as of a checkpoint
CHUNK = 1 << 20
NAME = re.compile(r"[\w.\-+@ ]+(/[\w.\-+@ ]+)*", re.ASCII)
BROKEN = (
    zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, struct.error,
    LookupError, OverflowError,
)  # fmt: skip


class Archive:
    """The entries of a .pt2 by name, without the folder they all lie in. Raises `ForeignError` for a damaged zip."""

    def __init__(self, file: File) -> None:
        self.name = file.name
        self.size = size(file)
        try:
            self.zip = zipfile.ZipFile(opened(file))
            entries = self.zip.infolist()
        except BROKEN:
            raise self.damaged() from None
        try:
            self.entries = self._checked(entries)
        except BaseException:
            self.zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def damaged(self) -> ForeignError:
        """The refusal of a file whose zip cannot be read."""
        return ForeignError(f"{self.name} is damaged; download it again, or export it again with torch.export.save.")

    def bytes(self, name: str, most: int) -> bytearray:
        """The content of an entry of at most that many bytes; its checksum has been compared."""
        entry = self.entries.get(name)
        if entry is None:
            raise ForeignError(f"{self.name} lacks {name}; export it again with torch.export.save.")
        if entry.file_size > most:
            raise ForeignError(f"{self.name} has {entry.file_size} bytes in {name}, and at most {most} are read.")
        content = bytearray()
        try:
            with self.zip.open(entry) as file:
                while block := file.read(CHUNK):
                    content += block
            if len(content) != entry.file_size:
                raise self.damaged()
        except ForeignError:
            raise
        except BROKEN:
            raise self.damaged() from None
        return content

    def text(self, name: str) -> str:
        """A short entry as text."""
        return self.bytes(name, 4096).decode("utf-8", "replace").strip()

    def words(self, name: str) -> Mapping[str, Any]:
        """An entry that is a JSON object."""
        try:
            found = json.loads(self.bytes(name, WORDS).decode("utf-8"))  # or it would look for other encodings
        except ForeignError:
            raise
        except (ValueError, RecursionError, MemoryError):
            raise self.damaged() from None
        if not isinstance(found, dict):
            raise self.damaged()
        return found

    def _checked(self, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """The entries by name. Raises `ForeignError` for what torch never writes."""
        if not 0 < len(entries) <= ENTRIES:
            raise self.damaged()
        if sum(entry.file_size for entry in entries) > min(self.size, LARGEST):
            raise ForeignError(
                f"{self.name} unpacks to more than it holds, which no file of torch.export.save does; save it again."
            )
        found: dict[str, zipfile.ZipInfo] = {}
        roots = set()
        for entry in entries:
            root, slash, name = entry.filename.partition("/")
            roots.add(root)
            if not slash or not NAME.fullmatch(entry.filename) or ".." in entry.filename.split("/"):
                raise ForeignError(
                    f"{self.name} has an entry {printable(entry.filename)}, which is outside of its folder; "
                    "export it again with torch.export.save."
                )
            if name in found or len(roots) > 1:
                raise ForeignError(
                    f"{self.name} has the entry {printable(name)} twice; export it again with torch.export.save."
                )
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise ForeignError(
                    f"{self.name} is compressed, which torch.export.save does not do; use the file as it was saved."
                )
            if entry.flag_bits & 0x1:
                raise self.damaged()
            found[name] = entry
        return found
