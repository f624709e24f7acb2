"""Where the weights of a network lie: the weights folder first, then torchvision's own cache, then its download."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import json
import math
import operator
import os
import pickle
import re
import sys
import urllib.request
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from cnnviz import drafts, settings
from cnnviz.models import file_kind, shards
from cnnviz.models.file_kind import kind as kind
from cnnviz.options import RequestError

FOLDER = settings.default("CNNVIZ_WEIGHTS")  # in the working directory, where there is one and no other is named
WHOLE = (".pt2", ".onnx")  # files that hold a network with its weights
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".pth.tar", *WHOLE)
SHARED = (".ckpt", ".bin", ".pth.tar")  # other programs' files end so, too: these are taken by their content
SITE = "https://download.pytorch.org/models/"
CHUNK = 1 << 20
CLASSES = 1000  # of ImageNet
TUPLE = pickle.BININT2 + CLASSES.to_bytes(2, "little") + pickle.TUPLE1  # (1000,) in a pickle
META = "__metadata__"
PATIENCE = 20  # seconds without an answer

Progress = Callable[[int, int], None]  # bytes so far, bytes in all


class Named(Protocol):
    """A file, on disk or in memory."""

    @property
    def name(self) -> str: ...


class WeightsError(RequestError):
    """The weights that were asked for are not where they should be."""


class DownloadError(WeightsError):
    """The weights could not be downloaded: no network, a full disk, or a file that is not what it should be."""


def folder(weights: Path | str | None) -> Path | None:
    """The weights folder or single file that was asked for, or CNNVIZ_WEIGHTS, or weights/; None where none is there.

    Raises `WeightsError` where the one that was named does not exist.
    """
    path = settings.weights(weights)
    if path is None:
        return Path(FOLDER) if Path(FOLDER).is_dir() else None
    if not path.exists():
        raise WeightsError(f"There are no weights at {path}; name an existing folder, or a {', '.join(SUFFIXES)} file.")
    if what := file_kind.folder(path):
        raise WeightsError(f"{path.name} is {what}.")
    return path


def snapshots(run: Path) -> dict[int, Path]:
    """The weights a training run has kept on its way: step to file, in order."""
    found = {int(p.stem): p for p in (run / "snapshots").glob("*.safetensors") if p.stem.isdecimal()}
    return dict(sorted(found.items()))


def snapshot(folder: Path, which: str) -> Path:
    """The weights of a run: best, last, or those after a step. Raises `WeightsError` for a step that was not kept."""
    if which == "best":
        return folder / "best.safetensors"
    steps = snapshots(folder)
    if steps and which == "last":
        return steps[max(steps)]
    if which.isdecimal() and int(which) in steps:
        return steps[int(which)]
    known = ", ".join(map(str, steps)) or "none yet"
    raise WeightsError(f"Run {folder.name} has no {which!r}; choose best, last or a saved step ({known}).")


def checkpoints(place: Path | None) -> tuple[Path, ...]:
    """The checkpoint files in a weights folder (or the single file itself), sorted by name."""
    if place is None:
        return ()
    if place.is_file():
        return (place,)
    return tuple(sorted(path for path in place.iterdir() if _listed(path)))


def sharing(name: str, place: Path | None) -> list[str]:
    """The checkpoint files there with that stem, by name."""
    return [path.name for path in checkpoints(place) if stem(path) == name]


def ending(file: Named) -> str:
    """Which of SUFFIXES a file's name ends with; "" for none."""
    return _cut(file.name)[1]


def stem(file: Named) -> str:
    """A checkpoint's name without that ending."""
    return _cut(file.name)[0]


@functools.lru_cache(maxsize=4096)  # every file is held against every network of the list
def _cut(name: str) -> tuple[str, str]:
    """A file's name in two: before its ending among SUFFIXES and which part it is, and that ending as listed there."""
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return shards.MARK.sub("", name[: -len(suffix)] if suffix else Path(name).stem), suffix


def _listed(path: Path) -> bool:
    return bool(ending(path)) and not shards.later(path) and path.is_file() and _believed(path)


def _believed(path: Path) -> bool:
    if ending(path) not in SHARED:
        return True
    try:
        with path.open("rb") as file:
            return bool(kind(file.read(9), path.stat().st_size))
    except OSError:
        return False


def candidates(name: str, file: str, found: Iterable[Path]) -> tuple[Path, ...]:
    """The files that may hold a torchvision network's weights, by what they are called."""
    return tuple(
        path
        for path in found
        if ending(path) not in WHOLE and (stem(path) in (name, file) or stem(path).startswith(f"{name}-"))
    )


