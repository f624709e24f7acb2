"""A photo is forgotten: no canvas, image, text, link, address or cache has anything of it, on any page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_privacy import until
from tests.journeys.deeds import pick
from tests.journeys.seen import settled
from tests.journeys.steps import add_photos, at_rest
from tests.journeys.test_memory import go

if TYPE_CHECKING:
    from conftest import Dashboard
    from playwright.sync_api import Page

PLACES = ("home", "activations", "class_activation", "filters", "convolution", "gabor", "data")
# What has to be chosen before a page shows the photo.
BEGIN = {
    "filters": (pick("many", 0), pick("auto-start", "photo")),
    "convolution": (pick("input", "photo"),),
}
SOURCES = """() => {
  const found = [];
  const walk = (node) => {
    if (node instanceof HTMLImageElement) found.push(node.currentSrc);
    if (node.shadowRoot) node.shadowRoot.childNodes.forEach(walk);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  for (const rule of [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]))
    found.push(...(rule.cssText.match(/data:image[^")]+/g) ?? []));
  return found;
}"""
KEPT = """() => [...globalThis.cnnvizShelf ?? []].map(([name, data]) => name + JSON.stringify(data)).join()
  + document.documentElement.outerHTML + location.href"""


def mine() -> bytes:
    """A photo that is red all over, with a square, like none of the samples."""
    pixels = np.zeros((300, 340, 3), np.uint8)
    pixels[..., 0], pixels[90:210, 120:240, 1] = 230, 200
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.mark.timeout(300)
def test_a_forgotten_photo_is_on_no_page_in_no_address_and_in_no_memory(page: Page, server: str, dashboard: Dashboard):
    page.goto("/")
    page.locator(".st-key-photo button").first.wait_for()
    at_rest(page)
    samples = set(page.evaluate(SOURCES))
    add_photos(page, ("secretface.jpg", mine()))
    page.locator(".st-key-photo").get_by_text("secretface.jpg").wait_for(state="attached")
    shown = {}
    for name in PLACES:
        go(page, name)
        for do in BEGIN.get(name, ()):
            do(page)
            at_rest(page)
        settled(page)
        shown[name] = set(page.evaluate(SOURCES)) - samples
        assert "secretface" in page.evaluate(KEPT)
        assert "secretface" not in page.url
    sources = set().union(*shown.values())
    served = [address for address in sources if address.startswith(server)]
    assert any(page.request.get(address).status == 200 for address in page.evaluate(SOURCES) if address in served)
    page.get_by_role("button", name="Forget my photos").click()
    page.get_by_role("button", name="Forget my photos").wait_for(state="hidden")
    assert until(dashboard.places, lambda now: now["bytes"] == now["photos"] == now["files"] == 0)["bytes"] == 0
    other, fresh = page.context.new_page(), set()
    for name in reversed(PLACES):
        go(page, name)
        now = settled(page)
        assert "secretface" not in page.evaluate(KEPT), name
        other.goto(page.url)
        other.locator(".st-key-photo button").first.wait_for()
        assert now.off(settled(other)) == [], name
        fresh |= set(other.evaluate(SOURCES))
        assert not (set(page.evaluate(SOURCES)) - fresh) & sources, name
    gone = [address for address in served if address not in fresh]
    assert gone
    assert [address for address in gone if page.request.get(address).status != 404] == []
