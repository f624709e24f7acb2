"""The places in images that activate a channel most, cut out and side by side: a sheet for each channel."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from cnnviz import picture
from cnnviz.feature_vis import sheet
from cnnviz.options import RequestError
from cnnviz.photo import Crop, Photo
from cnnviz.runtime.backend import Backend
from cnnviz.runtime.shards import IMAGES, placed

SIDE = 96  # px of a place in a sheet


def write(
    backend: Backend, key: str, rows: Sequence[Mapping[str, Any]], files: Mapping[str, Path], out: Path, crop: Crop
) -> int:
    """Writes images/<layer>_<channel>.png into `out` for rows of `TopImages`; how many.

    `files` are the images by the names in the rows. Each is opened once for each layer, so that what is held are the
    cut out places of one layer. One that cannot be read any more is left out of its sheets.
    """
    preprocess, written = backend.model(key).preprocess, 0
    layers: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        layers[row["layer"]].append(row)
    for layer, some in layers.items():
        places: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
        by_file: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in some:
            by_file[row["file"]].append(row)
        for name, of_file in by_file.items():
            try:
                seen = preprocess.see(Photo.open(files[name]).with_crop(crop))
            except RequestError:
                continue
            for row in of_file:
                places[row["channel"]][row["rank"]] = _cut(seen, row)
        for channel, found in sorted(places.items()):
            pictures = [found[rank] for rank in sorted(found)]
            path = placed(out, IMAGES, f"{sheet.file_name(layer, channel)}.png")
            path.write_bytes(
                picture.encode(sheet.contact_sheet(pictures, math.ceil(len(pictures) ** 0.5), side=SIDE), "png")
            )
            written += 1
    return written


def _cut(seen: np.ndarray, row: Mapping[str, Any]) -> np.ndarray:
    """The place of a row in what the network receives, uint8 (SIDE, SIDE, 3)."""
    left, top, right, bottom = (row[name] for name in ("left", "top", "right", "bottom"))
    place = Image.fromarray(seen[top:bottom, left:right])  # not square where the border of the input cuts it off
    return np.asarray(ImageOps.pad(place, (SIDE, SIDE), Image.Resampling.BICUBIC, color=(255,) * 3))
