"""A net learns to count in the browser: begun, left, reloaded, its server killed, and opened on Activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnnviz.train import run
from tests.journeys.steps import at_rest, open_adding

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.own_server


@pytest.mark.timeout(300)
def test_a_run_survives_leaving_reloading_and_kill_9_of_the_server_and_opens_on_activations(page: Page, dashboard):
    main, sidebar = page.get_by_test_id("stMain"), page.get_by_test_id("stSidebar")
    bar = "document.querySelector('[data-testid=stMain] [data-testid=stProgress]')"
    page.goto("/data")
    open_adding(page)
    page.get_by_label("Images per class", exact=True).fill("60")
    page.get_by_label("Images per class", exact=True).press("Enter")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("Another batch").wait_for()

    page.goto("/train?set=counting_1_5&net=lecture/mnist_gap")
    page.get_by_label("Epochs", exact=True).fill("1000")
    page.get_by_label("Epochs", exact=True).press("Enter")
    at_rest(page)
    page.get_by_role("button", name="Train", exact=True).click()
    main.get_by_role("button", name="Stop").wait_for()
    page.wait_for_url("**run=**")

    page.get_by_role("link", name="Convolution lab").click()  # leave while it learns
    page.get_by_role("heading", name="Convolution lab").wait_for()
    sidebar.get_by_role("button", name="Stop").wait_for()  # where it can be stopped, too
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    page.wait_for_url("**/train?**run=**")
    page.reload()
    page.get_by_text("Images per second").wait_for(timeout=120_000)
    shown = main.get_by_test_id("stProgress")
    shown.wait_for()
    before = shown.inner_text()
    page.wait_for_function(f"old => {bar}?.innerText !== old", arg=before)

    (folder,) = run.folders(dashboard.places / "runs")
    while not run.read(folder).of("saved"):
        page.wait_for_timeout(100)
    dashboard.kill()
    while run.alive(folder):  # what it trained for nobody ends by itself, and is saved where it was
        page.wait_for_timeout(100)
    ended = run.read(folder)
    step = ended.last("step")["step"]
    assert (ended.state, ended.last("saved")["step"]) == ("stopped", step)

    dashboard.start()
    page.goto(f"/train?run={folder.name}")
    page.get_by_text("Lowest validation loss").wait_for()
    page.get_by_role("button", name="Resume").click()
    shown.wait_for(timeout=120_000)
    page.wait_for_function(
        f"step => Number({bar}?.innerText.match(/Step ([0-9,]+)/)?.[1].replaceAll(',', '')) > step", arg=step
    )
    assert run.read(folder).last("resume")["step"] == step
    main.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    main.get_by_role("link", name="Activations").click()
    page.get_by_role("heading", name="Activations", exact=True).wait_for()
    page.wait_for_url("**model=run**")
    page.get_by_text("All 32 channels").wait_for()
