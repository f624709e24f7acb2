"""Training as a person does it: a rate is looked for, a run begun, stopped, resumed, and unfrozen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cnnviz.data.counting import Counting, write
from cnnviz.train import run
from tests.journeys.steps import at_rest, until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.own_server

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
    page.locator("[data-testid=stMain] canvas").first.wait_for()
    suggestion = float(button.inner_text().split()[-1])
    button.click()
    page.get_by_role("button", name=re.compile("^Uses ")).wait_for()
    until(lambda: float(page.get_by_label("Learning rate", exact=True).input_value()), suggestion)
    for _ in range(100):  # torch takes its time to end
        page.wait_for_timeout(100 if (left := list(shelf.glob(".trial-*"))) else 0)
    assert not left  # nothing stays behind


@pytest.mark.timeout(240)
def test_a_run_is_stopped_resumed_and_continued_and_its_curves_are_on_the_screen(page: Page, shelf):
    main = page.get_by_test_id("stMain")
    page.goto(f"/train?set=circles&net={NET}")
    number(page, "Epochs", 3000)
    page.get_by_role("button", name="Train", exact=True).click()
    main.get_by_role("button", name="Stop").wait_for()
    page.get_by_text("Images per second").wait_for(timeout=120_000)
    charts = main.locator("canvas")
    charts.nth(1).wait_for()
    for chart in (charts.nth(0), charts.nth(1)):
        until(lambda chart=chart: inside(page, chart), True)
    folder = run.folders(shelf)[0]
    while not run.read(folder).of("saved"):
        page.wait_for_timeout(200)
    main.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    at = run.read(folder).last("step")["step"]
    page.get_by_role("button", name="Resume").click()
    main.get_by_role("button", name="Stop").wait_for()
    while run.read(folder).last("step").get("step", 0) <= at:
        page.wait_for_timeout(200)
    assert run.read(folder).last("resume")["step"] == at
    main.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    page.get_by_role("button", name="Continue in a new run").click()
    at_rest(page)
    assert f"begin=run/{folder.name}@best" in page.url.replace("%2F", "/").replace("%40", "@")
    number(page, "Epochs", 1)
    page.get_by_role("button", name="Train", exact=True).click()
    while (second := run.folders(shelf)[0]) == folder or run.read(second).state != "finished":
        page.wait_for_timeout(200)
    assert run.read(second).plan.start == f"run/{folder.name}@best"
    page.goto(f"/train?run={second.name}")
    a_matrix_fits_a_phone_or_fades_where_it_goes_on(page)
    a_cell_is_chosen_and_the_results_can_be_read_on_a_stage(page)


def a_matrix_fits_a_phone_or_fades_where_it_goes_on(page: Page) -> None:
    """A few classes are within 390 px; where columns lie behind the right edge, it fades until they are scrolled to."""
    was, matrix = page.viewport_size, page.locator(".confusion")
    matrix.wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    until(lambda: matrix.evaluate("e => e.scrollWidth - e.clientWidth"), 0)
    assert matrix.evaluate("e => getComputedStyle(e).maskImage") == "none"
    matrix.evaluate("e => { e.style.maxWidth = '100px'; }")  # as many classes would not
    until(lambda: matrix.evaluate("e => getComputedStyle(e).maskImage.startsWith('linear-gradient')"), True)
    matrix.evaluate("e => e.scrollTo(e.scrollWidth, 0)")
    until(lambda: matrix.evaluate("e => getComputedStyle(e).maskImage"), "none")
    matrix.evaluate("e => { e.style.maxWidth = ''; }")
    page.set_viewport_size(was)
    at_rest(page)


def a_cell_is_chosen_and_the_results_can_be_read_on_a_stage(page: Page) -> None:
    """The confusion matrix by pointer and by arrow keys; on a stage no results in a canvas, none below 24 px."""
    cell = page.get_by_role("button", name=re.compile("^true 1, predicted 1: "))
    cell.click()
    page.get_by_role("button", name=re.compile("^true 1, predicted 1: "), pressed=True).wait_for()
    page.get_by_role("heading", name=re.compile("^1, predicted 1")).wait_for()
    cell.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("^2, predicted 1")).wait_for()
    page.locator(".st-key-present label").click()
    page.locator("html.cv-presenting").wait_for(state="attached")
    at_rest(page)
    cell.wait_for()
    main = page.get_by_test_id("stMain")
    assert main.get_by_test_id("stDataFrame").count() == 0
    results = main.locator(".confusion :is(th, button), .cv-table :is(th, td)")
    sizes = results.evaluate_all("all => all.map((e) => parseFloat(getComputedStyle(e).fontSize))")
    assert len(sizes) > 20
    assert min(sizes) >= 24
    page.set_viewport_size({"width": 1920, "height": 1080})
    at_rest(page)
    main.evaluate("e => e.scrollTo(0, 0)")
    for part in (main.locator("canvas").nth(0), main.locator("canvas").nth(1), page.locator(".confusion")):
        until(lambda part=part: inside(page, part), True)  # curves and matrix in one view


def test_a_field_with_a_number_that_cannot_be_turns_train_off(page: Page, shelf):
    page.goto(f"/train?set=circles&net={NET}")
    train = page.get_by_role("button", name="Train", exact=True)
    train.wait_for()
    number(page, "Epochs", 0)
    assert train.is_disabled()
    number(page, "Epochs", 5)
    assert train.is_enabled()
