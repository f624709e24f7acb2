"""Images on their way to a network: decoded once where they fit in memory, else ahead of the step that needs them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cnnviz.data.decode import decode
from cnnviz.data.folder import FolderError, Split
from cnnviz.image_file import PhotoError
from cnnviz.models.preprocess import Preprocess

MEMORY = 2 << 30  # bytes that decoded pictures of one split may take
AHEAD = 3  # batches decoded before they are asked for
CHUNK = 64

Batch = tuple[Tensor, Tensor, Tensor]  # pixels uint8 (n, C, H, W) or features (n, F), labels (n,), places (n,)


class Source(Protocol):
    """What batches are taken from."""

    labels: Tensor

    def take(self, places: Sequence[int] | Tensor) -> Batch:
        """The images at these places; unreadable ones are missing."""
        ...


class Pictures:
    """The images of a split as a network receives them, before they are scaled: uint8 (C, H, W) each.

    Where all of them fit into `memory` bytes they are decoded once, with all cores, and unreadable ones are left out;
    `progress` hears (done, in all). Otherwise they are decoded batch by batch. `notice` hears of each unreadable file
    once, with the reason. Raises `FolderError` where nothing can be read.
    """

    def __init__(
        self,
        split: Split,
        preprocess: Preprocess,
        *,
        memory: int = MEMORY,
        threads: int = 0,
        notice: Callable[[Path, str], None] = lambda _path, _why: None,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        self.paths, self.preprocess, self.notice = split.paths, preprocess, notice
        self.labels = torch.tensor(split.labels, dtype=torch.int64)
        self.pool = ThreadPoolExecutor(threads or os.cpu_count())
        self.noticed: set[Path] = set()
        self.pixels: Tensor | None = None
        if len(split) * int(np.prod(preprocess.size)) <= memory:
            self._decode_all(progress)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Sequence[int] | Tensor) -> Batch:
        """The images at these places; unreadable ones are missing."""
        where = torch.as_tensor(places, dtype=torch.int64)
        if self.pixels is not None:
            return self.pixels[where], self.labels[where], where
        return self.ready(self.begin(places))

    def begin(self, places: Sequence[int] | Tensor) -> list[tuple[int, Future[np.ndarray | None]]]:
        """Starts decoding the images at these places."""
        return [(int(i), self.pool.submit(self._one, self.paths[int(i)])) for i in places]

    def ready(self, begun: list[tuple[int, Future[np.ndarray | None]]]) -> Batch:
        """The images whose decoding was begun."""
        found = [(i, pixels) for i, future in begun if (pixels := future.result()) is not None]
        where = torch.tensor([i for i, _ in found], dtype=torch.int64)
        empty = np.empty((0, *self.preprocess.size), np.uint8)
        return torch.from_numpy(np.stack([p for _, p in found]) if found else empty), self.labels[where], where

    def _one(self, path: Path) -> np.ndarray | None:
        """The pixels of a picture, uint8 (C, H, W), or None after the notice that it cannot be read."""
        try:
            return np.ascontiguousarray(decode(path, self.preprocess).transpose(2, 0, 1))  # (H, W, C) -> (C, H, W)
        except PhotoError as error:
            if path not in self.noticed:
                self.noticed.add(path)
                self.notice(path, str(error))
            return None

    def _decode_all(self, progress: Callable[[int, int], None]) -> None:
        pixels = torch.empty((len(self.paths), *self.preprocess.size), dtype=torch.uint8)
        kept: list[int] = []
        for i, found in enumerate(self.pool.map(self._one, self.paths)):
            if found is not None:
                pixels[len(kept)] = torch.from_numpy(found)
                kept.append(i)
            if (i + 1) % CHUNK == 0 or i + 1 == len(self.paths):
                progress(i + 1, len(self.paths))
        if not kept:
            raise FolderError("None of the images can be read; check the files.")
        self.pixels, self.labels = pixels[: len(kept)], self.labels[torch.tensor(kept)]
        self.paths = tuple(self.paths[i] for i in kept)


class Features:
    """Features (N, F) computed once, with their labels."""

    def __init__(self, values: Tensor, labels: Tensor) -> None:
        self.values, self.labels = values, labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Sequence[int] | Tensor) -> Batch:
        """The features at these places."""
        where = torch.as_tensor(places, dtype=torch.int64)
        return self.values[where], self.labels[where], where


def parts(order: Tensor, batch: int, least: int = 1) -> tuple[Tensor, ...]:
    """An order (n,) cut into batches; a last one of fewer than `least` images joins the one before it."""
    whole = torch.split(order, batch)
    if len(whole) > 1 and len(whole[-1]) < least:
        whole = (*whole[:-2], torch.cat(whole[-2:]))
    return whole


class Batches:
    """The batches of a source at these places, (n,) each; what has to be decoded is begun a few batches ahead."""

    def __init__(self, source: Source, places: Sequence[Tensor]) -> None:
        self.source, self.places = source, places

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Batch]:
        source = self.source
        if not isinstance(source, Pictures) or source.pixels is not None:
            for places in self.places:
                yield source.take(places)
            return
        coming: deque[list[tuple[int, Future[np.ndarray | None]]]] = deque()
        for places in self.places:
            coming.append(source.begin(places.tolist()))
            if len(coming) > AHEAD:
                yield source.ready(coming.popleft())
        while coming:
            yield source.ready(coming.popleft())


def measure(pictures: Pictures, most: int = 1000) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over up to `most` images, in 0..1, to four digits.

    Raises `FolderError` where none of them can be read.
    """
    shades = torch.arange(256, dtype=torch.float64)
    counts = torch.zeros(1, 256, dtype=torch.float64)
    some = torch.arange(0, len(pictures), max(1, -(-len(pictures) // most)))
    for places in torch.split(some, CHUNK):
        pixels, _, _ = pictures.take(places.tolist())
        found = [torch.bincount(channel.flatten(), minlength=256) for channel in pixels.unbind(1)]
        counts = counts + torch.stack(found)  # (C, 256)
    total = counts.sum(-1)
    if not total.any():
        raise FolderError("None of the images can be read; check the files.")
    mean = (counts * shades).sum(1) / total
    deviation = ((counts * (shades - mean[:, None]) ** 2).sum(1) / (total - 1)).sqrt()
    return tuple(round(float(m) / 255, 4) for m in mean), tuple(max(0.01, round(float(d) / 255, 4)) for d in deviation)
