"""Data sets in the hands of a person: drawn, unpacked, deleted, brought back, and handed over to Train."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cnnviz.data import folder
from cnnviz.data.augment import PRESETS
from tests.journeys.steps import at_rest, open_adding, until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.own_server


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
    open_adding(page)
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
    link = page.get_by_role("link", name="Train a network on Pets_of_mine", exact=True)
    link.wait_for()
    page.wait_for_url("**/data?**set=Pets_of_mine**")
    page.reload()
    link.wait_for()
    at_rest(page)
    assert shown_set(page) == "Pets_of_mine"
    for part in (link, page.locator(".st-key-batch img").last, page.locator(".st-key-augmented img")):
        box = part.first.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 900  # batch, augmentation and the way to Train on the first screen
    link.click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "Pets_of_mine"
    page.wait_for_url("**set=Pets_of_mine**")
    page.reload()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "Pets_of_mine"
    page.goto("/train?set=Pets_of_mine")
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    assert shown_set(page) == "Pets_of_mine"


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
    own(shelf, "mine")
    page.goto("/data?set=mine")
    open_adding(page)
    page.get_by_label("Images per class", exact=True).fill("5")
    page.get_by_label("Images per class", exact=True).press("Enter")
    at_rest(page)
    page.get_by_role("button", name="Generate").click()
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


def test_a_zip_that_is_no_data_set_is_refused_and_its_name_stays_free(page: Page, shelf: Path):
    own(shelf, "mine")
    page.goto("/data?set=mine")
    page.get_by_text("Another batch").wait_for()
    unpack(page, "birds.zip", archive(*(f"robin/{i}.png" for i in range(4))))
    page.get_by_text("have to be at least two classes").wait_for()
    assert not (shelf / "birds").exists()
    page.reload()
    page.get_by_text("Another batch").wait_for()
    assert "birds" not in held(page).inner_text()
    unpack(page, "birds.zip", archive(*TWO, "readme.txt", "cover.png"))
    page.wait_for_url("**set=birds**")
    for told in (
        "Unpacked: 20 images in 2 classes.",
        "Left out, images in no class folder: 1 (cover.png).",
        "Left out, files that are no images: 1 (readme.txt).",
        "No val folder: 4 images were drawn from all classes for validation.",
    ):
        page.get_by_text(told).wait_for()
    data = folder.read(shelf / "birds")
    assert (len(data.train), len(data.val)) == (16, 4)


def drag(page: Page, name: str, keys: list[str]) -> None:
    """Moves both thumbs of a slider by keys: the upper one first."""
    for thumb in (1, 0):
        handle = page.get_by_role("slider", name=re.compile(name)).nth(thumb)
        handle.focus()
        for key in keys:
            handle.press(key)
            at_rest(page)  # each press is a rerun of its own


def test_the_name_of_drawn_circles_follows_their_range_until_a_name_is_typed(page: Page, shelf: Path):
    own(shelf, "mine")
    page.goto("/data?set=mine")
    open_adding(page)
    name = page.get_by_label("Name", exact=True).first
    until(name.input_value, "counting_1_5")
    drag(page, "Circles", ["ArrowRight", "ArrowRight"])
    until(name.input_value, "counting_3_7")
    name.fill("counting_2_6")
    name.press("Enter")
    at_rest(page)
    page.get_by_label("Images per class", exact=True).fill("4")
    page.get_by_label("Images per class", exact=True).press("Enter")
    at_rest(page)
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("The name counting_2_6 is for 2 to 6 circles").wait_for()
    name.fill("my own")
    name.press("Enter")
    at_rest(page)
    drag(page, "Circles", ["ArrowRight"])
    until(name.input_value, "my own")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**set=my_own**")
    assert folder.read(shelf / "my_own").classes == ("4", "5", "6", "7", "8")


def taken_over(page: Page, address: str) -> dict:
    """The plan file of Train, opened from Data with the augmentation set there."""
    page.goto(address)
    page.get_by_text("Another batch").wait_for()
    page.get_by_role("link", name=re.compile("with this augmentation")).click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Plan file").click()
    return json.loads(Path(download.value.path()).read_text())


def test_the_augmentation_set_on_data_is_what_train_takes(page: Page, shelf: Path):
    own(shelf, "turned")
    plan = taken_over(page, "/data?set=turned&preset=photos&aug-photos-rotate=45&aug-photos-flip=false")
    wanted = dataclasses.asdict(dataclasses.replace(PRESETS["photos"], rotate=45, flip=False))
    assert Path(plan["data"]).name == "turned"
    assert plan["augment"] == json.loads(json.dumps(wanted))

    plan = taken_over(page, "/data?set=turned&preset=circles")
    assert plan["augment"] == json.loads(json.dumps(dataclasses.asdict(PRESETS["circles"])))


def mixed_up(shelf: Path) -> set[str]:
    """A person's own folder of warm and cold images; the ones that lie under the other class, by their file names."""
    rng, wrong = np.random.default_rng(0), set()
    for label, other, colour in (("cold", "warm", (40, 80, 200)), ("warm", "cold", (220, 120, 40))):
        for i in range(24):
            odd = i in (3, 11)
            place = shelf / "mixed" / "train" / (other if odd else label) / f"{label}{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (64, 64, 3)) + rng.normal(0, 15, 3), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place)
            wrong |= {place.name} if odd else set()
    return wrong


def test_label_errors_are_looked_for_ticked_listed_and_saved_as_a_corrected_copy(page: Page, shelf: Path):
    wrong = mixed_up(shelf)
    before = files(shelf / "mixed")
    page.goto("/data?set=mixed")
    page.get_by_text("Another batch").wait_for()
    at_rest(page)
    page.get_by_role("button", name="Look for label errors").click()
    page.get_by_text("4 of 48, an estimate").wait_for(timeout=120_000)
    at_rest(page)
    tiles = page.locator(".st-key-suspects img")
    assert tiles.count() == 4
    for i in range(4):
        alt = tiles.nth(i).get_attribute("alt") or ""
        name, label, suggested = re.fullmatch(r"train/\w+/(\w+\.png): labelled (\w+), suggested (\w+)", alt).groups()
        assert name in wrong
        assert name.startswith(suggested)
        assert label != suggested
    save = page.get_by_role("button", name="Save as a corrected data set")
    assert save.is_disabled()
    page.get_by_role("button", name="Tick all shown").click()
    page.get_by_text("4 of 4 suggestions are ticked").wait_for()
    page.locator(".st-key-suspects label").first.click()
    page.get_by_text("3 of 4 suggestions are ticked").wait_for()
    at_rest(page)
    with page.expect_download() as loading:
        page.get_by_role("button", name="List as CSV").click()
    listed = loading.value
    assert listed.suggested_filename == "mixed-fixes.csv"
    lines = Path(listed.path()).read_text().splitlines()
    assert lines[0] == "file,action,class,to_class,why"
    assert [sum(f",{action}," in line for line in lines) for action in ("move", "keep")] == [3, 1]
    save.click()
    page.get_by_text("Corrected copy of mixed: 3 moved to another class, 0 removed, 45 as they were.").wait_for()
    page.wait_for_url("**set=mixed-corrected**")
    at_rest(page)
    assert shown_set(page) == "mixed-corrected"
    made = folder.survey(shelf / "mixed-corrected")
    odd = {p.name for p, k in zip(made.train.paths, made.train.labels, strict=True) if made.classes[k] not in p.name}
    assert len(made.train) == 48
    assert len(odd) == 1
    assert odd < wrong
    assert files(shelf / "mixed") == before
