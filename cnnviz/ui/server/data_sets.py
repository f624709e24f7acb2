"""The data sets of this server: where they lie, what is in them, and small batches to show."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cnnviz import settings
from cnnviz.data import corrected, label_lists, staging, trash
from cnnviz.data import folder as folders
from cnnviz.data.audit import Audit, audit
from cnnviz.data.augment import Augment, variants
from cnnviz.data.decode import decode
from cnnviz.data.fixes import Fix
from cnnviz.data.folder import DataSet
from cnnviz.data.left_out import hidden
from cnnviz.data.listing import listing
from cnnviz.data.staging import Origin
from cnnviz.data.trash import Trashed
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import PhotoError
from cnnviz.printable import printable
from cnnviz.ui.server import capabilities

LABELS = ".labels.json"  # beside the data sets
AUDITS = 8  # that are remembered


def shelf() -> Path:
    """The folder of data sets on this machine: CNNVIZ_DATA, or data/ in the working directory."""
    return settings.data()


def data_sets() -> tuple[str, ...]:
    """The printable names of the data sets on the shelf."""
    return tuple(sorted(_folders()))


def _folders() -> dict[str, Path]:
    """The folders on the shelf by their printable names."""
    capabilities.require("folders")
    place = shelf()
    if not place.is_dir():
        return {}
    return {printable(p.name): p for p in place.iterdir() if p.is_dir() and not hidden(p.name)}


def folder(name: str) -> Path:
    """The folder of a data set; the name is looked up and never joined to a path where there is one."""
    return _folders().get(name, shelf() / printable(name))


def name_of(path: str) -> str:
    """The printable name of the folder that a plan calls its data."""
    return printable(Path(path).name)


def data_set(name: str) -> DataSet:
    """A data set on the shelf; the name is looked up and never joined to a path. Raises `RequestError`."""
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more; choose another.")
    return _read(str(folder(name)), labels(name), stamp(name))


def stamp(name: str) -> float:
    """When a data set, or any folder in it, last changed; 0 where it is gone.

    Its folders are looked up again when one of them has changed.
    """
    root = str(folder(name))
    known, then = _INSIDE.get(root, ((), -1.0))
    if (now := _changed(known)) != then:
        inside = [root, *(os.path.join(at, name) for at, names, _ in os.walk(root) for name in names)]
        now = _changed(inside)
        _INSIDE[root] = inside, now
    return now


def _changed(places: Sequence[str]) -> float:
    """When the last of these folders changed; 0 where one is gone, or there is none."""
    try:
        return max((os.stat(place).st_mtime for place in places), default=0.0)
    except OSError:
        return 0.0


_INSIDE: dict[str, tuple[Sequence[str], float]] = {}  # the folders of a data set, and when the last of them changed


def place_for(name: str) -> Path:
    """Where a new data set goes. Raises `RequestError` for a name that is taken or unfit."""
    capabilities.require("writing")
    letters = unicodedata.normalize("NFC", name.strip())
    plain = re.sub(r"[^\w\u0300-\u036f-]+", "_", letters).strip("_")[:60]
    if not plain:
        raise RequestError("Give the data set a name of letters and digits.")
    if plain.casefold() in map(str.casefold, data_sets()):
        raise RequestError(f"There is already a data set {plain}; choose another name.")
    return shelf() / plain


def labels(name: str) -> str:
    """What the classes of a data set are read from: "" for its folders, else a CSV file or the images' names."""
    found = _chosen().get(folder(name).name)
    return found[0] if found and found[1] == _identity(name) else ""


def set_labels(name: str, chosen: str) -> None:
    """Remembers, beside the data sets, what the classes of one are read from. Raises `RequestError`."""
    capabilities.require("writing")
    values = _chosen() | {folder(name).name: (chosen, _identity(name))}
    place = shelf() / LABELS
    draft = place.with_name(f"{LABELS}.new")
    try:
        draft.write_text(json.dumps({key: value for key, value in values.items() if value[0]}))
        draft.replace(place)
    except OSError as error:
        raise RequestError(f"Nothing can be written to {shelf()} ({error.strerror}); choose another.") from None


def _identity(name: str) -> int:
    """What tells a folder from another that has its name later."""
    try:
        return folder(name).stat().st_ino
    except OSError:
        return 0


