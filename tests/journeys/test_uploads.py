"""Files brought along in the browser: many at once, while something runs, too large, of another kind."""

from __future__ import annotations

import filecmp
import re
import zipfile
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.test_privacy import until
from tests.journeys.steps import add_photos, at_rest, jpeg, open_adding, pixels
from tests.models.foreign import nets
from tests.models.foreign.onnx import exports

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


def load(page: Page, path: Path) -> None:
    """Gives a file to "Load a network", and waits until it is the network."""
    page.get_by_role("button", name="Load a network").click()
    page.locator("[class*=st-key-checkpoint-] input[type=file]").set_input_files(path)
    page.wait_for_url(f"**model=file*{path.stem}*", timeout=120_000)
    page.get_by_text(f"{path.stem} is loaded").wait_for()


def heat_maps_of(page: Page, *classes: str) -> None:
    """Waits for the heat map of one of these classes, drawn; the predictions name all of them."""
    page.get_by_text(re.compile(f"Heat map of ({'|'.join(classes)}):")).first.wait_for(timeout=120_000)
    at_rest(page)
    assert pixels(page.locator(".cam canvas").first)[..., :3].std() > 5
    assert {name for name in classes if any(name in row for row in predicted(page))} == {*classes}
    assert page.locator("[data-testid=stException]").count() == 0


def test_whole_networks_as_pt2_and_onnx_end_in_grad_cam_with_the_file_s_class_names(
    page: Page, dashboard: Dashboard, tmp_path: Path
):
    pytest.importorskip("onnx")
    page.goto("/class_activation?model=lecture/cats_gap")
    at_rest(page)
    birds = ("owl", "wren", "jay", "rook")
    (tmp_path / "birds.onnx").write_bytes(exports.named("Shared", birds))
    load(page, tmp_path / "birds.onnx")
    heat_maps_of(page, *birds)
    load(page, nets.put(tmp_path, "Shared"))
    heat_maps_of(page, "class 0", "class 1", "class 2", "class 3")  # a .pt2 has no names
    (dashboard.places / "weights" / "Shared.pt2").unlink()  # as from the disk
    page.get_by_role("radio", name="coffee", exact=True).click()
    page.get_by_text("Shared is no longer here").wait_for()
    at_rest(page)
    page.goto("/?model=file/birds")
    page.get_by_role("button", name="Remove birds").click()
    page.get_by_role("button", name="Remove birds").wait_for(state="hidden")
    at_rest(page)
    assert list((dashboard.places / "weights").iterdir()) == []


@pytest.mark.timeout(300)
def test_a_checkpoint_of_200_mb_ends_in_a_heat_map(page: Page, dashboard: Dashboard, tmp_path: Path):
    import torch
    import torchvision

    path = tmp_path / "large.pth"
    torch.manual_seed(2)
    made = torchvision.models.resnet152(num_classes=3).state_dict()
    torch.save({"model": made, "classes": ["owl", "wren", "jay"], "epoch": 3}, path)
    assert path.stat().st_size > 200e6
    page.goto("/class_activation?model=lecture/cats_gap")
    at_rest(page)
    load(page, path)
    heat_maps_of(page, "owl", "wren", "jay")
    (kept,) = (dashboard.places / "weights").iterdir()
    assert filecmp.cmp(kept, path, shallow=False)
    page.get_by_role("button", name="Remove large").click()
    page.get_by_role("button", name="Remove large").wait_for(state="hidden")
    at_rest(page)
    assert list((dashboard.places / "weights").iterdir()) == []
    assert "large" not in page.url
    path.unlink()


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
    why = "is not an image that can be read" if find_spec("pillow_heif") else "is a HEIC photo"
    assert f"IMG_1.heic {why}" in box.inner_text()
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
