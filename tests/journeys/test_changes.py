"""After any change, a page shows what its link shows afresh: every picture, number, word and name, on every page.

So nothing of another photo, network, layer, class, method, contrast or theme is left anywhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.journeys.deeds import (
    Deed,
    against,
    dark,
    inside,
    light,
    network,
    photo,
    pick,
    press,
    select,
    slide,
    toggle,
    write,
)
from tests.journeys.seen import Seen, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLASS = ("another class", inside("camcanvas", ".chip", 1))
# Where one begins: what is done there, one after another. Each is (its name, the deed).
CHANGES: dict[str, list[tuple[str, Deed]]] = {
    "": [("another photo", photo("coffee")), ("dark", dark), ("another network", network("GAP")), ("light", light)],
    "activations": [
        ("another photo", photo("coffee")),
        ("another layer", pick("layer", 3)),
        ("one scale", press("scale", 1)),
        ("another order", pick("sort", 2)),
        ("another channel", write("channel", 3)),
        ("over the photo", toggle("over")),
        ("a third photo", photo("rocket")),
        ("dark", dark),
        ("another network", network("GAP")),
    ],
    "class_activation": [
        ("another photo", photo("coffee")),
        CLASS,
        ("another method", pick("method", 2)),
        ("another layer", pick("at", 1)),
        ("evidence against", against),
        ("evidence for", against),
        ("another view", inside("camcanvas", "input[type=radio][value=seen]")),
        ("another opacity", slide("camcanvas", "input[aria-label=Opacity]", 0.9)),
        ("another colour map", select("camcanvas", "select", "viridis")),
        ("a third photo", photo("rocket")),
        ("dark", dark),
        ("another network", network("GAP")),
    ],
    "class_activation?proof=All+layers": [("another photo", photo("coffee")), CLASS],
    "class_activation?proof=Contributions": [("another photo", photo("coffee")), CLASS],
    "class_activation?proof=Faithfulness": [("another photo", photo("coffee")), CLASS],
    "class_activation?proof=Sanity+check": [("another photo", photo("coffee")), CLASS],
    "class_activation?proof=Regions": [
        ("another photo", photo("coffee")),
        ("another threshold", slide("camcanvas", "input[aria-label='Hide below']", 0.6)),
    ],
    "filters?which=top+for+my+photo&many=4&auto-steps=8": [
        ("another photo", photo("coffee")),
        ("an image that begins with the photo", pick("auto-start", "photo")),
        ("another layer", pick("layer", 1)),
        ("another network", network("GAP")),
    ],
    "convolution?input=photo": [
        ("another photo", photo("coffee")),
        ("dark", dark),
        ("another example", inside("examples", "button:visible", 7)),
    ],
    "convolution?lab-view=Receptive+field": [
        ("another photo", photo("coffee")),
        ("another stack", inside("fieldlab", ".chip", 3)),
        ("another layer", pick("field-at", 1)),
        ("another network", network("GAP")),
    ],
    "convolution?lab-view=Full-size+photo": [("another photo", photo("coffee"))],
    "gabor": [("dark", dark), ("another photo", photo("coffee"))],
    "gabor?gabor-view=Filter+bank": [("another photo", photo("coffee"))],
    "data": [("another photo", photo("coffee")), ("dark", dark)],
}
# Every kind of change is among these; the other places are gone through by `make journeys`.
ALWAYS = ("activations", "class_activation", "convolution?input=photo")
ALWAYS += tuple(place for place in CHANGES if "filters" in place or "Receptive" in place)
WHOLE = (
    "photo",
    "network",
    "image",
    "class",
    "threshold",
    "against",
    "example",
)  # changes of everything: held to the link at once


def same(shown: Seen, page: Page, other: Page, what: str) -> None:
    """Holds what a page showed to what its link shows in another browser window."""
    end = time.monotonic() + 40
    while (off := shown.off(settled(other))) and time.monotonic() < end:
        page.wait_for_timeout(400)  # a busy machine paints later
        shown = settled(page)
    assert not off, f"{what}: {off[:12]}"


@pytest.mark.parametrize(
    "place", [place if place in ALWAYS else pytest.param(place, marks=pytest.mark.long) for place in CHANGES]
)
def test_a_page_shows_after_each_change_what_its_link_shows_afresh(page: Page, place: str):
    other = page.context.new_page()
    page.goto(f"/{place}")
    page.locator(".st-key-photo button").first.wait_for()
    before = settled(page)
    for step, (name, do) in enumerate(CHANGES[place], 1):
        if do in (dark, light):
            do(other)
        page.bring_to_front()  # a tab behind another one paints once a second
        do(page)
        after = settled(page)
        assert before.off(after) or do in (dark, light), f"{name} changes nothing"
        if name.endswith(WHOLE) or step == len(CHANGES[place]):
            other.goto(page.url)
            other.locator(".st-key-photo button").first.wait_for()
            same(after, page, other, name)
        before = after
