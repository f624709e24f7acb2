"""Loading pictures for training: 12-megapixel JPEGs from the disk to batches that a net takes.

The peer is torchvision's ImageFolder with its standard transforms in a DataLoader with a process for each core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.loader import Batches, Pictures
from cnnviz.models.preprocess import Preprocess
from cnnviz.train.plan import cores
from cnnviz.train.setup import scaled

PICTURES, BATCH, WIDTH, HEIGHT = 16, 8, 4000, 3000


def _photos() -> Path:
    """A folder of two classes of 12-megapixel JPEGs with as much detail as a camera's."""
    place = Path(tempfile.mkdtemp(prefix="cnnviz-benchmark-"))
    rng = np.random.default_rng(0)
    for i in range(PICTURES + 4):
        small = rng.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
        smooth = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        noise = rng.integers(0, 24, (HEIGHT, WIDTH, 1), dtype=np.uint8)
        pixels = np.clip(np.asarray(smooth).astype(np.int16) + noise - 12, 0, 255).astype(np.uint8)
        path = place / ("train" if i < PICTURES else "val") / "ab"[i % 2] / f"{i:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=90)
    return place


def _contest() -> dict[str, Callable[[], object]]:
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    place, preprocess = _photos(), Preprocess()
    data = folder.read(place)
    pictures = Pictures(data.train, preprocess, memory=0)
    theirs = ImageFolder(
        place / "train",
        transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(preprocess.mean, preprocess.std),
            ]
        ),
    )
    loader = DataLoader(theirs, BATCH, num_workers=cores(), persistent_workers=True)

    def ours() -> torch.Tensor:
        order = torch.arange(len(pictures))
        return torch.cat([scaled(pixels, preprocess) for pixels, _, _ in Batches(pictures, torch.split(order, BATCH))])

    def peer() -> torch.Tensor:
        return torch.cat([pixels for pixels, _ in loader])

    apart = float((ours() - peer()).abs().mean())
    if apart > 0.002:  # standard deviations, of which a gray level is 0.017: here and there one rounds differently
        raise RuntimeError(f"The pictures differ by {apart:.3f} on average")
    return {"cnnviz": ours, "torchvision": peer}


BENCHMARKS = {"loader/12mp": _contest}
