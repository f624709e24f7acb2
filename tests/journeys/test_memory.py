"""A page comes back as it was left, by whatever way one comes, and a link sets what it names and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dashboard import window
from tests.journeys.steps import at_rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

TITLES = {
    "home": "Home",
    "convolution": "Convolution lab",
    "gabor": "Gabor lab",
    "data": "Data",
    "train": "Train",
    "activations": "Activations",
    "filters": "Filters",
    "class_activation": "Class activation",
}


def go(page: Page, name: str) -> None:
    """By the list of pages in the sidebar."""
    nav = page.get_by_test_id("stSidebarNav").or_(page.get_by_test_id("stSidebarNavItems"))
    nav.get_by_role("link", name=TITLES[name], exact=True).first.click()
    page.wait_for_url(re.compile(r"/(\?|$)" if name == "home" else rf"/{name}(\?|$)"))
    at_rest(page)


def choose(page: Page, label: str, option: str) -> None:
    """In a list."""
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option).first.click()
    at_rest(page)


def press(page: Page, label: str) -> None:
    """One of a few alternatives side by side."""
    page.get_by_test_id("stMain").get_by_text(label, exact=True).first.click()
    at_rest(page)


def toggle(page: Page, label: str) -> None:
    page.get_by_test_id("stMain").locator("label", has_text=re.compile(f"^{label}")).first.click()
    at_rest(page)


def state(page: Page) -> list[str]:
    """What every control of the page's main part has, and what its images say they are."""
    return page.get_by_test_id("stMain").evaluate(
        """(main) => {
          const found = [];
          for (const e of main.querySelectorAll("input, button[aria-pressed], button[aria-checked], [role=radio]")) {
            if (["file", "search"].includes(e.type)) continue;
            const shown = e.closest("[data-testid=stSelectbox]")?.innerText;
            const on = e.getAttribute("aria-pressed") ?? e.getAttribute("aria-checked") ?? "";
            const name = e.getAttribute("aria-label") ?? e.innerText;
            found.push([name, shown ?? "", e.type === "checkbox" ? e.checked : e.value, on].join("|"));
          }
          for (const e of main.querySelectorAll("img")) found.push(`image ${e.alt}`);
          return found;
        }"""
    )


def activations(page: Page) -> None:
    choose(page, "Sort channels by", "max")
    page.locator(".st-key-scale").get_by_text("The layer", exact=True).click()
    at_rest(page)
    choose(page, "Compare with", "Photo")
    choose(page, "Second photo", "coffee")


def class_activation(page: Page) -> None:
    choose(page, "Method", "Score-CAM")
    press(page, "Raw map")


def filters(page: Page) -> None:
    choose(page, "How many", "4")
    page.get_by_text("Tuning curves").first.wait_for(timeout=60_000)  # comes with the last image
    at_rest(page)


def convolution(page: Page) -> None:
    choose(page, "Image", "The photo")


def gabor(page: Page) -> None:
    press(page, "Filter bank")


def home(page: Page) -> None:
    page.locator(".st-key-photo button", has_text="coffee").click()
    at_rest(page)


def data(page: Page) -> None:
    field = page.get_by_role("spinbutton", name="Seed").first
    if not field.is_visible():
        press(page, "Add a data set")
    field.fill("7")
    field.press("Enter")
    at_rest(page)


def same(page: Page, wanted: list[str], by: str) -> None:
    """Waits until the page is as it was; a busy machine takes its time."""
    for _ in range(60):
        if state(page) == wanted:
            return
        page.wait_for_timeout(500)
    assert state(page) == wanted, by


CHANGES: dict[str, Callable[[Page], None]] = {
    f.__name__: f for f in (home, convolution, gabor, data, activations, filters, class_activation)
}


def left(page: Page, name: str) -> list[str]:
    page.goto("/" if name == "home" else f"/{name}")
    page.locator(".st-key-photo button", has_text="coffee").wait_for()
    at_rest(page)
    before = state(page)
    CHANGES[name](page)
    after = state(page)
    assert after != before
    at_rest(page, 800)  # the browser has heard of every change by then
    return after


@pytest.mark.parametrize("name", CHANGES)
def test_a_page_comes_back_as_it_was_left(page: Page, name: str):
    after = left(page, name)
    address = page.url
    other = "activations" if name != "activations" else "home"
    go(page, other)
    go(page, name)
    same(page, after, "by the sidebar")
    go(page, name)
    same(page, after, "by a click on the name of the page itself")
    go(page, other)
    for _ in range(4):
        page.go_back()
        at_rest(page)
        if name in page.url or (name == "home" and other not in page.url):
            break
    same(page, after, "by the browser's way back")
    if name != "data":  # what is drawn there stands in no link
        page.goto(address)
        same(page, after, "by its link")


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


