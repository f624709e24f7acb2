"""A zip of images from a stranger, unpacked so that nothing in it can do harm."""

from __future__ import annotations

import itertools
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cnnviz.data import folder as folders
from cnnviz.data import label_lists, zip_names
from cnnviz.data.layout import FolderError, Layout
from cnnviz.data.left_out import PACKED, Parts, hidden, unfit
from cnnviz.data.names import safe
from cnnviz.data.staging import arriving
from cnnviz.options import RequestError
from cnnviz.photo import MAX_BYTES
from cnnviz.printable import printable

MAX_ENTRIES = 200_000
MAX_TOTAL = 4 << 30  # bytes unpacked
MAX_RATIO = 200  # unpacked to packed, of the whole archive; pictures hardly shrink
MAX_DEPTH = 32  # folders
PLAIN = (".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")  # formats that may be without compression
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what every program that makes zips uses unless told otherwise
CHUNK = 1 << 20


class ArchiveError(RequestError):
    """An archive cannot be unpacked, or should not be; the message says which entry is to blame."""


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive: the folder, how many images, how many entries were left out, and `labels`."""

    folder: Path
    pictures: int
    skipped: int
    labels: str = ""


def unpack(
    source: Path | str | IO[bytes],
    folder: Path | str,
    *,
    progress: Callable[[int, int], None] | None = None,
    max_total: int = MAX_TOTAL,
    labels: str = "",
) -> Unpacked:
    """The images of a zip in a new folder, which appears whole or not at all; other files are left out.

    The folder's mark says what was kept, left out and split. Raises `ArchiveError` for images whose paths lead out of
    the folder or that are encrypted, for bombs, damaged archives, and images that make no data set.
    `progress` hears (entries done, entries in all). `labels` is as for `data.folder.read`, a CSV file in the archive.
    """
    folder = Path(folder)
    try:
        notes: list[str] = []
        with arriving(folder, ArchiveError, "zip", notes) as draft, zipfile.ZipFile(source) as archive:
            found = _checked(archive, labels)
            _bounded([entry for entry, _ in found.images], max_total)
            labels, text = _labels(archive, found, draft, labels)
            layout = _arranged(found, labels, text)
            total, every = 0, len(found.images) + found.others
            for done, (entry, parts) in enumerate(found.images, start=1):
                total += _write(archive, entry, draft.joinpath(*parts), max_total - total)
                if progress and (done % 100 == 0 or done == len(found.images)):
                    progress(every if done == len(found.images) else done, every)
            notes += _told(draft, layout, labels)
        return Unpacked(folder, len(found.images), found.others, labels)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError("This zip archive is incomplete or damaged; make or upload it again.") from None
    except OSError as error:
        raise ArchiveError(f"The archive could not be unpacked ({error.strerror or error}); free some space.") from None


@dataclass
class _Found:
    """What an archive lists: images and where each goes, how many other files, and names for the layout."""

    images: list[tuple[zipfile.ZipInfo, Parts]] = field(default_factory=list)
    others: int = 0
    files: list[Parts] = field(default_factory=list)
    folders: list[Parts] = field(default_factory=list)
    links: list[Parts] = field(default_factory=list)
    labels: zipfile.ZipInfo | None = None  # the CSV file of labels


def _labels(archive: zipfile.ZipFile, found: _Found, draft: Path, labels: str) -> tuple[str, bytes]:
    """Where labels are from once unpacked, and the CSV file of them, which is unpacked right into the folder."""
    if found.labels is None:
        return labels, b""
    name = safe(os.path.basename(zip_names.names([found.labels])[0]))
    _write(archive, found.labels, draft / name, label_lists.LARGEST)
    return name, (draft / name).read_bytes()


def _arranged(found: _Found, labels: str, text: bytes) -> Layout:
    """What data set the images will be. Raises `ArchiveError` before anything is unpacked."""
    try:
        return label_lists.arrange("This archive", found.files, found.folders, {PACKED: found.links}, labels, text)
    except FolderError as error:
        raise ArchiveError(str(error)) from None


def _told(draft: Path, layout: Layout, labels: str) -> list[str]:
    """What became of an archive's files in sentences: unpacked, left out, split. Raises `ArchiveError`."""
    try:
        data = folders.read(draft, labels=labels)
    except FolderError as error:
        raise ArchiveError(str(error).replace(draft.name, "This archive")) from None
    images = sum(map(len, data.splits().values()))
    told = [f"Unpacked: {images:,} images in {len(data.classes)} classes.", *map(str, layout.left_out)]
    if not layout.splits.get("val"):
        told.append(f"No val folder: {len(data.val):,} images were drawn from all classes for validation.")
    return told


