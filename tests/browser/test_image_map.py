"""The map of a data set in Chromium: panned, zoomed, pointed at, selected from, by hand, by finger and by key."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cnnviz.data.counting import Counting, write

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.dashboard import Dashboard

pytestmark = pytest.mark.own_server
COUNT = 90


@pytest.fixture(scope="module")
def shelf(dashboard: Dashboard) -> Path:
    """The server's folder of data sets, with three classes of 30 images."""
    place = dashboard.places / "data"
    write(place / "dots", Counting(low=1, high=3, per_class=30, size=48, smallest=3, largest=6))
    return place


@pytest.fixture
def canvas(page: Page, shelf: Path) -> Locator:
    """The map, drawn after a click; nothing was drawn before."""
    page.goto("/data?set=dots&map-net=lecture/cats_gap")
    found = page.locator(".mapstage > canvas")
    button = page.get_by_role("button", name="Map of the images")
    button.or_(found).first.wait_for()
    if not found.count():
        button.click()
    found.wait_for()
    page.locator(".imagemap[data-shown]").wait_for()
    page.wait_for_timeout(800)  # until the thumbnails have come
    assert button.count() == 0  # it has done what it says
    found.scroll_into_view_if_needed()
    return found


def shown(page: Page) -> tuple[int, int]:
    """How many thumbnails are drawn, and of how many images in view."""
    page.wait_for_timeout(700)  # until the view has stopped gliding
    found = re.match(r"(\d+) thumbnails of (\d+)", page.locator(".imagemap").get_attribute("data-shown") or "")
    assert found
    return int(found[1]), int(found[2])