def pick(name: str, file: str, found: Iterable[Path]) -> Path | None:
    """The checkpoint of a torchvision network among files: <name>.*, torchvision's own file name, or <name>-*.

    A name such as resnet18-my-cats.pth may as well be that of somebody's own network, so the last rule takes only files
    that hold ImageNet's 1000 classes.
    """
    found = candidates(name, file, found)
    alike = [path for path in found if stem(path) not in (name, file)]
    for fitting in (
        [path for path in found if stem(path) == name],
        [path for path in found if stem(path) == file],
        [path for path in alike if imagenet(path)],
    ):
        if fitting:
            return min(fitting, key=lambda path: SUFFIXES.index(ending(path)))
    return None


def imagenet(path: Path) -> bool:
    """Whether a checkpoint has a tensor of shape (1000,), the bias of ImageNet's classes; read without torch.

    No torchvision CNN has another tensor of that shape. Nothing is unpickled: the shape is looked for as it is written.
    """
    if path.suffix.lower() == ".safetensors":
        return [CLASSES] in (_shapes(path) or {}).values()
    try:
        if not zipfile.is_zipfile(path):  # a file of before torch 1.6, which begins with its pickle
            with path.open("rb") as file:
                return TUPLE in file.read(CHUNK)
        with zipfile.ZipFile(path) as archive:
            pickled = next(member for member in archive.namelist() if member.endswith("data.pkl"))
            with archive.open(pickled) as file:
                return TUPLE in file.read(16 * CHUNK)
    except (OSError, ValueError, StopIteration, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False


def cache() -> Path:
    """The folder torchvision downloads to, known without importing torch."""
    if hub := getattr(sys.modules.get("torch"), "hub", None):  # another thread may be half way through importing torch
        return Path(hub.get_dir()) / "checkpoints"
    return settings.torch_home() / "hub" / "checkpoints"


def fetch(name: str, file: str, progress: Progress | None = None) -> Path:
    """The file of torchvision's weights after its download: whole, and with the hash that its name carries.

    Raises `DownloadError` saying which file to put where. Nothing half loaded is left behind.
    """
    refuse_strangers(name)
    url, target = f"{SITE}{file}.pth", cache() / f"{file}.pth"
    by_hand = f"put {file}.pth in a weights folder and name it with --weights or CNNVIZ_WEIGHTS"
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.partial")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        drafts.sweep(part.parent, "*.partial")
        digest = _stream(url, part, progress)
        wanted = file.rsplit("-", 1)[1]
        if not digest.startswith(wanted):
            raise DownloadError(f"The download of {url} is damaged (SHA-256 {digest[:8]}): try again, or {by_hand}.")
        os.replace(part, target)
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise DownloadError(f"No weights for {name}: {url} cannot be downloaded ({reason}); {by_hand}.") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return target


def refuse_strangers(name: str) -> None:
    """Raises `DownloadError` on a public server, and where the setting cannot be read."""
    try:
        public = settings.public()
    except settings.SettingError:
        public = True
    if public:
        raise DownloadError(f"The weights of {name} are not on this public server, which downloads none.")


def count(path: Path) -> int | None:
    """The number of weights in a .safetensors file, read from its header alone; None for any other file."""
    tensors = _shapes(path) if path.suffix.lower() == ".safetensors" else None
    kept = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")
    return sum(math.prod(shape) for name, shape in (tensors or {}).items() if not kept.search(name)) or None


def metadata(path: Path) -> dict[str, Any]:
    """The words beside the tensors of a .safetensors file, from its header alone, read as JSON where they are."""
    try:
        with path.open("rb") as file:
            head = file.read(9)
            if kind(head, path.stat().st_size) != "safetensors":
                return {}
            size = int.from_bytes(head[:8], "little")
            file.seek(8)
            words = json.loads(file.read(size)).get(META, {}) if size <= 100_000_000 else {}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    read: dict[str, Any] = {}
    for key, value in words.items() if isinstance(words, dict) else ():
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            read[key] = json.loads(value)
    return read


def _shapes(path: Path) -> dict[str, list[int]] | None:
    """The shapes in the header of a .safetensors file; None where it has none to read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= 100_000_000 else {}
        shapes = {name: [operator.index(n) for n in entry["shape"]] for name, entry in header.items() if name != META}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return shapes


def _stream(url: str, part: Path, progress: Progress | None) -> str:
    """The sha256 of what was written to `part`, in hexadecimal."""
    request = urllib.request.Request(url, headers={"User-Agent": "cnnviz"})
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer, part.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(CHUNK):
            file.write(block)
            digest.update(block)
            done += len(block)
            if progress:
                progress(done, max(total, done))
    return digest.hexdigest()
