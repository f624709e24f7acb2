"""Class activation's proofs: each is of the very question of the map above it, also against a class or beside another.

The numbers and pictures are the engine's, asked the same question.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.attribution.methods import contributions
from cnnviz.attribution.regions import caption
from cnnviz.measured import measured
from cnnviz.photo import Photo
from cnnviz.runtime.engine import Engine
from cnnviz.ui.views.class_activation import trust
from cnnviz.ui.widgets.feedback import minus
from tests.journeys.deeds import photo, select, turn
from tests.journeys.seen import settled
from tests.journeys.steps import at_rest, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET = "bundled/cats_dogs"


def view(page: Page, name: str) -> str:
    """Every word of the page, once the view of that name is looked at."""
    page.locator(".st-key-proof").get_by_role("radio", name=re.compile(name)).click()
    return " ".join(settled(page).words)


def names(page: Page, css: str = "img") -> list[str]:
    """The alternative texts of the page's pictures."""
    return page.get_by_test_id("stMain").locator(css).evaluate_all("all => all.map((e) => e.alt)")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("link", "question"),
    [
        pytest.param("&against=true", {"against": True}, id="evidence against"),
        pytest.param("&versus=0", {"versus": 0}, id="contrast", marks=pytest.mark.long),  # pages/ has both
    ],
)
def test_every_proof_is_of_the_question_of_the_map(page: Page, engine: Engine, link: str, question: dict[str, Any]):
    cat = Photo.sample("cat")
    heat = engine.heatmap(NET, cat, 1, **question)
    page.goto(f"/class_activation?photo=cat&class=1{link}")
    canvas = page.locator(".cam canvas")
    canvas.wait_for()
    at_rest(page)
    told = view(page, "Raw")
    assert canvas.get_attribute("aria-label").startswith(caption(heat)[:40])
    assert heat.subject in told
    raw = page.get_by_role("img", name=re.compile("^Raw map of")).first
    assert heat.subject in raw.get_attribute("alt")
    truth = picture.diverging(heat.raw)
    drawn = pixels(raw)[..., :3]
    step = drawn.shape[0] // truth.shape[0]
    assert np.abs(drawn[step // 2 :: step, step // 2 :: step].astype(int) - truth).mean() < 6
    assert "counts against" in told if question.get("against") else "supports" in told
    maps = engine.activations(NET, cat, heat.layer).maps
    order = np.argsort(-contributions(heat, maps), kind="stable")[:8]
    assert any(name.endswith(", ".join(map(str, order))) for name in names(page)), names(page)

    found = engine.drill(NET, cat, 1, heat.layer, **question)
    assert f"{measured(found.score, 4)} ({heat.subject})" in view(page, "Contributions|numbers")

    view(page, "All")
    rows = engine.ladder(NET, cat, (1,), **question).rows
    wanted = {caption(one[0]) for one in rows}
    assert wanted <= set(names(page))

    own, chance = engine.faithfulness(NET, cat, heat), engine.chance(NET, cat, 1, **question)
    told = view(page, "Faithfulness")
    assert minus(f"{own.gain:+.3f}") in told
    assert minus(f"{chance.gain:+.3f}") in told

    dial = engine.sanity(NET, cat, 1, heat.layer, heat.method, heat.options, **question)
    told = view(page, "Sanity")
    assert all(close in told for close in trust.correlated(dial))


def test_the_sentence_fits_the_colours_and_a_class_kept_for_another_photo_is_said(page: Page):
    page.goto("/class_activation?photo=cat&class=1")
    page.locator(".cam canvas").wait_for()
    at_rest(page)
    assert "The brighter" in " ".join(settled(page).words)
    select("camcanvas", "select", "turbo")(page)
    assert "The brighter" not in " ".join(settled(page).words)
    photo("coffee")(page)
    page.get_by_text("was chosen for another photo").wait_for()


def test_after_stop_what_can_be_taken_away_is_what_is_shown(page: Page):
    page.goto("/class_activation?photo=rocket&method=occlusion&occlusion-stride=16")
    page.locator(".cam canvas").wait_for()
    page.locator(".st-key-take-heatmap").wait_for()
    page.get_by_role("button", name="More settings").click()
    turn("occlusion-stride", "Home")(page)  # the finest, which takes its time
    page.get_by_role("progressbar").wait_for()
    page.locator("[data-testid=stStatusWidget] button").click()
    page.get_by_text("Stopped").first.wait_for()
    at_rest(page)
    row = page.locator(".st-key-take-heatmap")
    if row.count():  # of what is shown, then
        row.get_by_role("button", name="Python").click()
        assert "stride=16" in page.get_by_test_id("stCode").last.inner_text().replace("'stride': ", "stride=")
    assert page.locator(".cam canvas").is_visible()
