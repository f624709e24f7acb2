"""What tells what a component shows from everything else it might show: the one key of whatever it keeps."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

PLAIN = (str, int, float, bool, type(None))


def subject(*shown: object) -> str:
    """A short key, equal where all that is shown is equal: models, photos, layers, options, pixels, words, in order.

    A model counts by its fingerprint, a photo by its pixels and its name, which is shown, too. Raises `TypeError` for
    what could only be told apart by where it lies in memory.
    """
    return hashlib.blake2b(repr([_mark(one) for one in shown]).encode(), digest_size=16).hexdigest()


def _mark(one: object) -> object:
    """A value whose `repr` says everything that is shown of it."""
    if isinstance(one, PLAIN):
        return one
    if isinstance(one, bytes):
        return hashlib.blake2b(one, digest_size=16).hexdigest()
    if isinstance(one, np.ndarray):
        return one.shape, one.dtype.str, _mark(one.tobytes())
    if isinstance(one, np.generic):
        return _mark(one.item())
    if isinstance(one, Mapping):
        return "mapping", [(_mark(name), _mark(value)) for name, value in one.items()]
    if isinstance(one, Sequence):
        return [_mark(part) for part in one]
    return _of_ours(one)


def _of_ours(one: object) -> object:
    """The mark of a model, of a photo, or of a dataclass by its fields."""
    if fingerprint := getattr(one, "fingerprint", ""):
        return "model", fingerprint
    if digest := getattr(one, "digest", ""):
        return "photo", digest, getattr(one, "name", "")
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return type(one).__name__, [(f.name, _mark(getattr(one, f.name))) for f in dataclasses.fields(one)]
    raise TypeError(f"{type(one).__name__} has no key; name what is shown of it.")
