"""What a newcomer does: sees the bundled net explain a sample, uploads a photo, asks about another class."""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET = "bundled/cats_dogs"


def jpeg(photo: Photo, orientation: int = 1) -> bytes:
    """The photo as a camera would have written it: turned, with a note how to turn it back."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(photo.pixels)
    if orientation == 6:
        turned = turned.transpose(Image.Transpose.ROTATE_90)
    file = io.BytesIO()
    turned.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    page.locator("section[data-testid=stSidebar] input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": data}
    )


def said(page: Page) -> dict[str, float]:
    """What the bars on the page say: label to per cent."""
    bars = page.get_by_role("list", name="Predictions").last  # while Streamlit redraws there may be two
    bars.wait_for()
    rows = bars.get_by_role("listitem").all_inner_texts()
    read = (
        re.match(r"(.+?)\s+(?:[<>] )?([\d.]+)%", row) for row in rows
    )  # a row caught in the middle of a redraw says nothing
    return {found[1]: float(found[2]) for found in read if found}


def truth(photo: Photo) -> dict[str, float]:
    return {p.label: round(100 * p.probability, 1) for p in Engine(device="cpu").predict(NET, photo)}


def wait_until_said(page: Page, wanted: dict[str, float], shown=said) -> None:
    for _ in range(300):
        if shown(page) == pytest.approx(wanted, abs=0.11):
            return
        time.sleep(0.1)
    assert shown(page) == pytest.approx(wanted, abs=0.11)


def test_first_paint_explains_the_sample_cat_and_an_uploaded_photo_is_read(page: Page):
    page.goto("/")
    page.get_by_role("heading", name="cnnviz").wait_for()
    page.get_by_alt_text(re.compile(r"^Heat map of cat")).wait_for()
    wait_until_said(page, truth(Photo.sample("cat")))

    data = jpeg(Photo.sample("motorcycle"), orientation=6)
    upload(page, "mine.jpg", data)
    wait_until_said(page, truth(Photo.open(data)))
