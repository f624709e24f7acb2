"""What layers do over a whole folder: statistics of each channel, and the images that activate it most."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from cnnviz.feature_vis import top_patches
from cnnviz.inference.activations import refuse_shape
from cnnviz.inference.plain_road import alone, asked_whole, single
from cnnviz.inference.tap import tap
from cnnviz.models.load import Model
from cnnviz.photo import Crop
from cnnviz.runtime import batches
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.batches import Input
from cnnviz.runtime.feature_vis import field_of
from cnnviz.runtime.folder_questions import Answer, opening, told
from cnnviz.runtime.photo_batches import through
from cnnviz.runtime.shards import Item

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Statistics:
    """Each channel's activations over all images: mean, deviation, maximum, the share of places where it is above 0.

    `active` is that share, `photos_active` the number of images where it is above 0 anywhere. No `layers` are all.
    """

    key: str
    layers: tuple[str, ...] = ()
    crop: Crop = "centre"
    columns: ClassVar[Mapping[str, str]] = {
        "layer": "string", "channel": "int32", "photos": "int64", "places": "int64", "mean": "float64",
        "deviation": "float64", "max": "float32", "active": "float64", "photos_active": "int64",
    }  # fmt: skip
    apart: ClassVar[bool] = False

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        return told("statistics", backend, self.key, layers=_layers(backend, self.key, self.layers), crop=self.crop)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch."""
        model, layers = backend.model(self.key), _layers(backend, self.key, self.layers)
        rows: Rows = []

        def compute(inputs: Sequence[Input]) -> Sequence[None]:
            for layer, maps in _maps(backend, model, inputs, layers):
                rows.extend(_measured(layer, maps))
            return [None] * len(inputs)

        many = batches.at_once(backend, model)
        _, errors = through(items, pool, many, opening(model, self.crop), compute, lambda *_: {})
        return self.together(rows), errors

    def together(self, rows: Sequence[Mapping[str, Any]]) -> Rows:
        """The rows of all batches as one for each channel."""
        return [_pooled(some) for some in _by_channel(rows)]


