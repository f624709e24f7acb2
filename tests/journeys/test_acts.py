"""Four errands in fewest acts. A click, a text typed, a key pressed and a file dropped are one act each."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cnnviz.photo import Photo
from tests.journeys.steps import at_rest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.own_server


class Acts:
    """A person's hands, counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.done = page, 0

    def click(self, what: Locator) -> None:
        what.first.click()
        self.done += 1

    def write(self, what: Locator, text: str) -> None:
        what.fill(text)
        self.done += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.done += 1

    def drop(self, where: Locator, name: str, data: bytes) -> None:
        where.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})
        self.done += 1

    def at_most(self, wanted: int) -> None:
        print(f"{self.done} acts")
        assert self.done <= wanted


def home(page: Page, query: str = "") -> None:
    page.goto(f"/{query}")
    page.get_by_role("list", name="Predictions").wait_for()
    at_rest(page)


def coffee() -> bytes:
    file = io.BytesIO()
    Image.fromarray(Photo.sample("coffee").pixels).save(file, "PNG")
    return file.getvalue()


def test_my_photo_becomes_the_heat_map_of_a_class_as_png_in_five_acts(page: Page):
    home(page, "?model=lecture/mnist_gap")
    acts = Acts(page)
    acts.drop(page.locator("[class*=st-key-invite-] input[type=file]"), "mine.png", coffee())
    page.get_by_alt_text("The photo mine.png", exact=True).wait_for()
    at_rest(page)
    acts.click(page.get_by_role("link", name="Explain this prediction"))
    page.locator(".cam canvas").wait_for()
    at_rest(page)
    field = page.locator(".st-key-pick-class input")
    assert field.bounding_box()["y"] < 900  # in sight, without scrolling
    acts.write(field, "· 7")
    acts.press("Enter")
    page.wait_for_url(re.compile("class=7"))
    at_rest(page)
    with page.expect_download() as got:
        acts.click(page.locator(".st-key-png-heatmap button"))
    assert re.match(r"mine_7_", got.value.suggested_filename)
    with Image.open(got.value.path()) as saved:
        assert min(saved.size) > 300
    acts.at_most(5)


def test_my_checkpoint_shows_its_feature_maps_in_two_acts(page: Page, tmp_path: Path):
    import torch
    import torchvision

    torch.manual_seed(3)
    file = io.BytesIO()
    torch.save(torchvision.models.squeezenet1_1(num_classes=3).state_dict(), file)
    home(page)
    acts = Acts(page)
    acts.click(page.get_by_role("button", name="Load a network"))
    acts.drop(page.locator(".st-key-checkpoint-0 input[type=file]"), "three birds.pth", file.getvalue())
    page.wait_for_url("**model=file*three_birds*")
    at_rest(page)
    assert page.locator(".st-key-stages img").count() >= 4
    acts.at_most(2)
    acts.click(page.locator(".st-key-stages a"))
    page.locator(".maps[data-drawn]").wait_for()  # every channel of a layer
    acts.at_most(3)
    page.get_by_role("button", name="Remove three_birds").click()
    at_rest(page)


@pytest.mark.timeout(300)
def test_a_folder_becomes_a_network_and_what_it_attends_to_in_seven_acts(page: Page):
    data, rng = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(data, "w") as out:
        for i in range(24):  # dark and bright
            file = io.BytesIO()
            Image.fromarray(rng.integers(128 * (i % 2), 128 + 127 * (i % 2), (64, 64, 3), dtype=np.uint8)).save(
                file, "PNG"
            )
            out.writestr(f"{'bright' if i % 2 else 'dark'}/{i}.png", file.getvalue())
    home(page)
    acts = Acts(page)
    acts.click(page.get_by_test_id("stSidebar").get_by_role("link", name="Data", exact=True))
    page.get_by_text("Upload a zip", exact=True).wait_for()
    at_rest(page)
    acts.click(page.get_by_role("tab", name="Upload a zip"))
    acts.drop(page.locator(".st-key-zip input[type=file]"), "light.zip", data.getvalue())
    acts.click(page.get_by_role("button", name="Unpack"))
    acts.click(page.get_by_role("link", name="Train a network on light", exact=True))
    train = page.get_by_role("button", name="Train", exact=True)
    train.wait_for()
    at_rest(page)
    acts.click(train)
    link = page.get_by_test_id("stMain").get_by_role("link", name="Class activation")
    link.first.wait_for(timeout=240_000)
    at_rest(page)
    acts.click(link)
    page.locator(".cam canvas").wait_for()
    page.wait_for_url(re.compile("model=run"))
    acts.at_most(7)


def test_a_horizontal_edge_is_on_the_projector_in_two_acts(page: Page):
    page.set_viewport_size({"width": 1920, "height": 1080})
    home(page)
    acts = Acts(page)
    acts.click(page.get_by_test_id("stSidebar").get_by_role("link", name="Convolution lab", exact=True))
    page.locator(".lab .total").first.wait_for()
    at_rest(page)
    acts.click(page.locator(".st-key-present label"))
    page.get_by_test_id("stSidebar").wait_for(state="hidden")
    at_rest(page)
    out = page.locator(".lab canvas.out")
    assert out.bounding_box()["height"] > 300
    assert "Horizontal edge" in page.locator(".lab").inner_text()
    acts.at_most(2)
