"""A server for strangers: what they bring arrives, or one visible sentence says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnnviz.ui.session.uploads import STRANGERS
from tests.journeys.steps import add_photos, at_rest, jpeg

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.own_server("--public")


def test_a_stranger_s_photos_arrive_or_one_sentence_says_why_not(page: Page):
    page.goto("/class_activation")
    page.locator(".cam canvas").wait_for()
    at_rest(page)
    sidebar = page.get_by_test_id("stSidebar")
    add_photos(page, ("large.jpg", jpeg(1800, 1800, quality=100)))
    sidebar.locator(".st-key-photo").get_by_text("large.jpg").wait_for(state="attached")
    page.get_by_role("img", name="large.jpg").or_(page.locator(".cam canvas")).first.wait_for()
    add_photos(page, ("huge.jpg", bytes((STRANGERS << 20) + 1)))
    why = sidebar.locator("[data-testid=stFileChip] [role=alert]")
    why.wait_for()
    assert f"{STRANGERS}.0MB or smaller" in why.inner_text()
    assert why.bounding_box()["height"] > 10
    add_photos(page, ("notes.jpg", b"no photo"))
    box = sidebar.locator("[data-testid=stAlert]", has_text="notes.jpg")
    box.wait_for()
    assert box.count() == 1


def test_a_stranger_finds_no_way_to_leave_files_and_is_told_so(page: Page):
    page.goto("/data")
    page.get_by_test_id("stSidebar").get_by_role("button").first.wait_for()
    at_rest(page)
    main = page.get_by_test_id("stMain")
    assert main.locator("input[type=file]").count() == 0
    assert page.locator("[class*=st-key-checkpoint-]").count() == 0
    assert page.locator("[data-testid=stException]").count() == 0
    page.goto("/train")
    page.get_by_test_id("stSidebar").get_by_role("button").first.wait_for()
    at_rest(page)
    assert main.locator("input[type=file]").count() == 0
    assert main.get_by_text("public").or_(main.locator("[data-testid=stAlert]")).first.is_visible()
