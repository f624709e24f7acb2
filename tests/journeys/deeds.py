"""What a person does to a page's controls, found by their keys: words may change, places may move."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from tests.journeys.steps import at_rest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FOLDED = ("[aria-expanded=false]:is(button)", "details:not([open]) > summary")
GROUND = """getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/\\d+/g)
  .slice(0, 3).reduce((sum, part) => sum + Number(part), 0)"""
Deed = Callable[["Page"], None]


def at(page: Page, key: str, css: str) -> Locator:
    """A part of a widget; where it is folded away, that is unfolded first."""
    found = page.locator(f".st-key-{key} {css}").first
    found.wait_for(state="attached")
    for _ in range(3):
        if found.is_visible():
            break
        found.locator("xpath=ancestor::*[@data-testid='stExpander'][1]").locator("summary").click()
        page.wait_for_timeout(200)
    return found


def photo(name: str) -> Deed:
    """Picks a photo in the sidebar."""
    return lambda page: page.locator(".st-key-photo").get_by_role("radio", name=name, exact=True).click()


def pick(key: str, option: int | str) -> Deed:
    """Takes an option of a searchable list: by its place, or the first one that what is typed leaves."""

    def do(page: Page) -> None:
        field = at(page, key, "input")
        field.click()
        if isinstance(option, str):
            field.fill(option)
            page.get_by_role("option", name=re.compile(re.escape(option), re.IGNORECASE)).first.click()
        else:
            page.get_by_role("option").nth(option).click()

    return do


def network(typed: str) -> Deed:
    """Picks a network in the sidebar."""
    return pick("model", typed)


def press(key: str, place: int) -> Deed:
    """Takes one of a few alternatives side by side, or presses one of several buttons."""
    return lambda page: page.locator(f".st-key-{key} button").nth(place).click()


def toggle(key: str) -> Deed:
    """Turns a switch."""
    return lambda page: at(page, key, "label").click()


def against(page: Page) -> None:
    """Turns "Evidence against" by the keyboard, in the popover that it is folded into, and shuts that."""
    page.get_by_test_id("stMain").get_by_role("button", name="More settings").press("Enter")
    page.locator(".st-key-against input").press("Space")
    at_rest(page)  # the switch has told the page
    page.keyboard.press("Escape")
    page.locator(".st-key-against").wait_for(state="hidden")


def turn(key: str, *keys: str) -> Deed:
    """Moves a slider by keys."""

    def do(page: Page) -> None:
        slider = at(page, key, "input[type=range]")
        for one in keys:
            slider.press(one)

    return do


def write(key: str, text: object) -> Deed:
    """Types into a field and presses Enter."""

    def do(page: Page) -> None:
        field = at(page, key, "input")
        field.fill(str(text))
        field.press("Enter")

    return do


def part(page: Page, key: str, css: str, place: int = 0) -> Locator:
    """A part of a component; where it is folded away, that is unfolded first."""
    found = page.locator(f".st-key-{key} {css}").nth(place)
    found.wait_for(state="attached")
    if not found.is_visible():
        for folded in FOLDED:
            for one in page.locator(f".st-key-{key} {folded}").all():
                one.click()
    return found


def inside(key: str, css: str, place: int = 0) -> Deed:
    """Clicks something within a component."""
    return lambda page: part(page, key, css, place).click()


def slide(key: str, css: str, value: object) -> Deed:
    """Moves a slider within a component, and lets go."""

    def do(page: Page) -> None:
        part(page, key, css).evaluate(
            "(e, v) => { e.value = v; for (const n of ['input', 'change']) e.dispatchEvent(new Event(n)); }", str(value)
        )

    return do


def select(key: str, css: str, value: str) -> Deed:
    """Takes an option of a plain list within a component."""

    def do(page: Page) -> None:
        part(page, key, css).select_option(value)

    return do


def dark(page: Page) -> None:
    """The system turns dark."""
    _theme(page, "dark", "< 300")


def light(page: Page) -> None:
    """The system turns light again."""
    _theme(page, "light", "> 600")


def _theme(page: Page, scheme: Literal["dark", "light"], ground: str) -> None:
    page.emulate_media(color_scheme=scheme)
    if page.locator("[data-testid=stApp]").count():
        page.wait_for_function(f"() => {GROUND} {ground}")
