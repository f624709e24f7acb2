"""Files brought along in the browser: many at once, while something runs, too large, of another kind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.journeys.conftest import add_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page


def jpeg(seed: int, side: int = 700) -> bytes:
    """A photo like no other."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def test_several_photos_added_while_a_job_runs_all_arrive(page: Page):
    """A page that waits for a job runs again and again, also between the arrival of files and a new uploader."""
    page.goto("/filters?model=lecture/cats_gap")
    page.locator("[data-testid=stSidebar] [data-testid=stFileUploader]").first.wait_for()
    page.wait_for_timeout(1500)
    for turn in range(5):
        add_photos(page, *((f"turn{turn}-{i}.jpg", jpeg(10 * turn + i)) for i in range(4)))
        for i in range(4):
            on_strip = page.locator(".st-key-photo").get_by_text(f"turn{turn}-{i}.jpg")
            on_strip.wait_for(state="attached", timeout=30_000)
        assert page.locator("[data-testid=stException]").count() == 0
    page.wait_for_timeout(1000)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stSidebar] [data-testid=stFileChip]").count() == 0
