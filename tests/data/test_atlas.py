"""Sheets of thumbnails have the decoder's pixels, each at its place."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz import picture
from cnnviz.data import atlas
from cnnviz.data.decode import decode
from cnnviz.models.preprocess import Preprocess


@pytest.fixture
def paths(tmp_path: Path, rng) -> list[Path]:
    made = []
    for i in range(70):
        place = tmp_path / f"{i}.{'png' if i % 2 else 'jpg'}"
        small = rng.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(small).resize((50 + i, 40 + 2 * (i % 7)), Image.Resampling.BICUBIC).save(place)
        made.append(place)
    return made


def done(work):
    shares = []
    try:
        while True:
            shares.append(next(work))
    except StopIteration as end:
        return end.value, shares


def test_thumbnails_are_what_the_decoder_gives_in_order_and_shares_rise_to_one(paths):
    small, shares = done(atlas.thumbnails(paths))
    for one, path in zip(small, paths, strict=True):
        np.testing.assert_array_equal(one, decode(path, Preprocess(atlas.SIDE, atlas.SIDE)))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) == 2


def test_an_image_that_cannot_be_read_is_gray_and_the_others_stand_where_they_belong(paths):
    paths[3].write_bytes(b"no image")
    small, _ = done(atlas.thumbnails(paths))
    assert (small[3] == picture.GAP).all()
    np.testing.assert_array_equal(small[4], decode(paths[4], Preprocess(atlas.SIDE, atlas.SIDE)))


def test_a_sheet_has_each_thumbnail_at_its_row_and_column_and_none_runs_into_its_neighbour(rng):
    side, count = atlas.SIDE, atlas.SHEET + 40
    flat = np.repeat(np.repeat(rng.integers(0, 256, (count, 1, 1, 3), np.uint8), side, 1), side, 2)
    files = atlas.sheets(flat)
    assert len(files) == 2
    for i in [0, 1, 31, 32, 33, 500, atlas.SHEET - 1, atlas.SHEET, count - 1]:
        sheet = np.asarray(Image.open(io.BytesIO(files[i // atlas.SHEET])))
        row, column = divmod(i % atlas.SHEET, atlas.ACROSS)
        tile = sheet[row * side : (row + 1) * side, column * side : (column + 1) * side].astype(int)
        assert np.abs(tile - flat[i]).max() <= 3, i
    last = Image.open(io.BytesIO(files[1]))
    assert last.size == (atlas.ACROSS * side, 2 * side)  # 40 in two rows


def test_a_thumbnail_in_a_sheet_is_near_the_decoders_pixels(paths):
    small, _ = done(atlas.thumbnails(paths))
    sheet = np.asarray(Image.open(io.BytesIO(atlas.sheets(small)[0]))).astype(int)
    for i, path in enumerate(paths):
        row, column = divmod(i, atlas.ACROSS)
        tile = sheet[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
        assert np.abs(tile - decode(path, Preprocess(32, 32))).mean() < 4
