"""Layers over a folder: what each photo alone shows, put together."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.runtime.folder_layers import Statistics, TopImages
from cnnviz.runtime.folder_work import items, run

KEY, LAYERS = "lecture/cats_gap", ("conv1", "conv3")


@pytest.fixture
def photos(tmp_path, rng):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(9):
        pixels = rng.integers(0, 40 + 24 * i, (60, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture
def answered(engine, photos, tmp_path):
    def ask(question, together=4, out="out"):
        return run(engine, question, items([photos], tmp_path / out), tmp_path / out, together=together)

    return ask


def _maps(engine, photos, layer):
    paths = sorted(photos.glob("*.png"))
    return np.stack([engine.activations(KEY, Photo.open(path), layer).maps for path in paths]).astype(np.float64)


def test_statistics_are_those_of_all_activations_at_once(engine, photos, answered):
    rows = answered(Statistics(KEY, LAYERS)).rows.to_pylist()
    at = 0
    for layer in LAYERS:
        maps = _maps(engine, photos, layer)  # (N, C, h, w)
        for channel in range(maps.shape[1]):
            row, one = rows[at], maps[:, channel]
            at += 1
            assert (row["layer"], row["channel"], row["photos"], row["places"]) == (layer, channel, 9, one.size)
            size = np.abs(one).max()
            for name, wanted in (("mean", one.mean()), ("deviation", one.std()), ("max", one.max())):
                assert row[name] == pytest.approx(wanted, abs=1e-6 * size), name
            assert row["active"] == pytest.approx((one > 0).mean(), abs=1e-3)
            assert row["photos_active"] == (one > 0).any((1, 2)).sum()
    assert at == len(rows)


def test_top_images_are_those_with_the_highest_activation_wherever_batches_end(engine, photos, answered):
    found = answered(TopImages(KEY, LAYERS, top=3)).rows.to_pylist()
    assert [row["file"] for row in found] == [
        row["file"] for row in answered(TopImages(KEY, LAYERS, top=3), 64, "whole").rows.to_pylist()
    ]
    at = 0
    for layer in LAYERS:
        highest = _maps(engine, photos, layer).max((2, 3))  # (N, C, h, w) -> (N, C)
        for channel in range(highest.shape[1]):
            rows, best = found[at : at + 3], np.argsort(-highest[:, channel], kind="stable")[:3]
            at += 3
            assert [row["rank"] for row in rows] == [1, 2, 3]
            assert [row["activation"] for row in rows] == pytest.approx(highest[best, channel], abs=1e-5)
    assert at == len(found)


def test_top_images_have_the_boxes_of_top_patches(engine, photos, answered):
    rows = answered(TopImages(KEY, ("conv2",), top=2)).rows.to_pylist()
    wanted = engine.patches(KEY, "conv2", sorted(photos.glob("*.png")))
    for row in rows:
        k, n = row["channel"], row["rank"] - 1
        if wanted.value[k, n] > wanted.value[k, n + 1] + 1e-6 and (
            n == 0 or wanted.value[k, n - 1] > wanted.value[k, n] + 1e-6
        ):
            assert wanted.photos[wanted.photo[k, n]].endswith(row["file"])
            assert [row[side] for side in ("left", "top", "right", "bottom")] == wanted.box[k, n].tolist()


def test_where_one_photo_changed_its_batch_is_measured_anew(photos, answered, engine):
    question = Statistics(KEY, ("conv1",))
    answered(question)
    Image.new("RGB", (90, 90), "white").save(photos / "00.png")
    (photos / "05.png").write_bytes(b"no photo")
    second = answered(question)
    assert second.computed == 8
    assert [name for name, _ in second.unreadable] == ["05.png"]
    rows = second.rows.to_pylist()
    assert {row["photos"] for row in rows} == {8}
    (photos / "05.png").unlink()
    maps = _maps(engine, photos, "conv1")
    assert [row["mean"] for row in rows] == pytest.approx(maps.mean((0, 2, 3)), abs=1e-6 * np.abs(maps).max())


def test_without_names_all_layers_with_maps_are_measured(engine, answered):
    rows = answered(Statistics(KEY), 64).rows.to_pylist()
    assert list(dict.fromkeys(row["layer"] for row in rows)) == list(engine.map_layers(KEY))


@pytest.mark.parametrize("question", [Statistics(KEY, LAYERS), TopImages(KEY, LAYERS, top=9)])
def test_photos_that_come_back_count_once_whatever_batches_they_were_in(photos, answered, tmp_path, question):
    whole = answered(question, out="whole").rows
    aside = tmp_path / "aside"
    aside.mkdir()
    answered(question, 3)
    for away in (("08",), ("00", "04"), ("00", "01", "02", "03"), ("07", "05")):
        for name in away:
            (photos / f"{name}.png").rename(aside / f"{name}.png")
        assert answered(question, 2).files == 9 - len(away)
        for name in away:
            (aside / f"{name}.png").rename(photos / f"{name}.png")
        found = answered(question, 2)
        if isinstance(question, Statistics):
            assert set(found.rows["photos"].to_pylist()) == {9}
            assert found.rows["photos_active"].equals(whole["photos_active"])
        else:
            assert [row["file"] for row in found.rows.to_pylist()] == [row["file"] for row in whole.to_pylist()]
        assert answered(question, 2).computed == 0
