"""Photos on their way: in order, a few at once, and what cannot be read named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from cnnviz.runtime.folder_questions import opening
from cnnviz.runtime.photo_batches import through
from cnnviz.runtime.shards import Item


@pytest.fixture
def items(tmp_path, rng):
    found = []
    for i in range(11):
        path = tmp_path / f"{i:02}.png"
        Image.fromarray(rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)).save(path)
        found.append(Item(path.name, str(path), "0"))
    (tmp_path / "04.png").write_bytes(b"no photo")
    return found


def test_rows_come_in_the_order_of_the_files_and_broken_ones_are_named(engine, items):
    asked = []

    def compute(inputs):
        asked.append(len(inputs))
        return [one.photo.height for one in inputs]

    with ThreadPoolExecutor(3) as pool:
        rows, errors = through(
            items,
            pool,
            3,
            opening(engine.model("lecture/cats_gap"), "centre"),
            compute,
            lambda item, one, high: {item.name: high},
        )
    assert rows == [{f"{i:02}.png": 20 + i} for i in range(11) if i != 4]
    assert asked == [3, 2, 3, 2]
    assert list(errors) == ["04.png"]
    assert "04.png" in errors["04.png"]


def test_what_goes_wrong_in_a_thread_comes_out(items):
    def finish(item, one, answer):
        raise OSError("no space left")

    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="no space left"):
        through(items, pool, 4, lambda item: item.name, lambda some: [0] * len(some), finish)
