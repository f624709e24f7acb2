"""Numbers of each image of a folder, read as training reads it: logits, and the features before the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from cnnviz.data.decode import decode
from cnnviz.inference.headless import headless
from cnnviz.inference.plain_road import asked_whole, batched, single
from cnnviz.models.load import Model
from cnnviz.models.outputs import of_classes
from cnnviz.photo import Crop
from cnnviz.runtime import batches, embedding
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.folder_questions import Answer, told
from cnnviz.runtime.photo_batches import through
from cnnviz.runtime.shards import Item


@dataclass(frozen=True)
class Logits:
    """The logits of each image, as `evaluate` takes them."""

    key: str
    crop: Crop = "centre"
    columns: ClassVar[Mapping[str, str]] = {"file": "string", "logits": "list float32"}
    apart: ClassVar[bool] = True

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        return told("evaluate", backend, self.key, crop=self.crop)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch."""
        model = backend.model(self.key)

        def compute(seen: Sequence[np.ndarray]) -> list[np.ndarray]:
            x = torch.cat([model.preprocess.tensor(one) for one in seen]).to(backend.place(model))
            with backend.computing(), torch.inference_mode():
                logits = of_classes(model.title, batched(asked_whole(model.net), x, single(model.net)))
                return [*logits.float().cpu().numpy()]

        def row(item: Item, _: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
            return {"file": item.title, "logits": logits}

        return through(items, pool, batches.at_once(backend, model), _decoding(model, self.crop), compute, row)


@dataclass(frozen=True)
class Features:
    """The features of each image before the head of a network, as `engine.embed` has them."""

    key: str
    columns: ClassVar[Mapping[str, str]] = {"file": "string", "features": "list float32"}
    apart: ClassVar[bool] = True

    def told(self, backend: Backend) -> dict[str, object]:
        """Everything that the answer depends on, beside the files."""
        return told("embed", backend, self.key, features=embedding.VERSION)

    def work(self, backend: Backend, items: Sequence[Item], out: Path, pool: ThreadPoolExecutor) -> Answer:
        """The rows of a batch."""
        model = backend.model(self.key)
        run = headless(model)

        def compute(seen: Sequence[np.ndarray]) -> list[np.ndarray]:
            pixels = torch.from_numpy(np.stack(seen).transpose(0, 3, 1, 2).copy())  # (N, H, W, C) -> (N, C, H, W)
            return [*embedding.features(backend, model, run, pixels)]

        def row(item: Item, _: np.ndarray, features: np.ndarray) -> dict[str, Any]:
            return {"file": item.title, "features": features}

        return through(items, pool, embedding.TOGETHER, _decoding(model, "centre"), compute, row)


def _decoding(model: Model, crop: Crop) -> Callable[[Item], np.ndarray]:
    """What gives the pixels of a file as training and evaluation take them, uint8 (H, W, C)."""
    preprocess = model.preprocess.cropped(crop)
    return lambda item: decode(Path(item.path), preprocess)