@dataclass(frozen=True)
class TopImages:
    """For each channel the `top` images with its highest activation, one place in each, the highest first.

    left, top, right and bottom are the receptive field of that place in the network's input.
    """

    key: str
    layers: tuple[str, ...] = ()
    top: int = top_patches.TOP
    crop: Crop = "centre"
    columns: ClassVar[Mapping[str, str]] = {
        "layer": "string", "channel": "int32", "rank": "int32", "file": "string", "activation": "float32",
        "left": "int32", "top": "int32", "right": "int32", "bottom": "int32",
    }  # fmt: skip
    apart: ClassVar[bool] = False

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        layers = _layers(backend, self.key, self.layers)
        return told("top-images", backend, self.key, layers=layers, top=self.top, crop=self.crop)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch."""
        model, layers = backend.model(self.key), _layers(backend, self.key, self.layers)
        highest: dict[str, list[Tensor]] = defaultdict(list)
        sizes: dict[str, tuple[int, int]] = {}

        def compute(inputs: Sequence[Input]) -> Sequence[None]:
            for layer, maps in _maps(backend, model, inputs, layers):
                sizes[layer] = maps.shape[2], maps.shape[3]
                value, unit = maps.flatten(2).max(2)  # (N, C, h, w) -> (N, C)
                highest[layer].append(torch.stack([value.double(), unit.double()]).cpu())
            return [None] * len(inputs)

        many = batches.at_once(backend, model)
        _, errors = through(items, pool, many, opening(model, self.crop), compute, lambda *_: {})
        names = [item.title for item in items if item.name not in errors]
        rows: Rows = []
        for layer, found in highest.items():
            rows += self._ranked(backend, model, layer, names, torch.cat(found, 1), sizes[layer])
        return rows, errors

    def _ranked(
        self, backend: Backend, model: Model, layer: str, names: list[str], found: Tensor, size: tuple[int, int]
    ) -> Rows:
        """The rows of one layer, from activation and place of each photo and channel, (2, N, C)."""
        order = found[0].argsort(dim=0, descending=True, stable=True)[: self.top]  # (n, C)
        value, unit = (part.gather(0, order) for part in found)
        box = top_patches.boxes(field_of(backend, model, layer), unit.long().numpy(), size, model.preprocess.size[1:])
        return [
            {
                "layer": layer, "channel": channel, "rank": rank + 1, "file": names[int(order[rank, channel])],
                "activation": float(value[rank, channel]),
                **dict(zip(("left", "top", "right", "bottom"), map(int, box[rank, channel]), strict=True)),
            }
            for channel in range(order.shape[1])
            for rank in range(len(order))
        ]  # fmt: skip

    def together(self, rows: Sequence[Mapping[str, Any]]) -> Rows:
        """The highest of all batches for each channel; of equal ones those of the first file."""
        kept: Rows = []
        for some in _by_channel(rows):
            best = sorted(some, key=lambda row: (-row["activation"], row["file"]))[: self.top]
            kept += [{**row, "rank": rank + 1} for rank, row in enumerate(best)]
        return kept


def _by_channel(rows: Sequence[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    """The rows of each channel of each layer."""
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["layer"], row["channel"]].append(row)
    return found.values()


def _layers(backend: Backend, key: str, named: Sequence[str]) -> tuple[str, ...]:
    """The layers that are asked about; without names all with maps."""
    return tuple(named) or backend.map_layers(key)


def _maps(
    backend: Backend, model: Model, inputs: Sequence[Input], layers: Sequence[str]
) -> Iterator[tuple[str, Tensor]]:
    """Each layer with its maps (N, C, h, w)."""
    backend.require_maps(model, layers)
    x = batches.stacked(backend, model, inputs)
    with backend.computing(), torch.inference_mode():
        apart = len(x) > 1 and alone(asked_whole(model.net), x, single(model.net))
        runs = [tap(model.net, some, layers, stop=True)[1] for some in torch.tensor_split(x, len(x) if apart else 1)]
        for layer in layers:
            maps = torch.cat([run[layer] for run in runs])
            refuse_shape(layer, maps, len(x))
            yield layer, maps


def _measured(layer: str, maps: Tensor) -> Rows:
    """A row for each channel of maps (N, C, h, w)."""
    flat = maps.double().transpose(0, 1).flatten(1)  # (N, C, h, w) -> (C, N*h*w)
    mean, deviation = flat.mean(1).tolist(), flat.std(1, correction=0).tolist()
    top, active = flat.amax(1).tolist(), (flat > 0).double().mean(1).tolist()
    alive = (maps.amax((2, 3)) > 0).sum(0).tolist()  # (N, C) -> (C,)
    return [
        {
            "layer": layer, "channel": i, "photos": len(maps), "places": flat.shape[1], "mean": mean[i],
            "deviation": deviation[i], "max": top[i], "active": active[i], "photos_active": alive[i],
        }
        for i in range(len(flat))
    ]  # fmt: skip


def _pooled(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One row for a channel, of several about different photos; deviations by the law of total variance."""
    places = sum(row["places"] for row in rows)
    share = [row["places"] / places for row in rows]
    mean = math.fsum(part * row["mean"] for part, row in zip(share, rows, strict=True))
    spread = math.fsum(
        part * (row["deviation"] ** 2 + (row["mean"] - mean) ** 2) for part, row in zip(share, rows, strict=True)
    )
    return {
        **rows[0], "photos": sum(row["photos"] for row in rows), "places": places, "mean": mean,
        "deviation": math.sqrt(spread), "max": max(row["max"] for row in rows),
        "active": math.fsum(part * row["active"] for part, row in zip(share, rows, strict=True)),
        "photos_active": sum(row["photos_active"] for row in rows),
    }  # fmt: skip
