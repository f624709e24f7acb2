"""How soon Chromium shows the first picture of a gallery of filter images, and how soon Stop has stopped it.

Timed from the click in the page: to the first frame in which any picture has been grown, and until nothing grows any
more.
"""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.ui_why import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET = "squeezenet1_1"
LAYERS = ("features.3", "features.4", "features.6", "features.7", "features.9", "features.10", "features.11")

# window.begin(layer): from the next click to the frame in which the mosaic of that layer is not of one colour any more.
_TOOLS = """() => {
  const search = (root, name) => { for (const e of root.querySelectorAll('*')) {
    if (e.matches(name)) return e;
    const inner = e.shadowRoot && search(e.shadowRoot, name);
    if (inner) return inner; } return null; };
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  canvas.canvas.width = canvas.canvas.height = 64;
  const grown = (layer) => {
    const image = search(document, `.mosaic img[alt="Filter images of ${layer}"]`);
    if (!image?.complete || !image.naturalWidth) return false;
    canvas.drawImage(image, 0, 0, 64, 64);
    const shades = canvas.getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0);
    return new Set(shades).size > 16;
  };
  window.begin = (layer) => { window.taken = new Promise((done) => document.addEventListener('click', () => {
    const start = performance.now(), since = () => performance.now() - start;
    const look = () => grown(layer) || since() > 30000 ? done(since()) : requestAnimationFrame(look);
    requestAnimationFrame(look); }, { capture: true, once: true })); };
}"""


def first() -> dict[str, Any]:
    """From the choice of another layer to the first pictures of its gallery of 12."""
    with visiting((NET,)) as (page, address):
        _opened(page, f"{address}/filters?model={NET}&layer=features.12&many=12")
        took = [_to_first_picture(page, layer) for layer in LAYERS]
    return {
        "middle_ms": round(statistics.median(took)),
        "longest_ms": round(max(took)),
        "load_average": round(os.getloadavg()[0], 2),
    }


def stop() -> dict[str, Any]:
    """From Stop to a gallery of 128 that says it has stopped."""
    took = []
    with visiting((NET,)) as (page, address):
        for layer in LAYERS[-3:]:
            page.goto(f"{address}/filters?model={NET}&layer={layer}&many=128&auto-steps=512")
            button = page.get_by_test_id("stMain").get_by_role("button", name="Stop")
            button.wait_for(timeout=120_000)
            page.wait_for_timeout(6_000)
            page.evaluate("""() => { window.taken = new Promise((done) => document.addEventListener('click', () => {
                const start = performance.now(), named = () => [...document.querySelectorAll('[data-testid=stMain] button')];
                const look = () => named().some((b) => b.textContent.includes('Go on'))
                    ? done(performance.now() - start) : requestAnimationFrame(look);
                requestAnimationFrame(look); }, { capture: true, once: true })); }""")  # noqa: E501
            button.click()
            took.append(page.evaluate("() => window.taken"))
    return {"middle_ms": round(statistics.median(took)), "longest_ms": round(max(took))}


def _opened(page: Page, address: str) -> None:
    """Open a gallery, and wait until all of it is grown and nothing moves any more."""
    page.goto(address)
    page.locator(".mosaic img").first.wait_for(timeout=120_000)
    page.get_by_text("Contact sheet").first.wait_for(timeout=240_000)
    page.wait_for_timeout(3_000)
    page.evaluate(_TOOLS)


def _to_first_picture(page: Page, layer: str) -> float:
    """Milliseconds from the click on a layer in the list to the first picture; then the rest is let go on a while."""
    box = page.get_by_role("combobox", name="Layer", exact=True)
    box.click()
    box.fill(f"{layer} ")
    option = page.get_by_role("option", name=f"{layer} ·").first
    option.wait_for()
    page.wait_for_timeout(300)
    page.evaluate(f"() => begin('{layer}')")
    option.click()
    took = page.evaluate("() => window.taken")
    page.get_by_text("Contact sheet").first.wait_for(timeout=240_000)
    page.wait_for_timeout(1_500)
    return took


MEASURES = {"ui/filters/first": first, "ui/filters/stop": stop}
