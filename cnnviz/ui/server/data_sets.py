"""The data sets of this server: where they lie, what is in them, and small batches to show."""

from __future__ import annotations

import contextlib
import functools
import re
from pathlib import Path

import numpy as np

from cnnviz import settings
from cnnviz.data import folder as folders
from cnnviz.data import staging, trash
from cnnviz.data.audit import Audit, audit
from cnnviz.data.augment import Augment, variants
from cnnviz.data.decode import decode
from cnnviz.data.folder import DataSet
from cnnviz.data.staging import Origin
from cnnviz.data.trash import Trashed
from cnnviz.models.preprocess import Preprocess
from cnnviz.options import RequestError
from cnnviz.photo import PhotoError
from cnnviz.ui.server import startup


def shelf() -> Path:
    """The folder of data sets on this machine: CNNVIZ_DATA, or data/ in the working directory."""
    return settings.data()


def data_sets() -> tuple[str, ...]:
    """The names of the data sets on the shelf."""
    place = shelf()
    if not place.is_dir():
        return ()
    return tuple(sorted(p.name for p in place.iterdir() if p.is_dir() and not p.name.startswith(".")))


def data_set(name: str) -> DataSet:
    """A data set on the shelf; the name is looked up and never joined to a path. Raises `RequestError`."""
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more; choose another.")
    return _read(str(shelf() / name), stamp(name))


def stamp(name: str) -> float:
    """When a data set, or a folder right inside it, last changed; 0 where it is gone."""
    root = shelf() / name
    try:
        return max([root.stat().st_mtime, *(p.stat().st_mtime for p in root.iterdir())])
    except OSError:
        return 0.0


def place_for(name: str) -> Path:
    """Where a new data set goes. Raises `RequestError` for a name that is taken or unfit."""
    plain = re.sub(r"[^a-z0-9_-]+", "_", name.strip().lower()).strip("_")[:60]
    if not plain:
        raise RequestError("Give the data set a name of letters and digits.")
    if plain in data_sets():
        raise RequestError(f"There is already a data set {plain}; choose another name.")
    return shelf() / plain


def remove(name: str) -> None:
    """Moves a data set that cnnviz made to the trash of the shelf. Raises `RequestError` for any other."""
    _private()
    if name not in data_sets():
        raise RequestError(f"There is no data set {name!r} any more.")
    trash.put(shelf() / name)


def origin(name: str) -> Origin | None:
    """How cnnviz made a data set; None for a folder of somebody's own."""
    return staging.origin(shelf() / name)


def trashed() -> tuple[Trashed, ...]:
    """The deleted data sets that can be brought back, the newest first; what is due goes for good before."""
    _private()
    trash.empty(shelf(), room=None)  # how much it takes changes where something is put there, and is measured there
    return trash.listing(shelf())


def restore(id: str) -> str:
    """Brings a deleted data set back; its name. Raises `RequestError`."""
    _private()
    return trash.restore(shelf(), id)


def empty_trash() -> None:
    """Removes what lies in the trash for good."""
    _private()
    trash.empty(shelf(), days=0)


def _private() -> None:
    """Raises `RequestError` where strangers are served: they can delete nothing."""
    if startup.public():
        raise RequestError("This public server deletes nothing.")


def of_photos(name: str) -> bool:
    """Whether a data set is one of photos in colour, which a network of ImageNet has features for.

    Raises `RequestError` where it cannot be read.
    """
    made = origin(name)
    return not (made and made.made == "circles") and _of_photos(data_set(name))


@functools.lru_cache(maxsize=32)
def _of_photos(data: DataSet) -> bool:
    return folders.of_photos(data)


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


@functools.lru_cache(maxsize=8)
def _audited(root: str, stamp: float) -> Audit:
    return audit(_read(root, stamp))


def audited(name: str) -> Audit:
    """The audit of a data set, remembered until the folder changes."""
    return _audited(str(shelf() / name), stamp(name))


@functools.lru_cache(maxsize=32)
def _read(root: str, _stamp: float) -> DataSet:
    return folders.read(root)


def varied(small: np.ndarray, wanted: Augment, seed: int) -> np.ndarray:
    """A picture uint8 (side, side, 3) and eleven variants of it, uint8 (12, side, side, 3)."""
    import torch

    channels_first = torch.from_numpy(small.transpose(2, 0, 1).copy())
    many = variants(channels_first, wanted, 11, seed).permute(0, 2, 3, 1).numpy()  # (11, C, H, W) -> (11, H, W, C)
    return np.concatenate([small[None], many])
