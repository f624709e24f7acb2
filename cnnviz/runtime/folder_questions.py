"""What can be asked of a whole folder: each question is a value that any process can answer, batch by batch."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch

from cnnviz import picture
from cnnviz.attribution import methods
from cnnviz.attribution.heatmap import Heatmap
from cnnviz.image_file import SUFFIXES
from cnnviz.inference.predict import ranked
from cnnviz.models.load import Model
from cnnviz.options import flat
from cnnviz.photo import Crop
from cnnviz.runtime import batches
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.batches import Input, Wanted
from cnnviz.runtime.photo_batches import through
from cnnviz.runtime.shards import ARRAYS, IMAGES, Item, placed

Answer = tuple[list[dict[str, Any]], dict[str, str]]  # rows, and why some files could not be read, by name


class Question(Protocol):
    """What is asked of every file of a folder, by one network.

    `columns` are those of the rows; `apart` says that each row belongs to one file.
    """

    @property
    def key(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def apart(self) -> bool: ...

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        ...

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch; images are written into `out`."""
        ...


class Summed(Question, Protocol):
    """A question whose rows belong to no single file; those of all batches are put together in the end."""

    def together(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows of the whole folder from those of its batches."""
        ...


def told(command: str, backend: Backend, key: str, **options: object) -> dict[str, object]:
    """What a question of a network depends on."""
    model = backend.model(key)
    network = {"model": key, "weights": model.fingerprint, "preprocess": repr(model.preprocess)}
    return {"command": command, "version": 1, **network, **options}


def opening(model: Model, crop: Crop) -> Callable[[Item], Input]:
    """What opens a photo as `Photo.open` does, for a network."""
    return lambda item: batches.opened(model, Path(item.path), crop)


@dataclass(frozen=True)
class Predictions:
    """The `top` most probable classes of each photo."""

    key: str
    top: int = 5
    crop: Crop = "centre"
    columns: ClassVar[Mapping[str, str]] = {
        "file": "string", "index": "list int32", "label": "list string", "probability": "list float32",
        "logit": "list float32",
    }  # fmt: skip
    apart: ClassVar[bool] = True

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        return told("predict", backend, self.key, top=self.top, crop=self.crop)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch."""
        model = backend.model(self.key)

        def row(item: Item, _: Input, logits: np.ndarray) -> dict[str, Any]:
            found = ranked(logits, model.labels, self.top)
            names = ("index", "label", "probability", "logit")
            return {"file": item.title} | {name: [getattr(one, name) for one in found] for name in names}

        many = batches.at_once(backend, model)
        return through(
            items,
            pool,
            many,
            opening(model, self.crop),
            lambda some: [*batches.logits_of(backend, self.key, some)],
            row,
        )


@dataclass(frozen=True)
class HeatMaps:
    """The heat map of each photo: the map itself in its row, drawn over the photo as an image."""

    key: str
    wanted: Wanted = field(default_factory=Wanted)
    crop: Crop = "centre"
    alpha: str = "heat"
    form: Literal["png", "jpeg", "webp", ""] = "jpeg"  # of the images; none are drawn without it
    arrays: bool = False  # also the heat of each pixel of the network's input, as .npy
    columns: ClassVar[Mapping[str, str]] = {
        "file": "string", "index": "int32", "label": "string", "probability": "float32", "score": "float32",
        "layer": "string", "height": "int32", "width": "int32", "map": "list float32", "image": "string",
    }  # fmt: skip
    apart: ClassVar[bool] = True

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        asked = self.wanted
        given = flat(methods.options(asked.method, asked.options))
        layer = asked.layer or (backend.trunk(self.key) if methods.method(asked.method).reads == "maps" else "")
        named = {"class": asked.target, "versus": asked.versus, "against": asked.against}
        shown = {"alpha": self.alpha, "images": self.form, "arrays": self.arrays}
        how: dict[str, object] = {"layer": layer, "method": asked.method, "options": given}
        return told("heatmap", backend, self.key, **named, **how, crop=self.crop, **shown)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch; its images are written into `out`."""
        model = backend.model(self.key)

        def row(item: Item, one: Input, answer: tuple[Heatmap, np.ndarray]) -> dict[str, Any]:
            heat, logits = answer
            image = self._drawn(item, one, heat, out) if self.form else None
            if self.arrays:
                np.save(placed(out, ARRAYS, f"{item.name}.npy"), heat.values)
            chance = float(heat.goal.chance(torch.from_numpy(logits.copy())[None])[0])
            height, width = heat.raw.shape
            return {
                "file": item.title, "index": heat.target, "label": heat.label, "probability": chance,
                "score": heat.score, "layer": heat.layer, "height": height, "width": width,
                "map": heat.raw.ravel(), "image": image,
            }  # fmt: skip

        many = batches.at_once(backend, model)
        return through(
            items, pool, many, opening(model, self.crop),
            lambda some: batches.heatmaps_of(backend, self.key, some, self.wanted), row,
        )  # fmt: skip

    def _drawn(self, item: Item, one: Input, heat: Heatmap, out: Path) -> str:
        """Where the overlay lies in `out`: under the name of its photo, with the ending of its format behind it."""
        assert self.form
        opacity = picture.OPACITY if self.alpha == "heat" else 0.5
        drawn = picture.overlay(one.photo, heat, opacity, alpha=self.alpha)
        name = image_name(item.name, self.form)
        placed(out, IMAGES, name).write_bytes(picture.encode(drawn, self.form))
        return dataclasses.replace(item, name=f"{IMAGES}/{name}").title


def image_name(name: str, form: str) -> str:
    """The name of the image made of a file: its own where that ends as the format does, else with the ending added.

    No two files share one: a.png becomes a.png.jpg, and a.png.jpg becomes a.png.jpg.jpg.
    """
    ends = {"jpeg": (".jpg", ".jpeg"), "png": (".png",), "webp": (".webp",)}[form]
    stem, ending = os.path.splitext(name)
    if ending.lower() not in SUFFIXES:  # a photo all the same, that was named by itself
        return f"{name}{ends[0]}{ends[0]}"
    own = ending.lower() in ends and os.path.splitext(stem)[1].lower() not in SUFFIXES
    return name if own else f"{name}{ends[0]}"