@pytest.mark.parametrize("secure", [True, False])
def test_copy_copies(browser: Browser, server: str, secure: bool):
    context = window(browser, server)
    page = context.new_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not secure:  # a page that came without https has no clipboard of its own
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('not secure'))")
    page.goto("/activations?photo=coffee&sort=max")
    page.get_by_role("heading", name=re.compile(r"All \d+ channels")).wait_for()
    at_rest(page)
    for label, wanted in (
        ("Copy as Python", "engine.activations"),
        ("Copy link", "/activations?photo=coffee&sort=max"),
    ):
        page.evaluate("navigator.clipboard.writeText('').catch(() => 0)")
        page.get_by_role("button", name=label).last.click()
        page.get_by_text("Copied.").wait_for()
        assert wanted in clipboard(page)
        shown = page.get_by_test_id("stCode").last.inner_text()
        assert clipboard(page).strip() == shown.strip()
        page.keyboard.press("Escape")
        page.get_by_text("Copied.").wait_for(state="detached")
    assert "model=" not in clipboard(page)  # the first one is shown without being told
    context.close()


def title(page: Page) -> str:
    return page.get_by_role("heading", level=1).first.inner_text()


def test_a_presenter_s_keys(page: Page):
    page.goto("/activations?present=true&sort=max")
    page.get_by_role("heading", name=re.compile(r"All \d+ channels")).wait_for()
    at_rest(page)
    page.locator(".st-key-stagekeys").wait_for(state="attached")
    page.keyboard.press("PageDown")
    page.wait_for_url(re.compile("/filters"))
    at_rest(page)
    page.keyboard.press("PageUp")
    page.wait_for_url(re.compile("/activations"))
    at_rest(page)
    assert "sort=max" in page.url  # as it was left
    sidebar, coffee = page.get_by_test_id("stSidebar"), page.locator(".st-key-photo button", has_text="coffee")
    assert not sidebar.is_visible()
    content = page.get_by_test_id("stSidebarContent")
    content.evaluate("(sidebar) => sidebar.scrollTo(0, 9999)")  # as one is who switched the mode on, at its end
    page.keyboard.press("m")
    assert content.evaluate("(sidebar) => sidebar.scrollTop") == 0
    assert coffee.locator("p").evaluate("(name) => getComputedStyle(name).fontSize") == "0px"  # its photo is to be seen
    coffee.click()
    at_rest(page)
    page.get_by_role("button", name="Network and photo").click()
    sidebar.wait_for(state="hidden")
    page.get_by_role("button", name="Network and photo").click()
    sidebar.wait_for()
    page.keyboard.press("Escape")  # the drawer first
    sidebar.wait_for(state="hidden")
    assert "present=true" in page.url
    assert "photo=coffee" in page.url
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("/train"))
    at_rest(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("stSidebar").wait_for()
    at_rest(page)
    assert "/train" in page.url
    assert "present" not in page.url


def test_the_presenter_s_drawer_leaves_room_for_the_page_and_shuts_by_a_click_beside_it(page: Page):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto("/class_activation?photo=cat&model=bundled/cats_dogs&present=true")
    canvas, sidebar = page.locator(".cam canvas"), page.get_by_test_id("stSidebar")
    canvas.wait_for()
    at_rest(page)
    page.keyboard.press("m")
    sidebar.wait_for()
    drawer, picture = sidebar.bounding_box(), canvas.bounding_box()
    assert drawer["width"] - picture["x"] < 0.6 * picture["width"]
    content = page.get_by_test_id("stSidebarContent")
    assert content.evaluate("(all) => all.scrollWidth <= all.clientWidth")  # and nothing in it is wider
    ways = [way.bounding_box() for way in page.locator(".st-key-crop").get_by_role("radio").all()]
    assert len(ways) == 4
    assert len({way["y"] for way in ways}) == 1
    network = page.locator(".st-key-model input")
    assert network.evaluate("(name) => name.scrollWidth > name.clientWidth")
    assert network.evaluate("(name) => getComputedStyle(name).textOverflow") == "ellipsis"
    assert not network.evaluate("(name) => name.matches(':focus')")  # where a browser has no ellipsis
    page.keyboard.press("Tab")
    assert network.evaluate("(name) => name.matches(':focus')")
    page.keyboard.press("ArrowDown")
    page.get_by_role("option").first.wait_for()
    page.get_by_role("option", name=re.compile("untrained")).first.click()  # the list is none of the drawer's own
    at_rest(page)
    assert sidebar.is_visible()
    page.mouse.click(1270, 700)
    sidebar.wait_for(state="hidden")
    assert "present=true" in page.url
    page.keyboard.press("m")
    sidebar.wait_for()
    page.keyboard.press("m")  # nothing to write in has the focus
    sidebar.wait_for(state="hidden")
