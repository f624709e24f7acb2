"""The cache behind the engine: memory bounded in bytes, arrays on disk, and each answer computed once.

A key is a tuple of plain values that determines the answer exactly, so nothing ever needs invalidating.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from cnnviz import drafts
from cnnviz.arrays import size
from cnnviz.models.catalog import UPLOAD

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Key = tuple[Hashable, ...]
PASSING = ("live/", UPLOAD)  # how keys of networks begin that are in this process alone: none reaches the disk


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How an answer lies on disk: `pack` to named arrays and `unpack` back."""

    pack: Callable[[T], Mapping[str, np.ndarray]]
    unpack: Callable[[Mapping[str, np.ndarray]], T]


@dataclass(frozen=True)
class _Entry:
    value: Any  # of every type: `Cache.get` says which one lies under a key
    bytes: int
    personal: bool


class _Abandoned(Exception):
    """Who computed has left without an answer."""


class Cache:
    """Answers by key. Threads asking for the same key at once get one computation.

    `memory_limit` and `disk_limit` are bytes. What is marked personal never reaches the disk, is the first to be
    evicted and can be purged. Without `cache_dir` nothing is written at all. `dropped` hears of every value that
    leaves the memory. With `newest` the newest answer is kept even if it alone exceeds the limit. `hits` counts the
    answers that were here or on their way, `misses` those that were computed.
    """

    def __init__(
        self,
        memory_limit: int,
        cache_dir: Path | None = None,
        disk_limit: int = 2**30,
        dropped: Callable[[Any], None] = lambda _: None,
        newest: bool = False,
    ) -> None:
        self.memory_limit, self.cache_dir, self.disk_limit = memory_limit, cache_dir, disk_limit
        self.dropped, self.newest = dropped, newest
        self.bytes = self.hits = self.misses = 0
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()  # least recently used first
        self._personal: OrderedDict[Key, None] = OrderedDict()  # those that are somebody's own, in the same order
        self._flights: dict[Key, Future[Any]] = {}
        self._epoch = 0  # raised by purge: what was started before it is handed over but not kept
        self._lock = threading.Lock()

    def get(
        self,
        key: Key,
        make: Callable[[], T],
        *,
        personal: bool = False,
        codec: Codec[T] | None = None,
        keep: bool = True,
    ) -> T:
        """The answer under `key`: from memory, else from disk (where a codec is given), else from `make()`, once.

        An exception from `make` reaches everyone who waited for it and is not remembered; where it is no `Exception`
        (somebody left, the interpreter stops) it is their own affair, and the next who waited computes. With `keep`
        off the answer itself is not remembered either; it only goes to everyone who asked meanwhile.
        """
        with self._lock:
            if (entry := self._recall(key)) is not None:
                self.hits += 1
                value: T = entry.value
                return value
            flight, epoch = self._flights.get(key), self._epoch
            self.hits += flight is not None  # on its way
            if mine := flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            try:
                value = flight.result()
                return value
            except _Abandoned:
                return self.get(key, make, personal=personal, codec=codec, keep=keep)
        try:
            value = self._find(key, make, personal, codec)
        except BaseException as error:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.set_exception(error if isinstance(error, Exception) else _Abandoned())
            raise
        with self._lock:
            if asked := self._flights.get(key) is flight:
                del self._flights[key]
            if keep and asked and (epoch == self._epoch or not personal):
                self._put(key, _Entry(value, size(value), personal))
        flight.set_result(value)
        return value

    def get_each(
        self,
        ident: Key,
        wanted: Sequence[K],
        make: Callable[[tuple[K, ...]], Sequence[T]],
        *,
        personal: bool = False,
    ) -> tuple[T, ...]:
        """The answers under (*ident, w) for each w wanted; `make` gets those that are missing, all at once."""
        with self._lock:
            epoch = self._epoch
            found = {w: self._recall((*ident, w)) for w in wanted}
            missing = tuple(w for w, entry in found.items() if entry is None)
            self.hits += len(found) - len(missing)

        def make_missing() -> dict[K, T]:
            made = dict(zip(missing, make(missing), strict=True))
            with self._lock:
                self.misses += len(missing) - 1  # `get` has counted one
                asked = (*ident, missing) in self._flights
                for w, value in made.items():
                    if asked and (epoch == self._epoch or not personal):
                        self._put((*ident, w), _Entry(value, size(value), personal))
            return made

        made = self.get((*ident, missing), make_missing, keep=False) if missing else {}
        return tuple(made[w] if entry is None else entry.value for w, entry in ((w, found[w]) for w in wanted))

    def __contains__(self, key: Key) -> bool:
        """Whether the answer is in memory; computes nothing."""
        return key in self._entries

    def purge(self) -> int:
        """Forget everything personal; the number of bytes given back."""
        with self._lock:
            self._epoch += 1
            before = self.bytes
            for key in list(self._personal):
                self._drop(key)
            return before - self.bytes

    def forget(self, chosen: Callable[[Key], bool], computing: bool = False) -> None:
        """Forget every answer in memory whose key is chosen; with `computing`, one that is on its way is not kept."""
        with self._lock:
            for key in [k for k in self._flights if computing and chosen(k)]:
                del self._flights[key]
            for key in [k for k in self._entries if chosen(k)]:
                self._drop(key)

    def personal_bytes(self) -> int:
        """Bytes in memory that come from people's own photos."""
        with self._lock:
            return sum(self._entries[key].bytes for key in self._personal)

    def _find(self, key: Key, make: Callable[[], T], personal: bool, codec: Codec[T] | None) -> T:
        passing = str(key[0]).startswith(PASSING)
        if codec is None or personal or passing or self.cache_dir is None:
            return self._made(make)
        path = self.cache_dir / (hashlib.blake2b(repr(key).encode(), digest_size=20).hexdigest() + ".npz")
        with contextlib.suppress(Exception):  # absent, cut short, damaged, foreign: compute anew
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                value = codec.unpack({name: arrays[name] for name in arrays.files})
            with contextlib.suppress(OSError):  # a read-only disk serves all the same
                os.utime(path)
            with self._lock:
                self.hits += 1
            return value
        value = self._made(make)
        with contextlib.suppress(OSError):  # a full or read-only disk costs time later, not the answer now
            self._write(path, codec.pack(value))
        return value

    def _made(self, make: Callable[[], T]) -> T:
        with self._lock:
            self.misses += 1
        return make()

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        drafts.sweep(path.parent, "*.draft")
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
            os.chmod(draft, 0o644)  # other people's servers may share the folder
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
        files = sorted(path.parent.glob("*.npz"), key=lambda p: p.stat().st_mtime)
        total = sum(p.stat().st_size for p in files)
        for old in files[:-1]:
            if total <= self.disk_limit:
                break
            total -= old.stat().st_size
            old.unlink(missing_ok=True)

    def _recall(self, key: Key) -> _Entry | None:
        """What lies in memory under `key`, which counts as used."""
        if (entry := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
            if entry.personal:
                self._personal.move_to_end(key)
        return entry

    def _put(self, key: Key, entry: _Entry) -> None:
        self._drop(key)
        if entry.bytes > self.memory_limit and not self.newest:
            return
        while self.bytes + entry.bytes > self.memory_limit and self._entries:
            self._drop(next(iter(self._personal or self._entries)))
        self._entries[key] = entry
        self.bytes += entry.bytes
        if entry.personal:
            self._personal[key] = None

    def _drop(self, key: Key) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._personal.pop(key, None)
            self.bytes -= entry.bytes
            self.dropped(entry.value)