def offers(source: Path | str | IO[bytes]) -> tuple[str, ...]:
    """What `labels` could be for an archive; nothing where it cannot be read."""
    try:
        with zipfile.ZipFile(source) as archive:
            listed = archive.infolist()[:MAX_ENTRIES]
            files = [tuple(filter(None, name.split("/"))) for name in zip_names.names(listed) if name.strip("/")]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return ()
    return tuple(label_lists.offers(files))


def _checked(archive: zipfile.ZipFile, labels: str = "") -> _Found:
    """What an archive lists, once no image in it is hostile; what is no image is not unpacked and may be anything."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ArchiveError(f"This archive has {len(entries):,} entries; at most {MAX_ENTRIES:,} are unpacked.")
    found, seen = _Found(), set[Parts]()
    for entry, name in zip(entries, zip_names.names(entries), strict=True):
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if name.endswith("/") or kind == stat.S_IFDIR:
            found.folders.append(parts)
        elif kind not in (0, stat.S_IFREG):
            found.links.append(parts)
            found.others += 1
        elif labels in ("/".join(parts), *parts[-1:]) and found.labels is None:
            _harmless(entry, name, parts)
            found.labels = entry
            found.others += 1
        elif not parts or any(hidden(part) for part in parts if part != "..") or unfit(parts[-1]):
            found.files += [parts] * bool(parts)
            found.others += 1
        else:
            _harmless(entry, name, parts)
            if (place := tuple(map(safe, parts))) in seen:
                raise ArchiveError(f"{_shown(name)} is in the archive twice; make it again.")
            seen.add(place)
            found.images.append((entry, place))
            found.files.append(place)
    if labels not in ("", label_lists.NAMES) and found.labels is None:
        raise ArchiveError(
            f"There is no list of labels {printable(labels[:80])} in this archive; name a CSV file in it."
        )
    if not found.images and not found.links:
        raise ArchiveError("This archive has no images; put them in one folder per class and zip that.")
    return found


def _harmless(entry: zipfile.ZipInfo, name: str, parts: Parts) -> None:
    """Raises `ArchiveError` for an image that leads anywhere but downwards, or cannot be unpacked."""
    if name.startswith("/") or ".." in parts or re.fullmatch("[A-Za-z]:", parts[0]) or len(parts) > MAX_DEPTH:
        raise ArchiveError(f"{_shown(name)} leads out of the folder or has an impossible name; it is refused.")
    if entry.flag_bits & 0x1:
        raise ArchiveError(f"{_shown(name)} is encrypted; make the archive without a password.")
    if entry.compress_type not in METHODS:
        raise ArchiveError(f"{_shown(name)} is packed in a rare way; make the archive as a plain zip (deflate).")


def _bounded(images: Sequence[zipfile.ZipInfo], max_total: int) -> None:
    """Raises `ArchiveError` for more than can be. Sizes that an archive claims are checked again while it is unpacked.

    Images in formats that do not compress may shrink to anything: a white square as BMP to a thousandth.
    """
    unpacked = sum(entry.file_size for entry in images)
    if unpacked > max_total:
        raise ArchiveError(f"This archive unpacks to {unpacked / 2**30:.1f} GiB; the limit is {max_total / 2**30:.1f}.")
    dense = [entry for entry in images if not entry.filename.lower().endswith(PLAIN)]
    if sum(entry.file_size for entry in dense) > MAX_RATIO * (sum(entry.compress_size for entry in dense) + 1000):
        raise ArchiveError("This archive unpacks to hundreds of times its size, as no images do; it is refused.")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Bytes written. What an archive says about its sizes is not believed."""
    size, limit = 0, min(MAX_BYTES, left)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as packed, _new(target).open("xb") as file:
        while block := packed.read(CHUNK):
            size += len(block)
            if size > limit:
                raise ArchiveError(f"{_shown(target.name)} is larger than {limit >> 20} MiB unpacked; it is refused.")
            file.write(block)
    return size


def _new(target: Path) -> Path:
    """The path, or another like it where a disk takes two names for one, as some do X.JPG and x.jpg."""
    others = (target.with_stem(f"{target.stem}-{i}") for i in itertools.count(2))
    return next(path for path in itertools.chain([target], others) if not os.path.lexists(path))


def _shown(name: str) -> str:
    """An entry's name, harmless to print."""
    return repr(printable(name[:80]))
