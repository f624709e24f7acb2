"""A zip of images from a stranger, unpacked so that nothing in it can do harm."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from cnnviz.data import folder as folders
from cnnviz.data.folder import SPLITS, SUFFIXES, FolderError
from cnnviz.data.staging import arriving
from cnnviz.options import RequestError
from cnnviz.photo import MAX_BYTES

MAX_ENTRIES = 200_000
MAX_TOTAL = 4 << 30  # bytes unpacked
MAX_RATIO = 200  # unpacked to packed, of the whole archive; pictures hardly shrink
MAX_DEPTH = 8
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what every program that makes zips uses unless told otherwise
CHUNK = 1 << 20
NAMED = 8  # so many files that were left out are named


class ArchiveError(RequestError):
    """An archive cannot be unpacked, or should not be; the message says which entry is to blame."""


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive: the folder, how many images, and how many entries were left out."""

    folder: Path
    pictures: int
    skipped: int


def unpack(
    source: Path | str | IO[bytes],
    folder: Path | str,
    *,
    progress: Callable[[int, int], None] | None = None,
    max_total: int = MAX_TOTAL,
) -> Unpacked:
    """The images of a zip in a new folder, which appears whole or not at all; other files are left out.

    The folder's mark says what was kept, left out and split. Raises `ArchiveError` for paths that lead out of the
    folder, links, encryption, bombs, damaged archives, and images that make no data set.
    `progress` hears (entries done, entries in all).
    """
    folder = Path(folder)
    try:
        notes: list[str] = []
        with arriving(folder, ArchiveError, "zip", notes) as draft, zipfile.ZipFile(source) as archive:
            entries = _checked(archive, max_total)
            written = total = 0
            for done, entry in enumerate(entries, start=1):
                if _wanted(entry):
                    target = draft.joinpath(*_parts(entry))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    total += _write(archive, entry, target, max_total - total)
                    written += 1
                if progress and (done % 100 == 0 or done == len(entries)):
                    progress(done, len(entries))
            if not written:
                raise ArchiveError("This archive has no images; put them in one folder per class and zip that.")
            notes += _told(draft, ["/".join(_parts(entry)) for entry in entries if not _wanted(entry)])
        return Unpacked(folder, written, len(entries) - written)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError("This zip archive is incomplete or damaged; make or upload it again.") from None
    except OSError as error:
        raise ArchiveError(f"The archive could not be unpacked ({error.strerror or error}); free some space.") from None


def _told(draft: Path, skipped: list[str]) -> list[str]:
    """What became of an archive's files in sentences: kept, left out, unused, split. Raises `ArchiveError`."""
    try:
        data = folders.read(draft)
    except FolderError as error:
        raise ArchiveError(str(error).replace(draft.name, "This archive")) from None
    used = {path for split in data.splits().values() for path in split.paths}
    kept = [path for path in sorted(draft.rglob("*")) if path.is_file()]
    unused = [path.relative_to(draft).as_posix() for path in kept if path not in used]
    told = [f"Unpacked: {len(used):,} images in {len(data.classes)} classes."]
    if skipped:
        visible = sorted(skipped, key=lambda name: any(p.startswith((".", "__MACOSX")) for p in name.split("/")))
        told.append(f"Left out, as they are hidden or not images: {_named(visible)}.")
    if unused:
        told.append(f"Kept, but not used, as they lie in no class folder: {_named(unused)}.")
    if data.val.paths[0].relative_to(data.root).parts[0].lower() not in SPLITS["val"]:
        told.append(f"No val folder: {len(data.val):,} images were drawn from all classes for validation.")
    return told


def _named(names: list[str]) -> str:
    """How many, and the first of them by name."""
    shown = ["".join(c if c.isprintable() else "?" for c in name)[:80] for name in names[:NAMED]]
    return f"{len(names):,} ({', '.join(shown)}{', …' if len(names) > NAMED else ''})"


def _checked(archive: zipfile.ZipFile, max_total: int) -> list[zipfile.ZipInfo]:
    """The files listed in an archive, once nothing in the list is hostile. Sizes it claims are checked again later."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ArchiveError(f"This archive has {len(entries):,} entries; at most {MAX_ENTRIES:,} are unpacked.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max_total:
        raise ArchiveError(f"This archive unpacks to {unpacked / 2**30:.1f} GiB; the limit is {max_total / 2**30:.1f}.")
    if unpacked > MAX_RATIO * (sum(entry.compress_size for entry in entries) + 1000):
        raise ArchiveError("This archive unpacks to hundreds of times its size, as no images do; it is refused.")
    seen: set[str] = set()
    files = []
    for entry in entries:
        parts = _parts(entry)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{_shown(entry)} is a link or a device; only plain files are unpacked.")
        if entry.is_dir():
            continue
        if entry.flag_bits & 0x1:
            raise ArchiveError(f"{_shown(entry)} is encrypted; make the archive without a password.")
        if entry.compress_type not in METHODS:
            raise ArchiveError(f"{_shown(entry)} is packed in a rare way; make the archive as a plain zip (deflate).")
        if (name := "/".join(parts).casefold()) in seen:
            raise ArchiveError(f"{_shown(entry)} is in the archive twice; make it again.")
        seen.add(name)
        files.append(entry)
    return files


def _parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """The folders and the name of an entry. Raises `ArchiveError` where they lead anywhere but downwards."""
    name = entry.orig_filename.replace("\\", "/")
    path = PurePosixPath(name)
    parts = path.parts
    harmful = path.is_absolute() or ".." in parts or any(":" in part or ord(min(part)) < 32 for part in parts)
    if (
        not parts
        or harmful
        or len(parts) > MAX_DEPTH
        or any(len(part.encode(errors="replace")) > 200 for part in parts)
    ):
        raise ArchiveError(f"{_shown(entry)} leads out of the folder or has an impossible name; it is refused.")
    return parts


def _wanted(entry: zipfile.ZipInfo) -> bool:
    parts = _parts(entry)
    return parts[-1].lower().endswith(SUFFIXES) and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Bytes written. What an archive says about its sizes is not believed."""
    size, limit = 0, min(MAX_BYTES, left)
    with archive.open(entry) as packed, target.open("xb") as file:
        while block := packed.read(CHUNK):
            size += len(block)
            if size > limit:
                raise ArchiveError(f"{_shown(entry)} is larger than {limit >> 20} MiB unpacked; it is refused.")
            file.write(block)
    return size


def _shown(entry: zipfile.ZipInfo) -> str:
    """An entry's name, harmless to print."""
    return ascii(entry.orig_filename[:80])
