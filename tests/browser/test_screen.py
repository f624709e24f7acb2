"""What the pages look like, held to bars: the numbers of `python -m benchmarks.screen`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import screen, visible
from cnnviz.data import counting
from tests.dashboard import Dashboard

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.own_server

# How far each page is from a bar that it does not reach yet; whoever owns the page shrinks it, down to nothing.
NOT_YET: dict[str, dict[str, Any]] = {}

# What each of these pages is for on a stage: it lies on a projector's screen as a whole.
ON_STAGE: dict[str, tuple[str, ...]] = {
    "home": (".cv-bars", ".st-key-stages .stImage img >> nth=3", ".st-key-stages .stPageLink >> nth=3"),
    "class_activation": (".cam canvas >> nth=0", ".cv-bars", ".st-key-pick-class", ".st-key-method"),
    "data": (".st-key-batch .stImage img >> nth=3", ".st-key-set", ".st-key-stage-data"),
    "train": (".st-key-net", "role=button[name=/^Train/]"),
}

# Pages of which nothing is cut by an edge of a projector's image.
WHOLE = ("activations", "filters", "convolution", "gabor")


def layer(colour: tuple[float, ...] = (0, 0, 0, 0), opacity: float = 1.0, image: bool = False) -> dict[str, object]:
    return {"colour": colour, "opacity": opacity, "image": image}


def test_contrast_is_that_of_wcag():
    assert visible.ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert visible.ratio((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)  # WCAG's own example: #777
    assert visible.ratio((12, 34, 56), (12, 34, 56)) == 1


def test_text_is_seen_through_the_opacity_of_everything_around_it():
    black = (0, 0, 0, 1.0)
    text, back = visible.seen(black, [layer((255, 255, 255, 1.0)), layer(opacity=0.5), layer(opacity=0.5)])
    assert text == pytest.approx((191.25,) * 3)
    assert back == (255, 255, 255)
    text, back = visible.seen((255, 255, 255, 1.0), [layer(), layer(black, opacity=0.5)])  # a faded button
    assert (text, back) == ((255, 255, 255), pytest.approx((127.5,) * 3))


def test_what_is_switched_off_or_over_a_picture_has_no_contrast_to_hold():
    text = {"colour": (0, 0, 0, 1.0), "beneath": [layer((255, 255, 255, 1.0))], "idle": False}
    assert visible.contrast(text) == pytest.approx(21)
    assert visible.contrast({**text, "idle": True}) is None
    assert visible.contrast({**text, "beneath": [layer(image=True)]}) is None


def test_layout_shift_is_the_worst_window_of_five_seconds():
    def entries(*times: float) -> list[dict[str, float]]:
        return [{"at": time, "value": 0.1} for time in times]

    assert visible.shift([]) == 0
    assert visible.shift(entries(100, 900, 1800)) == pytest.approx(0.3)
    assert visible.shift(entries(100, 900, 2000)) == pytest.approx(0.2)  # more than a second without
    assert visible.shift(entries(*range(0, 6000, 900))) == pytest.approx(0.6)  # the last is beyond five seconds


def test_a_part_lies_above_the_fold_when_all_of_it_does():
    box = {"x": 0, "y": 700, "width": 300, "height": 200}
    assert visible.inside(box, 1400, 900)
    assert not visible.inside({**box, "y": 702}, 1400, 900)
    assert not visible.inside({**box, "x": 1200}, 1400, 900)
    assert not visible.inside(None, 1400, 900)


def test_the_table_says_what_is_missing_by_name():
    row = {"page": "home", "view": "1400x900 light", "shift": 0.02, "outside": ["opacity"], "cut": ["a", "b"]}
    head, line = screen.table([row]).splitlines()
    assert head.split()[:4] == ["page", "view", "shift", "contrast"]
    assert "opacity" in line
    assert line[head.index("cut") :].split()[0] == "2"


@pytest.fixture(scope="module")
def address(dashboard: Dashboard) -> str:
    """Of a dashboard that has a data set, as `screen.dashboard` has."""
    options = counting.Counting(low=1, high=3, per_class=40)
    counting.write(dashboard.places / "data" / "circles", options)
    return dashboard.address


PHONE = screen.View(390, 844)


def keeps_to_a_phone(page: Page, name: str) -> None:
    """What a page at rest has to keep to on a phone, where it was opened."""
    found = screen.measured(page, name, PHONE, axe=False)
    far = NOT_YET.get(name, {})
    assert found["shift"] < far.get("phone shift", 0.1), found["shifting"]
    assert (found["picture at"] or 0) < 0.45, "the picture comes first"
    assert found["wider by"] == 0
    assert found["contrast"] >= 4.5, found["faint"]
    assert found["type"] >= 12, found["small"]
    assert found["target"] >= far.get("target", 24), found["target is"]


def presented(page: Page, width: int, height: int) -> dict[str, Any]:
    page.set_viewport_size({"width": width, "height": height})
    screen.at_rest(page, patience=60, still=1)
    return screen.presenter(page)


@pytest.mark.parametrize("name", screen.PAGES)
def test_a_page_keeps_to_the_bars(browser: Browser, address: str, name: str):
    """One visit: on a phone, at a desk, light and dark, then on two projectors."""
    far = NOT_YET.get(name, {})
    page = screen.opened(browser, address, name, PHONE, patience=60, still=1)
    keeps_to_a_phone(page, name)
    page.set_viewport_size({"width": screen.View().width, "height": screen.View().height})
    page.reload()
    screen.at_rest(page, patience=60, still=1)
    found = screen.measured(page, name, screen.View())
    assert found["shift"] < far.get("shift", 0.1), found["shifting"]
    assert found["contrast"] >= far.get("contrast", 4.5), found["faint"]
    assert (found["axe"] or 0) <= far.get("axe", 0), found["axe rules"]
    assert {*found["outside"]} <= {*far.get("outside", ())}
    assert found["tallest"] is None or found["tallest"] <= 1, found["tallest is"]
    assert found["wider by"] == 0
    page.emulate_media(color_scheme="dark")
    screen.at_rest(page, patience=60, still=1)
    assert page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).colorScheme") == "dark"
    dark = screen.contrasts(page)
    assert dark["contrast"] >= far.get("contrast", 4.5), dark["faint"]
    page.locator(".st-key-present label").click()
    page.locator("html.cv-presenting").wait_for(state="attached")
    for width, height in ((1920, 1080), (1280, 720)):
        hall = presented(page, width, height)
        assert hall["type"] >= far.get("type", 24), hall["small"]
        assert hall["wider by"] == 0
        boxes = {part: screen._box(page, part) for part in ON_STAGE.get(name, ())}
        assert {part: box for part, box in boxes.items() if not visible.inside(box, width, height)} == {}
        assert name not in WHOLE or hall["above"] == hall["cut"] == []
    page.context.close()
