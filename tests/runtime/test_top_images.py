"""The sheets of top images show the pixels that the rows name."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.runtime import top_images
from cnnviz.runtime.engine import Engine
from cnnviz.runtime.folder_layers import TopImages
from cnnviz.runtime.folder_work import items, run

KEY, LAYER = "lecture/cats_gap", "conv2"


def test_a_sheet_has_the_places_of_its_channel_in_order_and_lacks_what_is_gone(tmp_path, rng):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (150, 150, 3), dtype=np.uint8)).save(photos / f"{i}.png")
    engine, out = Engine(device="cpu"), tmp_path / "out"
    found = items([photos], out)
    rows = run(engine, TopImages(KEY, (LAYER,), top=2), found, out).rows.to_pylist()
    files = {item.title: photos / item.name for item in found}
    count = top_images.write(engine, KEY, rows, files, out, "centre")
    channels = sorted({row["channel"] for row in rows})
    assert count == len(channels) == len([*(out / "images").glob(f"{LAYER}_*.png")])
    first = [row for row in rows if row["channel"] == 0]
    seen = [engine.model(KEY).preprocess.see(Photo.open(files[row["file"]])) for row in first]
    shown = np.asarray(Image.open(out / "images" / f"{LAYER}_0.png"))
    gap, side, compared = 4, top_images.SIDE, 0
    for n, (row, pixels) in enumerate(zip(first, seen, strict=True)):
        place = pixels[row["top"] : row["bottom"], row["left"] : row["right"]].astype(float)
        tile = shown[gap : gap + side, gap + n * (side + gap) : gap + n * (side + gap) + side].astype(float)
        if place.shape[0] == place.shape[1]:  # elsewhere the border is filled up
            assert tile.mean((0, 1)) == pytest.approx(place.mean((0, 1)), abs=4)
            compared += 1
    assert compared
    (photos / first[0]["file"]).unlink()
    top_images.write(engine, KEY, rows, files, out, "centre")
    assert np.asarray(Image.open(out / "images" / f"{LAYER}_0.png")).shape[1] < shown.shape[1]
