"""A net learns to count in the browser: begun, left, reloaded, watched, stopped, and opened on Activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.timeout(300)
def test_a_run_survives_leaving_and_reloading_is_stopped_and_opens_on_activations(page: Page):
    main, sidebar = page.get_by_test_id("stMain"), page.get_by_test_id("stSidebar")
    page.goto("/data")
    page.get_by_label("Pictures of each number").fill("60")
    page.get_by_label("Pictures of each number").press("Enter")
    page.get_by_role("button", name="Draw them all").click()
    page.get_by_text("Another batch").wait_for()

    page.goto("/train?set=counting_1_5&net=lecture/mnist_gap")
    page.get_by_label("Epochs", exact=True).fill("1000")
    page.get_by_label("Epochs", exact=True).press("Enter")
    page.wait_for_timeout(1500)
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
    page.get_by_text("Pictures a second").wait_for(timeout=120_000)
    shown = main.get_by_test_id("stProgress")
    shown.wait_for()
    before = shown.inner_text()
    page.wait_for_function(
        "old => document.querySelector('[data-testid=stMain] [data-testid=stProgress]')?.innerText !== old", arg=before
    )

    main.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Go on").wait_for()
    page.get_by_role("link", name="Its activations").click()
    page.get_by_role("heading", name="Activations", exact=True).wait_for()
    page.wait_for_url("**model=run**")
    page.get_by_text("All 32 channels").wait_for()
