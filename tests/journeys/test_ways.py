"""Every control still works, by whatever way one came: a link, a reload, the sidebar, the browser's back, the keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.journeys.deeds import Deed, inside, pick, press, select, slide, toggle, write
from tests.journeys.seen import seen, settled
from tests.journeys.steps import at_rest
from tests.journeys.test_memory import go

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet
    from playwright.sync_api import Page

OPACITY = "input[aria-label=Opacity]"
Row = tuple[str, Deed, Deed]
# By page: each control as (its name, the deed on the first, third ... way, the deed on the others).
CONTROLS: dict[str, list[Row]] = {
    "activations": [
        ("layer", pick("layer", 3), pick("layer", 0)),
        ("scale", press("scale", 1), press("scale", 0)),
        ("order", pick("sort", 2), pick("sort", 0)),
        ("channel", write("channel", 3), write("channel", 5)),
        ("another channel", write("channel", 4), write("channel", 6)),  # each layer has its own, from the turn before
        ("over", toggle("over"), toggle("over")),
        ("size of the tiles", slide("maps", "input[type=range]", 60), slide("maps", "input[type=range]", 120)),
    ],
    "class_activation": [
        ("class", inside("camcanvas", ".chip", 1), inside("camcanvas", ".chip", 0)),
        ("method", pick("method", 2), pick("method", 0)),
        ("layer", pick("at", 1), pick("at", 3)),
        ("view", inside("camcanvas", "[value=seen]"), inside("camcanvas", "[value=photo]")),
        ("opacity", slide("camcanvas", OPACITY, 0.9), slide("camcanvas", OPACITY, 0.3)),
        ("colours", select("camcanvas", "select", "viridis"), select("camcanvas", "select", "gray")),
        ("proof", press("proof", 2), press("proof", 0)),
    ],
    "filters": [
        ("how many", pick("many", 1), pick("many", 0)),
        ("layer", pick("layer", 1), pick("layer", 0)),
        ("which", pick("which", 1), pick("which", 0)),
    ],
    "gabor": [
        ("frequency", slide("gaborlab", "[data-knob=frequency]", 0.2), slide("gaborlab", "[data-knob=frequency]", 0.1)),
        ("orientation", slide("gaborlab", "[data-knob=theta]", 90), slide("gaborlab", "[data-knob=theta]", 30)),
        ("the bank", press("gabor-view", 1), press("gabor-view", 1)),
        ("the one filter", press("gabor-view", 0), press("gabor-view", 0)),
    ],
    "data": [
        ("preset", press("preset", 2), press("preset", 1)),
        ("seed", write("aug-seed", 3), write("aug-seed", 4)),
    ],
}
ALWAYS = ("activations", "gabor")  # widgets, and a component that writes the link itself; the others by `make journeys`


def link(page: Page, name: str) -> None:
    page.goto(page.url)


def reload(page: Page, name: str) -> None:
    page.reload()


def sidebar(page: Page, name: str) -> None:
    go(page, "home")
    go(page, name)


def back(page: Page, name: str) -> None:
    go(page, "home")
    for _ in range(4):
        page.go_back()
        at_rest(page)
        if f"/{name}" in page.url:
            return


def keys(page: Page, name: str) -> None:
    """Presenting, to the next page and back by the arrow keys, and out of it."""
    page.locator(".st-key-present label").click()
    page.locator(".st-key-stagekeys").wait_for(state="attached")
    at_rest(page)
    page.keyboard.press("PageDown")
    page.wait_for_function(f"() => !location.pathname.endsWith('/{name}')")
    at_rest(page)
    page.keyboard.press("PageUp")
    page.wait_for_url(re.compile(f"/{name}"))
    at_rest(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("stSidebar").wait_for()


Way = Callable[["Page", str], None]
WAYS: tuple[Way, ...] = (reload, back, keys)
MORE: tuple[Way, ...] = (link, sidebar)  # a reload opens a link, and test_memory.py comes by the sidebar


def cases() -> Iterator[ParameterSet]:
    """Each page with ways to it, and whether it waits for `make journeys`."""
    for name in CONTROLS:
        for ways in (WAYS, MORE):
            often = name in ALWAYS and ways is WAYS
            by = "-".join(way.__name__ for way in ways)
            yield pytest.param(name, ways, id=f"{name}-{by}", marks=() if often else pytest.mark.long)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "ways"), cases())
def test_each_control_has_its_effect_after_every_way_to_its_page(page: Page, name: str, ways: tuple[Way, ...]):
    page.goto(f"/{name}" + "?many=1&auto-steps=8" * (name == "filters"))
    for turn, way in enumerate(ways):
        page.locator(".st-key-photo button").first.wait_for()
        at_rest(page)
        way(page, name)
        page.locator(".st-key-photo button").first.wait_for()
        before = settled(page)
        for control, *deeds in CONTROLS[name]:
            deeds[turn % 2](page)
            end = time.monotonic() + 30
            while not before.off(seen(page)) and time.monotonic() < end:
                page.wait_for_timeout(100)
            before, last = settled(page), before
            assert last.off(before), f"{control} has no effect after {way.__name__}"
        assert page.locator("[data-testid=stException]").count() == 0
