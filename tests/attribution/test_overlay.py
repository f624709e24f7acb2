"""What is drawn on a map lies where the map says."""

from dataclasses import replace

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.attribution import overlay
from cnnviz.attribution.regions import Threshold, cut_out, regions
from cnnviz.photo import Photo


@pytest.fixture
def photo():
    return Photo.sample("coffee")


@pytest.fixture
def heat(photo):
    """A map with one warm disc, as far as a net that takes any photo can make one."""
    from cnnviz import Engine

    found = Engine().heatmap("lecture/cats_gap", photo)
    y, x = np.mgrid[: found.values.shape[0], : found.values.shape[1]]
    far = np.hypot(y - 40, x - 60)
    return replace(found, raw=np.clip(1 - far / 40, 0, 1).astype(np.float32))


def test_without_marks_it_is_the_plain_overlay(photo, heat):
    drawn = np.asarray(overlay.overlay(photo, heat, 0.4, "viridis", side=500, threshold=0.3))
    plain = np.asarray(picture.overlay(photo, heat, 0.4, "viridis", side=500, threshold=0.3))
    np.testing.assert_array_equal(drawn, plain)


def test_what_a_brush_erased_has_no_heat_and_the_opacity_may_follow_it(photo, heat):
    strokes = (((0.5, 0.5, 0.1), (0.6, 0.5, 0.1)),)
    drawn = np.asarray(overlay.overlay(photo, heat, 1.0, seen=True, strokes=strokes, contours=True))
    rows, columns = drawn.shape[:2]
    gone = (drawn == overlay.VEIL).all(-1)
    assert gone[rows // 2, columns // 2 : int(columns * 0.65)].all()
    assert gone.mean() == pytest.approx(np.pi * 0.01 + 0.02, abs=0.01)
    bare = np.asarray(overlay.overlay(photo, heat, 1.0, seen=True, alpha="heat"))
    cold = picture.resize(heat.values, columns, rows) == 0
    np.testing.assert_array_equal(bare[cold], picture.resize(heat.seen, columns, rows)[cold])


def test_contour_lines_lie_where_the_heat_has_their_level_and_nowhere_else(photo, heat):
    plain = np.asarray(overlay.overlay(photo, heat, 1.0, "gray", seen=True), float)
    drawn = np.asarray(overlay.overlay(photo, heat, 1.0, "gray", seen=True, contours=True), float)
    changed = (drawn - plain).max(-1) > 8
    values = picture.resize(heat.values, drawn.shape[1], drawn.shape[0])
    near = np.min([np.abs(values - level) for level in overlay.LEVELS], axis=0)
    assert changed.any()
    assert near[changed].max() < 0.03
    strong = np.abs(values - 0.75) < 0.001
    assert drawn[strong].mean() > 240


@pytest.mark.parametrize("seen", [False, True])
def test_the_first_box_has_its_border_on_the_pieces_edge(photo, heat, seen):
    (box, *_) = regions(heat).boxes
    drawn = np.asarray(overlay.overlay(photo, heat, seen=seen, boxes=True))
    marked = (drawn == overlay.FIRST[0]).all(-1)
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    left, top, width, height = heat.box if seen else (0, 0, photo.width, photo.height)
    down, across = drawn.shape[0] / height, drawn.shape[1] / width
    expected = (box.left - left) * across, (box.left + box.width - left) * across
    assert (columns[0], columns[-1] + 1) == pytest.approx(expected, abs=2 * across + 1)
    expected = (box.top - top) * down, (box.top + box.height - top) * down
    assert (rows[0], rows[-1] + 1) == pytest.approx(expected, abs=2 * down + 1)


def test_what_the_net_saw_is_drawn_without_the_rest(photo, heat):
    drawn = np.asarray(overlay.overlay(photo, heat, 0.0, seen=True))
    height, width = drawn.shape[:2]
    assert height / width == pytest.approx(heat.seen.shape[0] / heat.seen.shape[1], rel=0.01)
    small = picture.resize(drawn, heat.seen.shape[1], heat.seen.shape[0])
    assert np.abs(small.astype(int) - heat.seen).mean() < 4


@pytest.mark.parametrize("way", ["centre", 0.2, "pad", "squash"])
@pytest.mark.parametrize("size", [(600, 400), (300, 700), (900, 120)])
def test_a_warm_place_is_drawn_where_it_lies_in_the_photo_under_every_crop(way, size):
    from cnnviz import Engine

    engine, width, height = Engine(device="cpu"), *size
    photo = Photo.of(np.full((height, width, 3), 90, np.uint8)).with_crop(way)
    found = engine.heatmap("lecture/cats_gap", photo)
    left, top, across, down = found.box
    x, y = (max(0, left) + min(width, left + across)) / 2, (max(0, top) + min(height, top + down)) / 2
    x, y = x + 0.2 * min(across, width), y - 0.2 * min(down, height)  # off the middle of what the network gets
    rows, columns = np.mgrid[:150, :150] + 0.5
    far = np.hypot(left + columns / 150 * across - x, top + rows / 150 * down - y) / (min(width, height) / 8)
    raw = np.clip(1 - far, 0, 1)
    raw[: found.padding[1]] = raw[:, : found.padding[0]] = 0.9  # a warm border, which is no part of the photo
    heat = replace(found, raw=raw.astype(np.float32))
    for drawn in (
        picture.overlay(photo, heat, 1.0, "gray"),
        picture.overlay(photo, heat, 1.0, "gray", side=120),
        overlay.overlay(photo, heat, 1.0, "gray", contours=True),
    ):
        scale = drawn.width / width
        values = np.asarray(drawn, float)[..., 0]
        values[np.abs(values - (0.45 * 90 + 0.55 * 128)) < 2] = 0  # what the network does not get is faded
        weight = np.clip(values - 150, 0, None)
        at = [
            (weight.sum(axis) * (np.arange(n) + 0.5)).sum() / weight.sum()
            for axis, n in ((0, drawn.width), (1, drawn.height))
        ]
        step = max(across / 150, down / 150) * scale
        assert at == pytest.approx([x * scale, y * scale], abs=1.5 * step + 1)
    inside = regions(heat, Threshold(level=0.5, smallest=0))
    assert all(
        b.left >= 0 and b.top >= 0 and b.left + b.width <= width and b.top + b.height <= height for b in inside.boxes
    )
    box = inside.boxes[0]
    assert (box.left + box.width / 2, box.top + box.height / 2) == pytest.approx((x, y), abs=2 * across / 150 + 1)
    alpha = cut_out(photo, heat, inside)[..., 3]
    assert alpha.shape == pytest.approx((box.height, box.width), abs=max(2.0, 0.2 * min(width, height)))
    seen = np.asarray(overlay.overlay(photo, heat, seen=True, boxes=True))
    assert seen.shape[0] == seen.shape[1]
    for box in regions(heat).boxes[:1]:  # where it is large enough
        marked = np.asarray(overlay.overlay(photo, heat, boxes=True)) == overlay.FIRST[0]
        rows, columns = np.flatnonzero(marked.all(-1).any(1)), np.flatnonzero(marked.all(-1).any(0))
        assert (columns[0], rows[0]) == pytest.approx((box.left, box.top), abs=2)
        marked, grain = seen == overlay.FIRST[0], len(seen)
        rows, columns = np.flatnonzero(marked.all(-1).any(1)), np.flatnonzero(marked.all(-1).any(0))
        corner = (box.left - left) / across * grain, (box.top - top) / down * grain
        assert (columns[0], rows[0]) == pytest.approx(corner, abs=grain / 150 + 1)
