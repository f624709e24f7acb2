"""Files brought along in the browser: many at once, while something runs, too large, of another kind."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.test_privacy import until
from tests.journeys.steps import add_photos, at_rest, jpeg, open_adding

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dashboard
    from playwright.sync_api import Page

pytestmark = pytest.mark.own_server


def test_several_photos_added_while_a_job_runs_all_arrive(page: Page):
    """A page that waits for a job runs again and again, also between the arrival of files and a new uploader."""
    page.goto("/filters?model=lecture/cats_gap")
    page.locator("[data-testid=stSidebar] [data-testid=stFileUploader]").first.wait_for()
    page.wait_for_timeout(1500)
    for turn in range(3):
        add_photos(page, *((f"turn{turn}-{i}.jpg", jpeg(10 * turn + i)) for i in range(4)))
        for i in range(4):
            on_strip = page.locator(".st-key-photo").get_by_text(f"turn{turn}-{i}.jpg")
            on_strip.wait_for(state="attached", timeout=30_000)
        assert page.locator("[data-testid=stException]").count() == 0
    page.wait_for_timeout(1000)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stSidebar] [data-testid=stFileChip]").count() == 0


def checkpoint() -> bytes:
    """The state dict of a ResNet-18, 45 MB."""
    import torch
    import torchvision

    torch.manual_seed(1)
    file = io.BytesIO()
    torch.save(torchvision.models.resnet18(num_classes=3).state_dict(), file)
    return file.getvalue()


def test_a_checkpoint_of_45_mb_becomes_the_network(page: Page, dashboard: Dashboard, tmp_path: Path):
    path = tmp_path / "three birds.pth"
    path.write_bytes(checkpoint())
    assert path.stat().st_size > 44e6
    page.goto("/?model=lecture/cats_gap")
    at_rest(page)
    page.get_by_role("button", name="Load a network").click()
    page.locator(".st-key-checkpoint-0 input[type=file]").set_input_files(path)
    page.wait_for_url("**model=file*three_birds*")
    page.get_by_text("three_birds is loaded").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    (kept,) = (dashboard.places / "weights").iterdir()
    assert kept.read_bytes() == path.read_bytes()
    page.get_by_role("button", name="Remove three_birds").click()
    page.get_by_text("three_birds is loaded").wait_for(state="hidden")
    at_rest(page)
    assert list((dashboard.places / "weights").iterdir()) == []
    assert "three_birds" not in page.url


def test_a_zip_of_200_mb_becomes_a_data_set(page: Page, dashboard: Dashboard, tmp_path: Path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ballast.bin", np.random.default_rng(0).bytes(200 << 20))
        for i in range(6):
            archive.writestr(f"pets/{'cat' if i % 2 else 'dog'}/{i}.jpg", jpeg(i, 64))
    page.goto("/data")
    open_adding(page)
    page.get_by_text("Upload a zip", exact=True).click()
    page.locator(".st-key-zip input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Unpack").click()
    page.wait_for_function("() => !document.querySelector('.st-key-zip [role=alert]')")
    at_rest(page)
    images = list((dashboard.places / "data" / "pets").rglob("*.jpg"))
    assert {path.parent.name for path in images} == {"cat", "dog"}
    assert len(images) == 6


def predicted(page: Page) -> list[str]:
    """What the predictions on the page say."""
    return page.get_by_role("list", name="Predictions").last.get_by_role("listitem").all_inner_texts()


def test_why_a_file_is_refused_can_be_read_without_a_hover(page: Page):
    page.goto("/class_activation?model=lecture/cats_gap")
    at_rest(page)
    heic = b"\0\0\0\x18ftypheic" + bytes(3000)
    add_photos(page, ("IMG_1.heic", heic), ("notes.pdf", b"%PDF-1.4"), ("right.jpg", jpeg(1)))
    box = page.locator("[data-testid=stSidebar] [data-testid=stAlert]")
    page.locator(".st-key-photo").get_by_text("right.jpg").wait_for(state="attached")
    box.wait_for()
    at_rest(page)
    assert "IMG_1.heic is a HEIC photo" in box.inner_text()
    assert "notes.pdf" in box.inner_text()
    assert page.locator("[data-testid=stToast]").count() == 0
    shown = predicted(page)
    add_photos(page, ("half.jpg", jpeg(1)[:4000]), ("text.jpg", b"This is no photo."))
    for name in ("half.jpg", "text.jpg"):
        page.locator("[data-testid=stSidebar] [data-testid=stAlert]", has_text=name).wait_for()
    at_rest(page)
    assert predicted(page) == shown != []  # the photo before is still there
    assert "Traceback" not in page.inner_text("body")
    add_photos(page, ("huge.jpg", bytes((32 << 20) + 1)))
    why = page.locator("[data-testid=stSidebar] [data-testid=stFileChip] [role=alert]")
    why.wait_for()
    assert "32.0MB or smaller" in why.inner_text()
    assert why.bounding_box()["height"] > 10
    assert why.bounding_box()["width"] > 100
    add_photos(page, *((f"bad{i}.jpg", b"no photo") for i in range(14)))
    page.get_by_text("14 files were not added").wait_for()
    assert box.count() == 1
    page.get_by_role("link", name="Activations").first.click()
    page.get_by_role("heading", name="Activations").first.wait_for()
    at_rest(page)
    assert page.locator("[data-testid=stSidebar] [data-testid=stAlert]").count() == 0
    assert page.locator("[data-testid=stToast]").count() == 0


def test_one_photo_of_two_is_forgotten(page: Page, dashboard: Dashboard):
    page.goto("/class_activation?model=bundled/cats_dogs")
    at_rest(page)
    add_photos(page, ("first.jpg", jpeg(1)), ("second.jpg", jpeg(2)))
    page.locator(".st-key-photo").get_by_text("second.jpg").wait_for(state="attached")
    at_rest(page)
    sources = "() => [...document.images].map((image) => image.src)"
    before = set(page.evaluate(sources))
    page.get_by_role("button", name="Forget one").click()
    page.get_by_role("button", name="Forget second.jpg").click()
    page.locator(".st-key-photo").get_by_text("second.jpg").wait_for(state="detached")
    at_rest(page)
    assert page.locator(".st-key-photo").get_by_text("first.jpg").count() == 1
    assert "second.jpg" not in page.content()
    served = [address for address in before - set(page.evaluate(sources)) if address.startswith("http")]
    assert [address for address in served if page.request.get(address).status == 200] == []
    assert until(dashboard.places, lambda now: now["photos"] == 1)["photos"] == 1
    page.get_by_role("button", name="Forget my photos").click()
    page.get_by_role("button", name="Forget my photos").wait_for(state="hidden")
    at_rest(page)
    assert page.get_by_text("outlives no reload").count() == 0
    assert until(dashboard.places, lambda now: now["bytes"] == now["photos"] == 0)["bytes"] == 0


def test_many_photos_begins_with_those_that_were_added(page: Page):
    page.goto("/class_activation?model=bundled/cats_dogs")
    at_rest(page)
    add_photos(page, ("first.jpg", jpeg(1)), ("second.jpg", jpeg(2)))
    page.locator(".st-key-photo").get_by_text("second.jpg").wait_for(state="attached")
    page.get_by_text("Many photos").first.click()
    gallery = page.locator(".photogrid button span")
    page.get_by_role("heading", name="2 of 2 photos").wait_for()
    gallery.nth(1).wait_for()
    assert sorted(text.split()[0] for text in gallery.all_inner_texts()) == ["first.jpg", "second.jpg"]
