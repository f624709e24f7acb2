"""Data sets in the hands of a person: drawn, unpacked, deleted, brought back, and handed over to Train."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.journeys.conftest import at_rest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@pytest.fixture
def shelf(dashboard) -> Path:
    """The server's folder of data sets."""
    return dashboard.places / "data"


def png(seed: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(data, "PNG")
    return data.getvalue()


def archive(*names: str) -> bytes:
    """A zip of files: images where the name says so."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for seed, name in enumerate(names):
            out.writestr(name, png(seed) if name.endswith(".png") else b"words")
    return data.getvalue()


def unpack(page: Page, name: str, data: bytes) -> None:
    """Gives the Data page, which is open, a zip, and has it unpacked."""
    add = page.get_by_text("Add a data set", exact=True)
    if not page.get_by_role("tab", name="Upload a zip").is_visible():
        add.click()
    page.get_by_role("tab", name="Upload a zip").click()
    file = {"name": name, "mimeType": "application/zip", "buffer": data}
    page.get_by_test_id("stMain").locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("button", name="Unpack").click()


def own(shelf: Path, name: str) -> Path:
    """A folder of the person's own: two classes of images, and notes beside them."""
    for i in range(10):
        place = shelf / name / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(i))
    (shelf / name / "thesis.txt").write_text("years of work")
    return shelf / name


def shown_set(page: Page) -> str:
    """The data set that the list shows."""
    value: str = page.get_by_role("combobox", name=re.compile("Data set")).first.input_value()
    return value


def held(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def files(root: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


TWO = [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(10)]


def test_train_a_net_on_it_opens_the_set_just_unpacked_by_click_link_and_reload(page: Page, shelf: Path):
    own(shelf, "aaa")
    page.goto("/data")
    page.get_by_text("Another batch").wait_for()
    unpack(page, "Pets of mine.zip", archive(*TWO))
    page.get_by_text("Another batch").wait_for()
    link = page.get_by_role("link", name=re.compile("pets_of_mine"))
    link.wait_for()
    link.click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "pets_of_mine"
    page.wait_for_url("**set=pets_of_mine**")
    page.reload()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "pets_of_mine"
    page.goto("/train?set=pets_of_mine")
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "pets_of_mine"


def test_a_folder_of_ones_own_has_no_delete_and_says_where_it_lies(page: Page, shelf: Path):
    place = own(shelf, "mine")
    before = files(shelf)
    (shelf / "elsewhere").symlink_to(place)
    for name in ("mine", "elsewhere"):
        page.goto(f"/data?set={name}")
        page.get_by_text("Another batch").wait_for()
        at_rest(page)
        assert page.get_by_role("button", name=re.compile("Delete")).count() == 0
        page.get_by_text(
            f"cnnviz did not make this folder and does not delete it. It lies in {shelf / name}"
        ).wait_for()
    (shelf / "elsewhere").unlink()
    assert files(shelf) == before


def test_a_drawn_set_is_deleted_into_the_trash_and_brought_back(page: Page, shelf: Path):
    page.goto("/data?set=mine")
    page.get_by_label("Pictures of each number").wait_for(state="attached")
    if not page.get_by_label("Pictures of each number").is_visible():
        page.get_by_text("Add a data set", exact=True).click()
    page.get_by_label("Pictures of each number").fill("5")
    page.get_by_label("Pictures of each number").press("Enter")
    at_rest(page)
    page.get_by_role("button", name="Draw them all").click()
    page.wait_for_url("**set=counting_1_5**")
    at_rest(page)
    place = shelf / "counting_1_5"
    before = files(place)
    assert len(before) == 26
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete counting_1_5").click()
    undo = page.get_by_role("button", name="Undo")
    undo.wait_for()
    assert not place.exists()
    assert (shelf / ".trash").is_dir()
    undo.click()
    undo.wait_for(state="detached")
    at_rest(page)
    assert files(place) == before
    assert shown_set(page) == "counting_1_5"

    (place / "train" / "1" / "grandmother.png").write_bytes(png(1))  # what was put in later is the person's
    page.reload()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete counting_1_5").click()
    page.get_by_text("was changed after cnnviz made it").wait_for()
    assert len(files(place)) == 27