def pixels(canvas: Locator) -> np.ndarray:
    """What the canvas shows, uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)


def drawn(canvas: Locator) -> np.ndarray:
    """Where something else than the ground is drawn, bool (H, W)."""
    seen = pixels(canvas)
    return np.abs(seen - seen[2, seen.shape[1] // 2]).max(2) > 24


def somewhere(page: Page, canvas: Locator) -> tuple[float, float, str]:
    """A place in the window with an image under it, and the file that is told there."""
    box = canvas.bounding_box()
    assert box
    rows, columns = np.nonzero(drawn(canvas)[60:-60, 90:-90])
    for i in range(0, len(rows), max(1, len(rows) // 40)):
        x, y = box["x"] + float(columns[i]) + 90, box["y"] + float(rows[i]) + 60
        page.mouse.move(x, y)
        page.wait_for_timeout(60)
        if page.locator(".maptip").is_visible():
            return x, y, told(page)
    raise AssertionError("there is no image under the pointer anywhere")


def told(page: Page) -> str:
    return page.locator(".maptip b").inner_text()


def test_dragging_moves_the_images_with_the_hand_and_the_wheel_zooms_where_it_is(page: Page, canvas: Locator):
    assert shown(page)[1] == COUNT
    assert drawn(canvas).mean() > 0.01
    x, y, file = somewhere(page, canvas)
    assert re.fullmatch(r"(train|val)/[123]/\d+\.png", file)
    page.mouse.down()
    page.mouse.move(x + 70, y - 40, steps=6)
    page.mouse.up()
    page.mouse.move(x + 5, y + 160)
    page.mouse.move(x + 70, y - 40)
    page.wait_for_timeout(200)
    assert told(page) == file
    before = shown(page)
    for _ in range(8):
        page.mouse.wheel(0, -150)
        page.wait_for_timeout(50)
    after = shown(page)
    assert after[1] < before[1]
    assert told(page) == file  # what is under the pointer stays there
    page.get_by_role("button", name="Reset view").click()
    assert shown(page)[1] == COUNT
    few, _ = shown(page)
    page.get_by_role("slider", name="Size of the thumbnails").fill("16")
    assert shown(page)[0] > few  # smaller ones find more room
    page.get_by_role("button", name="Dots", exact=True).click()
    assert shown(page) == (0, COUNT)


def test_a_loop_selects_images_and_saves_them_with_their_classes_and_escape_lets_go(
    page: Page, canvas: Locator, tmp_path: Path, shelf: Path
):
    box = canvas.bounding_box()
    assert box
    left, top, right, bottom = 4, 4, box["width"] - 4, box["height"] - 4
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    chosen = page.get_by_role("region", name="Selected images")
    chosen.get_by_role("heading").wait_for()
    assert chosen.get_by_role("heading").inner_text().startswith(f"{COUNT} images selected")
    assert chosen.locator(".mapcounts li").all_inner_texts() == ["1 30", "2 30", "3 30"]
    with page.expect_download() as download:
        chosen.get_by_role("button", name="Download as CSV").click()
    download.value.save_as(tmp_path / "selection.csv")
    rows = [*csv.DictReader((tmp_path / "selection.csv").read_text(encoding="utf-8").splitlines())]
    assert download.value.suggested_filename == "dots-selection.csv"
    assert sorted(row["file"] for row in rows) == sorted(
        path.relative_to(shelf / "dots").as_posix() for path in (shelf / "dots").rglob("*.png")
    )
    assert all(row["file"].split("/")[1] == row["class"] for row in rows)
    page.locator(".mapstage").focus()
    page.keyboard.press("Escape")
    chosen.get_by_role("heading").wait_for(state="detached")


def test_a_class_of_the_legend_stands_alone_and_the_others_are_gray(page: Page, canvas: Locator):
    page.get_by_role("button", name="Dots", exact=True).click()
    shown(page)
    colourful = np.ptp(pixels(canvas), axis=2) > 60
    one = page.locator(".maplegend button").first
    one.click()
    shown(page)
    assert one.get_attribute("aria-pressed") == "true"
    alone = np.ptp(pixels(canvas), axis=2) > 60
    assert 0 < alone.sum() < 0.75 * colourful.sum()
    assert not (alone & ~colourful).sum() > 0.1 * alone.sum()
    assert drawn(canvas).sum() > 0.7 * colourful.sum()  # the gray ones are still there


def test_keys_move_zoom_point_and_open_and_neighbours_come_most_similar_first(page: Page, canvas: Locator):
    stage = page.get_by_role("application")
    page.get_by_role("button", name="Zoom in").focus()
    for _ in range(6):  # to the map, past the other buttons
        page.keyboard.press("Tab")
        if stage.evaluate("(e) => e.getRootNode().activeElement === e"):
            break
    page.locator(".maptip").wait_for()
    first = told(page)
    for _ in range(4):
        page.keyboard.press("+")
    closer = shown(page)
    assert closer[1] < COUNT
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    shown(page)
    assert told(page) != first
    page.keyboard.press("0")
    assert shown(page)[1] == COUNT
    assert "data" in page.url
    page.keyboard.press("Enter")
    near = page.get_by_role("region", name="Nearest neighbours")
    near.locator(".maprows li").nth(11).wait_for()
    assert near.locator(".maprows li").count() == 12
    cosines = [float(re.search(r"(\d\.\d+)", row)[1]) for row in near.locator(".maprows li").all_inner_texts()]
    assert cosines == sorted(cosines, reverse=True)
    assert near.locator("b").first.inner_text() == told(page)
    row = near.locator(".maprows button").first
    name = row.locator(".file").inner_text()
    row.click()
    near.locator(".mapopened b").filter(has_text=name).wait_for()
    near.locator(".maprows li").nth(11).wait_for()


def test_two_fingers_zoom_and_one_moves(page: Page, canvas: Locator):
    box = canvas.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x + right, "y": y + below, "id": i} for i, (right, below) in enumerate(places)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (-30, 0))
    touch("touchStart", (-30, 0), (30, 0))
    for far in range(40, 170, 10):
        touch("touchMove", (-far, 0), (far, 0))
    touch("touchEnd")
    closer = shown(page)
    assert closer[1] < COUNT
    before = pixels(canvas)
    touch("touchStart", (0, 0))
    for far in range(10, 100, 10):
        touch("touchMove", (far, 0))
    touch("touchEnd")
    shown(page)
    after = pixels(canvas)
    moved, still = (np.abs(after[:, 90:-90] - before[:, shift:][:, : after.shape[1] - 180]).mean() for shift in (0, 90))
    assert moved < 0.5 * still