def _chosen() -> dict[str, tuple[str, int]]:
    """By the name of a folder: what its classes are read from, and which folder that was."""
    try:
        values = json.loads((shelf() / LABELS).read_text())
        return {name: (str(chosen), int(which)) for name, (chosen, which) in values.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def offers(name: str) -> tuple[str, ...]:
    """What else than folders could say the classes of a data set."""
    return tuple(label_lists.offers(listing(folder(name)).files))


def remove(name: str) -> None:
    """Moves a data set that cnnviz made to the trash of the shelf. Raises `RequestError` for any other."""
    capabilities.require("deleting")
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more.")
    trash.put(folder(name))


def origin(name: str) -> Origin | None:
    """How cnnviz made a data set; None for a folder of somebody's own."""
    return staging.origin(folder(name))


def trashed() -> tuple[Trashed, ...]:
    """The deleted data sets that can be brought back, the newest first; what is due goes for good before."""
    capabilities.require("deleting")
    trash.empty(shelf(), room=None)  # how much it takes changes where something is put there, and is measured there
    return trash.listing(shelf())


def restore(id: str) -> str:
    """Brings a deleted data set back; its name. Raises `RequestError`."""
    capabilities.require("deleting")
    return trash.restore(shelf(), id)


def empty_trash() -> None:
    """Removes what lies in the trash for good."""
    capabilities.require("deleting")
    trash.empty(shelf(), days=0)


def of_photos(name: str) -> bool:
    """Whether a data set is one of photos in colour, which a network of ImageNet has features for.

    Raises `RequestError` where it cannot be read.
    """
    made = origin(name)
    return not (made and made.made == "circles") and _of_photos(data_set(name))


@functools.lru_cache(maxsize=32)
def _of_photos(data: DataSet) -> bool:
    return folders.of_photos(data)


def usual_augmentation(name: str) -> str:
    """The preset of augmentation that fits the images of a data set: that of digits where they are small and gray.

    Raises `RequestError` where it cannot be read.
    """
    made = origin(name)
    return "digits" if not (made and made.made == "circles") and _of_digits(data_set(name)) else "photos"


@functools.lru_cache(maxsize=32)
def _of_digits(data: DataSet) -> bool:
    return folders.of_digits(data)


def batch(data: DataSet, split: str, count: int, seed: int, side: int = 96) -> tuple[np.ndarray, list[str]]:
    """Pictures of a split drawn with a seed, uint8 (n, side, side, 3), and the class of each."""
    part = data.splits()[split]
    chosen = np.random.default_rng(seed).permutation(len(part))[:count]
    seen, names = [], []
    for i in chosen:
        with contextlib.suppress(PhotoError):
            seen.append(square(part.paths[int(i)], side))
            names.append(data.classes[part.labels[int(i)]])
    return np.stack(seen) if seen else np.zeros((0, side, side, 3), np.uint8), names


def square(path: Path, side: int) -> np.ndarray:
    """A picture's centre square, uint8 (side, side, 3). Raises `PhotoError`."""
    return decode(path, Preprocess(side, side))


_AUDITS: OrderedDict[tuple[str, str, float], Audit] = OrderedDict()  # the newest last
_AUDITS_LOCK = threading.Lock()


def audited(name: str, progress: Callable[[int, int], None] | None = None) -> Audit:
    """The audit of a data set, remembered until the folder changes; `progress` hears (images read, in all)."""
    asked = (str(folder(name)), labels(name), stamp(name))
    if (known := _AUDITS.get(asked)) is not None:
        return known
    found = audit(_read(*asked), progress)
    with _AUDITS_LOCK:
        _AUDITS[asked] = found
        while len(_AUDITS) > AUDITS:
            _AUDITS.popitem(last=False)
    return found


def surveyed(name: str) -> DataSet:
    """A data set on the shelf with the splits that its folder has, none drawn. Raises `RequestError`."""
    data_set(name)  # refused where it cannot be used
    return _surveyed(str(folder(name)), labels(name), stamp(name))


@functools.lru_cache(maxsize=32)
def _surveyed(root: str, labels: str, _stamp: float) -> DataSet:
    return folders.survey(root, labels)


def correct(name: str, new: str, fixes: Sequence[Fix], progress: Callable[[int, int], None] | None = None) -> str:
    """Makes a corrected copy of a data set on the shelf, under a new name; the name it has. Raises `RequestError`."""
    capabilities.require("writing")
    place = place_for(new)
    corrected.apply(fixes, folder(name), place, labels(name), progress=progress)
    return place.name


@functools.lru_cache(maxsize=32)
def _read(root: str, labels: str, _stamp: float) -> DataSet:
    return folders.read(root, labels=labels)


def varied(small: np.ndarray, wanted: Augment, seed: int) -> np.ndarray:
    """A picture uint8 (side, side, 3) and eleven variants of it, uint8 (12, side, side, 3)."""
    import torch

    channels_first = torch.from_numpy(small.transpose(2, 0, 1).copy())
    many = variants(channels_first, wanted, 11, seed).permute(0, 2, 3, 1).numpy()  # (11, C, H, W) -> (11, H, W, C)
    return np.concatenate([small[None], many])
