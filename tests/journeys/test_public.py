"""A server for strangers: what they bring arrives, or one visible sentence says why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cnnviz.ui.session.uploads import STRANGERS
from tests.browser.test_privacy import on_disk, until
from tests.dashboard import window
from tests.journeys.steps import add_photos, at_rest, jpeg
from tests.journeys.test_uploads import heat_maps_of
from tests.models.foreign import nets
from tests.models.foreign.onnx import exports

if TYPE_CHECKING:
    from conftest import Dashboard
    from playwright.sync_api import Browser, Page

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


def load(page: Page, name: str, content: bytes) -> None:
    """Gives a file to "Load a network", and waits until it is the network."""
    page.get_by_role("button", name="Load a network").click()
    given = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.locator("[class*=st-key-network-] input[type=file]").set_input_files(given)
    page.get_by_text(f"{name.partition('.')[0]} is loaded").wait_for()


def test_a_stranger_s_network_is_explained_and_is_in_that_tab_alone(
    browser: Browser, server: str, page: Page, dashboard: Dashboard
):
    pytest.importorskip("onnx")
    birds, whole = ("owl", "wren", "jay", "rook"), nets.content("Shared")
    onnx = exports.named("Shared", birds)
    log = dashboard.places / "watch" / "written.log"
    context = window(browser, server)
    tab = context.new_page()
    tab.goto("/class_activation")
    tab.locator(".cam canvas").wait_for()
    at_rest(tab)
    began = log.stat().st_size
    load(tab, "birds.onnx", onnx)
    heat_maps_of(tab, *birds)
    tab.get_by_role("button", name="Load a network").click()
    checkpoint = {"name": "mine.pth", "mimeType": "application/octet-stream", "buffer": b"PK\x03\x04 weights"}
    tab.locator("[class*=st-key-network-] input[type=file]").set_input_files(checkpoint)
    tab.get_by_text("mine.pth is no whole network").wait_for()
    load(tab, "whole.pt2", whole)
    tab.wait_for_url(re.compile("model=upload(/|%2F)[0-9a-f]{16}"))
    heat_maps_of(tab, "class 0", "class 1", "class 2", "class 3")
    assert until(dashboard.places, lambda now: now["networks"] == 2)["files"] == 0
    page.goto(tab.url)  # the same link in another visit
    page.get_by_text("was uploaded in another visit").wait_for()
    at_rest(page)
    page.locator(".st-key-model input").click()
    assert page.get_by_role("option").count() > 0
    assert page.get_by_role("option", name="uploaded").count() == 0
    tab.get_by_role("button", name="Remove whole").click()
    tab.get_by_role("button", name="Remove whole").wait_for(state="hidden")
    assert until(dashboard.places, lambda now: now["networks"] == 1)["networks"] == 1
    context.close()
    assert until(dashboard.places, lambda now: now["networks"] == 0)["networks"] == 0
    assert on_disk(dashboard.places, [onnx[1000:1064], whole[1000:1064]]) == []
    written = log.read_bytes()[began:].decode().splitlines()
    assert [path for path in written if re.search("/(weights|cache|runs|data)/", path)] == []
