"""Filter images that ship with a bundled network, so that the first visit finds them grown.

    python tools/render_bundled_images.py bundled/cats_dogs

writes them beside the network's weights: every channel of every layer by the network's own recipe, with a few frames of
how it grew, images as WebP. The file names the weights it was rendered from; for any others it is left alone.
"""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cnnviz.arrays import read_only
from cnnviz.feature_vis.maximize import FilterImage
from cnnviz.feature_vis.recipes import Aim, Ascent, written
from cnnviz.models import catalog
from cnnviz.models.load import Model

QUALITY = 92  # of the WebP
WAY_QUALITY = 70
FRAMES = 6  # kept of each image's way; their distances divide those of the frames that an image has


def shipped(model: Model, layer: str, aim: Aim, ascent: Ascent) -> FilterImage | None:
    """The image of one channel from the file that came with the model; None where it has none for this recipe."""
    kind, _, name = model.key.partition("/")
    if kind != "bundled" or aim.channel is None or aim != Aim.of(aim.channel):
        return None
    pages = _opened(place(name))
    if pages is None or pages["about"]["fingerprint"] != model.fingerprint:
        return None
    if pages["about"]["recipe"] != written(ascent) or layer not in pages["about"]["layers"]:
        return None
    if aim.channel >= len(pages[f"{layer} values"]):
        return None
    at = aim.channel
    before, value = (float(v) for v in pages[f"{layer} values"][at])
    picture, start, curve = pages[f"{layer} pictures"][at], pages[f"{layer} start"][0], pages[f"{layer} curves"][at]
    frames = pages[f"{layer} way"][at]
    return FilterImage(layer, aim, picture, start, read_only(curve), before, value, read_only(frames))


def place(name: str) -> Path:
    """Where the filter images of a bundled network lie."""
    return catalog.ASSETS / f"{name}.filters.npz"


def save(path: Path, model: Model, ascent: Ascent, images: Mapping[str, Sequence[FilterImage]]) -> None:
    """Write the images of each layer, in the order of its channels."""
    about = {"fingerprint": model.fingerprint, "recipe": written(ascent), "layers": list(images)}
    arrays: dict[str, np.ndarray] = {"about": np.array(json.dumps(about))}
    for layer, grown in images.items():
        arrays[f"{layer} pictures"] = _strip([image.picture for image in grown])
        arrays[f"{layer} start"] = _strip([grown[0].start])
        arrays[f"{layer} way"] = _strip([_row(image.frames) for image in grown], WAY_QUALITY)
        arrays[f"{layer} curves"] = np.stack([image.curve for image in grown]).astype(np.float16)
        arrays[f"{layer} values"] = np.array([(image.before, image.value) for image in grown], np.float32)
    np.savez_compressed(path, allow_pickle=False, **arrays)


@functools.lru_cache(4)
def _opened(path: Path) -> dict[str, Any] | None:
    """Everything in such a file, decoded; None where there is none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        pages: dict[str, Any] = {"about": json.loads(str(arrays.pop("about")))}
        for name, array in arrays.items():
            if name.endswith((" pictures", " start")):
                decoded = _decoded(array)
                side = decoded.shape[1]
                pages[name] = read_only(decoded.reshape(-1, side, side, 3))  # (n*S, S, 3) -> (n, S, S, 3)
            elif name.endswith(" way"):
                decoded = _decoded(array)
                side = decoded.shape[1] // FRAMES
                rows = decoded.reshape(-1, side, FRAMES, side, 3)  # (n*s, F*s, 3) -> (n, s, F, s, 3)
                pages[name] = read_only(rows.transpose(0, 2, 1, 3, 4).copy())  # -> (n, F, s, s, 3)
            else:
                pages[name] = array.astype(np.float32)
        return pages
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return None


def _decoded(data: np.ndarray) -> np.ndarray:
    """What `_strip` wrote, uint8 (H, W, 3)."""
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]


def _row(frames: np.ndarray) -> np.ndarray:
    """Some of an image's frames (F, s, s, 3) side by side."""
    chosen = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
    return np.concatenate(frames[chosen], axis=1)


def _strip(pictures: Sequence[np.ndarray], quality: int = QUALITY) -> np.ndarray:
    """Pictures one below the other as WebP, uint8 (bytes,)."""
    whole = np.concatenate(pictures)[..., ::-1]
    _, data = cv2.imencode(".webp", whole, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data
