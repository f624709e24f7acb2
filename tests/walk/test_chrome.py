"""The same walk in a real browser, on a real server: fewer steps, and the pixels of the canvases."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.journeys.steps import pixels
from tests.walk import actions, chrome, oracle, pages
from tests.walk.shown import Shown, at

if TYPE_CHECKING:
    from playwright.sync_api import Page

STEPS, BUDGET = 10, 20.0  # steps, and the seconds after which no more is begun
HANDY = {"page", "choose", "tick", "type", "back", "forward", "reload"}
PAGES = {"", "activations", "class_activation", "convolution", "gabor"}


def drawn(tab: chrome.ChromeTab, rng: Random) -> actions.Action:
    """What a hand does next."""
    while True:
        action = actions.draw(tab, rng)
        if action.do in HANDY and (action.do != "page" or action.to in PAGES):
            return action


def canvases_are_drawn(tab: chrome.ChromeTab) -> None:
    """The photo beside the grid is the one that was sent, and the grid is not blank."""
    shelf = Shown(tab).told("shelf-maps-tiles")
    if shelf is None:
        return
    grid = tab.chromium.locator(".maps").first
    grid.scroll_into_view_if_needed()
    tiles = pixels(grid.locator("canvas.tiles-canvas"))
    assert np.ptp(tiles[..., :3]) > 0, "the grid is blank"
    photo = grid.locator("canvas.photo")
    if photo.is_visible():
        seen = at(shelf["pictures"][0]["seen"]).astype(float)
        there = pixels(photo).astype(float)
        assert abs(seen.mean() - there[..., :3].mean()) < 25, "the photo beside the grid is another one"


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_nothing_is_wrong_on_a_walk_in_a_browser(page: Page):
    rng, counts, end = Random(5), Counter[str](), time.monotonic() + BUDGET
    tab, look = chrome.ChromeTab(page), pages.Pages(counts)
    done = []
    while len(done) < STEPS and time.monotonic() < end:
        action = drawn(tab, rng)
        done.append(action)
        if chrome.perform(tab, action):
            oracle.nothing_broke(tab)
            look.check(tab)
            canvases_are_drawn(tab)
            counts["done"] += 1
    assert counts["done"], "\n".join(map(str, done))
