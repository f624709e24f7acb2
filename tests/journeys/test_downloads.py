"""What is downloaded is what is shown: each file is decoded and compared with the picture or numbers on the page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from tests.journeys.seen import settled
from tests.journeys.steps import at_rest, frames, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET = "bundled/cats_dogs"
# Where: (the key of the button, the picture on the page, levels of 255 that they may differ by on average)
FILES: dict[str, list[tuple[str, str, float]]] = {
    "": [("png-home", "img[alt^='Heat map']", 3)],
    "class_activation?photo=rocket&look=0.9,0,viridis,overlay,photo,00,0.5": [("png-heatmap", ".cam canvas", 6)],
    "filters?layer=conv2&many=4&auto-steps=16&shown=2": [
        ("png-conv2_2", ".st-key-growth canvas", 4),
        ("file-GIF", ".st-key-growth canvas", 8),
        ("file-MP4", ".st-key-growth canvas", 8),
        ("file-Contact-sheet", ".st-key-filter-tiles img", 4),
        ("file-All-as-MP4", ".st-key-filter-tiles img", 9),
    ],
    "convolution?input=photo&photo=rocket": [("png-convolution", ".lab canvas.out", 6)],
    "convolution?lab-view=Receptive+field&photo=coffee": [("png-stack", ".lab canvas.photo", 5)],
    "convolution?lab-view=Full-size+photo&photo=rocket": [
        ("png-convolution-full", "img[alt*='over the whole photo']", 4),
    ],
    "gabor?photo=coffee": [("png-gabor", "canvas.answer", 6)],
    "data": [("png-augmentation", "img[alt^='The original image']", 4)],
}


def small(image: np.ndarray) -> np.ndarray:
    shrunk = Image.fromarray(np.ascontiguousarray(image[..., :3])).resize((24, 24), Image.Resampling.BOX)
    return np.asarray(shrunk).astype(float)


def far(a: np.ndarray, b: np.ndarray) -> float:
    """How far two images are apart, in levels of 255."""
    return float(np.abs(small(a) - small(b)).mean())


def taken(page: Page, key: str) -> Path:
    """What a button saves, under its own name."""
    with page.expect_download() as got:
        page.locator(f".st-key-{key} button").first.click()
    place = Path(got.value.path())
    named = place.with_name(got.value.suggested_filename)
    place.rename(named)
    return named


def decoded(file: Path) -> np.ndarray:
    """The image in a file, or the last frame of a film."""
    if file.suffix == ".mp4":
        with av.open(str(file)) as film:
            *_, last = film.decode(video=0)
        return last.to_ndarray(format="rgb24")
    with Image.open(file) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("place", FILES)
def test_a_picture_that_is_downloaded_is_the_one_that_is_shown(page: Page, place: str):
    page.goto(f"/{place}")
    for key, css, levels in FILES[place]:
        page.locator(f".st-key-{key} button").first.wait_for()
        settled(page)
        page.mouse.move(2, 2)
        frames(page.get_by_test_id("stMain"))
        shown = pixels(page.get_by_test_id("stMain").locator(css).first)
        saved = decoded(taken(page, key))
        if key in ("png-heatmap", "png-stack"):  # title, colours and caption stand below the picture
            high = round(saved.shape[1] * shown.shape[0] / shown.shape[1])
            assert saved.shape[0] > high + 40
            saved = saved[:high]
        assert far(saved, shown) <= levels, key


def test_numbers_that_are_downloaded_are_the_engine_s(page: Page, engine: Engine):
    coffee = Photo.sample("coffee")
    page.goto("/?photo=coffee")
    page.locator(".st-key-npy-home button").first.wait_for()
    at_rest(page)
    np.testing.assert_array_equal(np.load(taken(page, "npy-home")), engine.heatmap(NET, coffee).values)
    page.goto("/activations?photo=coffee&sort=max")
    page.locator(".maps[data-drawn]").wait_for()
    at_rest(page)
    layer = re.search(r"Channels of (\S+)\.", page.locator(".maps .scroll").first.get_attribute("aria-label"))[1]
    np.testing.assert_array_equal(np.load(taken(page, "npy-activations")), engine.activations(NET, coffee, layer).maps)


@pytest.mark.timeout(240)
def test_each_proof_s_files_are_what_it_shows(page: Page, engine: Engine):
    cat = Photo.sample("cat")
    heat = engine.heatmap(NET, cat)
    page.goto("/class_activation?photo=cat")
    page.locator(".cam canvas").wait_for()
    at_rest(page)

    def view(name: str) -> None:
        page.locator(".st-key-proof").get_by_role("radio", name=re.compile(name)).click()
        settled(page)

    for name, css in (("All", ".cv-ladder img"), ("Sanity", ".cv-dial img")):
        view(name)
        page.locator(".st-key-png-proof button").first.wait_for()
        every = [pixels(one)[..., :3] for one in page.locator(css).all()]
        sheet, (height, width) = decoded(taken(page, "png-proof")), every[0].shape[:2]
        columns = round((sheet.shape[1] + 6) / (width + 6))
        for n, one in enumerate(every):
            top, left = n // columns * (height + 6), n % columns * (width + 6)
            assert far(sheet[top : top + height, left : left + width], one) < 3, (name, n)
    view("Faithfulness")
    file = taken(page, "csv-proof")
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    own = engine.faithfulness(NET, cat, heat)
    np.testing.assert_allclose([float(row["deletion"]) for row in rows], own.deletion, rtol=1e-4)
    np.testing.assert_allclose([float(row["insertion"]) for row in rows], own.insertion, rtol=1e-4)
    view("Regions|Boxes")
    card = json.loads(taken(page, "json-boxes").read_text())
    listed = " ".join(settled(page).words)
    for box in card["boxes"]:
        assert all(str(box[side]) in listed for side in ("left", "top", "width", "height"))
    cut = np.asarray(Image.open(taken(page, "png-cut")).convert("RGBA")).astype(float)
    flat = cut[..., :3] * cut[..., 3:] / 255 + 128 * (1 - cut[..., 3:] / 255)
    shown = pixels(page.get_by_test_id("stMain").locator("img[alt*='cut out']").first)
    assert far(flat.astype(np.uint8), shown) < 4
