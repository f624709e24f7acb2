"""What several journeys do, on the real server and browser of tests/dashboard.py."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def pixels(canvas: Locator) -> np.ndarray:
    """What a canvas (or an img) shows, uint8 (H, W, 4), read in the browser."""
    url = canvas.evaluate(
        """(e) => {
          if (e instanceof HTMLCanvasElement) return e.toDataURL("image/png");
          const copy = document.createElement("canvas");
          [copy.width, copy.height] = [e.naturalWidth, e.naturalHeight];
          copy.getContext("2d").drawImage(e, 0, 0);
          return copy.toDataURL("image/png");
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def add_photos(page: Page, *files: tuple[str, bytes]) -> None:
    """Gives files, (name, content), to the sidebar's "Add photos"."""
    payload = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in files]
    page.locator("section[data-testid=stSidebar] input[type=file]").first.set_input_files(payload)


def jpeg(seed: int, side: int = 700, quality: int = 90) -> bytes:
    """A photo like no other."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


REST = """([still, began]) => {
  const { sent, heard } = wire, now = performance.now();
  const silent = (sent < heard || now - sent > 3000) && now - Math.max(began, sent, heard) >= still;
  return silent && document.querySelector("[data-test-script-state=notRunning]");
}"""


def at_rest(page: Page, still: int = 400) -> None:
    """Waits until the page has run, every word to the server is answered, and both were silent for `still` ms."""
    began = page.evaluate("() => performance.now()")
    page.wait_for_function(REST, arg=[still, began], timeout=60_000)


def frames(found: Locator) -> None:
    """Waits a few frames: the pointer has arrived, and what it asked for has been drawn."""
    found.evaluate("async () => { for (let i = 0; i < 4; i++) await new Promise((r) => requestAnimationFrame(r)); }")


def open_adding(page: Page) -> None:
    """Opens "Add a data set" on Data, which is shut where the server has data sets already."""
    adding = page.get_by_text("Add a data set", exact=True)
    adding.wait_for()
    at_rest(page)
    if not page.get_by_text("Upload a zip", exact=True).is_visible():
        adding.click()
    page.get_by_text("Upload a zip", exact=True).wait_for()


def until(read: Callable[[], object], wanted: object, seconds: float = 15) -> None:
    """Waits until something reads as wanted; what it reads in the end is compared."""
    end = time.monotonic() + seconds
    while read() != wanted and time.monotonic() < end:
        time.sleep(0.1)
    assert read() == wanted
