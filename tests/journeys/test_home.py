"""Home and the network picker: they name the same network, and say which classes it has."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cnnviz.photo import Photo
from tests.journeys.steps import at_rest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.dashboard import Dashboard

FIRST = "Cats and dogs"


@pytest.fixture
def weights(dashboard: Dashboard):
    """A file that is no checkpoint, and an ImageNet network with random weights, in the server's folder."""
    import torch
    import torchvision

    folder = dashboard.places / "weights"
    broken, good = folder / "broken.pth", folder / "squeezenet1_1-b8a52dc0.pth"
    broken.write_bytes(b"this is no checkpoint")
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), good)
    yield folder
    broken.unlink()
    good.unlink()


def picker(page: Page):
    return page.locator("section[data-testid=stSidebar]").get_by_role("combobox", name="Network", exact=True)


def picked(page: Page) -> str:
    return picker(page).input_value()


def pick(page: Page, typed: str, option: str) -> None:
    picker(page).click()
    picker(page).fill(typed)
    page.get_by_role("option", name=re.compile(option)).first.click()
    at_rest(page)


def test_the_first_screen_names_the_product_and_takes_a_photo(page: Page):
    page.goto("/")
    page.get_by_role("heading", name="cnnviz", exact=True).wait_for()
    page.get_by_role("list", name="Predictions").wait_for()
    at_rest(page)
    invitation = page.locator("[data-testid=stFileUploader]", has_text="Add your photo")
    assert invitation.bounding_box()["y"] < 300
    file = io.BytesIO()
    Image.fromarray(Photo.sample("coffee").pixels).save(file, "PNG")
    given = {"name": "my coffee.png", "mimeType": "image/png", "buffer": file.getvalue()}
    invitation.locator("input[type=file]").set_input_files(given)
    page.get_by_alt_text("The photo my coffee.png", exact=True).wait_for()


@pytest.mark.parametrize("width", [1400, 390])
def test_a_refused_photo_is_said_under_the_first_screens_uploader_until_the_next_is_refused(page: Page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/")
    page.get_by_role("list", name="Predictions").wait_for()
    at_rest(page)
    uploader = page.locator("[class*=st-key-invite-]")
    uploader.locator("input").set_input_files({"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"none"})
    refusal = page.get_by_test_id("stMain").get_by_text("broken.jpg")
    refusal.wait_for()
    at_rest(page)  # with the fresh uploader that follows
    above, below = uploader.bounding_box(), refusal.bounding_box()
    assert 0 <= below["y"] - above["y"] - above["height"] < 60
    assert page.get_by_text("broken.jpg").count() == 1
    uploader.locator("input").set_input_files(
        {"name": "large.png", "mimeType": "image/png", "buffer": bytes((32 << 20) + 1)}
    )
    page.get_by_text("must be 32").wait_for()
    refusal.wait_for(state="hidden")


def test_imagenet_is_found_in_the_list_of_networks(page: Page):
    page.goto("/")
    page.get_by_role("list", name="Predictions").wait_for()
    picker(page).click()
    picker(page).fill("imagenet")
    page.get_by_role("option", name=re.compile("ResNet-18")).first.wait_for()
    assert not page.get_by_role("option", name=re.compile(FIRST)).count()


def test_a_network_that_cannot_be_had_leaves_picker_and_page_with_the_same_one(page: Page, weights):
    page.goto("/?model=bundled/cats_dogs")
    page.get_by_role("list", name="Predictions").wait_for()
    at_rest(page)
    before = picked(page)
    for _ in range(2):  # and once more, after it was refused
        pick(page, "broken", "broken")
        page.locator("[data-testid=stAlert]", has_text="broken").first.wait_for()
        assert picked(page) == before
        assert "broken" not in page.url
        page.get_by_text("This network has 2 classes").wait_for()
    page.goto("/?model=file/broken")
    page.locator("[data-testid=stAlert]", has_text="broken").first.wait_for()
    at_rest(page)
    assert picked(page) == before


@pytest.mark.parametrize("place", ["/", "/class_activation"])
def test_a_network_of_few_classes_names_them_and_offers_one_with_more(page: Page, weights, place: str):
    page.goto(f"{place}?model=bundled/cats_dogs")
    page.get_by_text("This network has 2 classes: cat, dog.").wait_for()
    at_rest(page)
    page.get_by_role("button", name=re.compile("ImageNet")).click()
    page.get_by_text("This network has 2 classes").wait_for(state="detached")
    at_rest(page)
    assert "SqueezeNet" in picked(page)
    assert "model=squeezenet1_1" in page.url
    assert len(page.get_by_role("list", name="Predictions").last.get_by_role("listitem").all()) >= 5
    pick(page, FIRST, "bundled")
    page.get_by_text("This network has 2 classes: cat, dog.").wait_for()


def test_an_address_alone_opens_with_imagenet_and_a_link_means_what_it_meant(page: Page, weights):
    page.goto("/class_activation")
    page.get_by_role("list", name="Predictions").wait_for()
    at_rest(page)
    assert "SqueezeNet" in picked(page)
    assert "model=squeezenet1_1" in page.url
    pick(page, FIRST, "bundled")
    assert page.url.endswith("model=bundled%2Fcats_dogs")  # or a reload would open with the other
    page.reload()
    page.get_by_text("This network has 2 classes: cat, dog.").wait_for()
    at_rest(page)
    assert FIRST in picked(page)
    page.goto("/activations?layer=relu2")  # a link that was made where there was no other network
    page.locator(".st-key-layer").wait_for()
    at_rest(page)
    assert FIRST in picked(page)


@pytest.mark.parametrize(("address", "size"), [("/?", (1280, 720)), ("/activations?", (1920, 1080))])
def test_on_a_projector_the_frame_of_a_square_picture_is_square(page: Page, address: str, size: tuple[int, int]):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{address}model=bundled/cats_dogs&present=true")
    page.locator(".stImage img").last.wait_for()
    at_rest(page)
    sides = """all => all.filter(one => one.naturalWidth === one.naturalHeight)
      .map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])"""
    squares = page.locator("[data-testid=stMain] .stImage img").evaluate_all(sides)
    assert squares
    assert all(abs(wide - high) < 1 for wide, high in squares), squares
