"""Training as a person does it: a rate is looked for, a run begun, stopped, resumed, and unfrozen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cnnviz.data.counting import Counting, write
from tests.journeys.conftest import at_rest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

NET = "lecture/mnist_gap"


@pytest.fixture
def shelf(dashboard) -> Path:
    """The runs of the server, with a data set of circles to train on."""
    data = dashboard.places / "data" / "circles"
    if not data.exists():
        write(data, Counting(low=1, high=2, per_class=60, size=32, smallest=4, largest=6))
    return dashboard.places / "runs"


def number(page: Page, label: str, value: object) -> None:
    """Types a number into a field, as a person does."""
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    at_rest(page)


def inside(page: Page, found: Locator) -> bool:
    """Whether something is wholly on the screen."""
    box, size = found.bounding_box(), page.viewport_size
    return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])


@pytest.mark.timeout(180)
def test_a_rate_is_looked_for_in_its_real_process_shown_and_taken_over_with_a_click(page: Page, shelf):
    page.goto(f"/train?set=circles&net={NET}")
    page.get_by_role("button", name=re.compile("Find a rate|Learning rate finder")).click()
    button = page.get_by_role("button", name=re.compile(r"^Use \d"))
    button.or_(page.get_by_test_id("stAlert")).first.wait_for(timeout=120_000)
    assert page.get_by_test_id("stAlert").count() == 0
    assert page.locator("[data-testid=stMain] canvas").first.is_visible()
    suggestion = float(button.inner_text().split()[-1])
    button.click()
    page.get_by_role("button", name=re.compile("^Uses ")).wait_for()
    assert float(page.get_by_label("Learning rate", exact=True).input_value()) == suggestion
    for _ in range(100):  # torch takes its time to end
        page.wait_for_timeout(100 if (left := list(shelf.glob(".trial-*"))) else 0)
    assert not left  # nothing stays behind
