"""Class activation as a person uses it: what the map's colours stand for, another class, another photo, and Stop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cnnviz import picture
from cnnviz.attribution.regions import caption
from cnnviz.photo import Photo
from tests.journeys.steps import at_rest, pixels, until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NET = "bundled/cats_dogs"


def opened(page: Page, link: str) -> None:
    page.goto(link)
    page.locator(".cam canvas").wait_for()
    page.get_by_text("strongest").first.wait_for()
    at_rest(page)


def scale_of(page: Page) -> str:
    return page.locator(".camscale").get_attribute("aria-label") or ""


def test_a_class_that_is_improbable_glows_less_on_one_scale_for_all_and_the_scale_has_numbers(page: Page, engine):
    """Each map is scaled to itself unless the switch says otherwise; both say so, with the engine's numbers."""
    photo = Photo.sample("cat")
    both = [engine.heatmap(NET, photo, target) for target in (0, 1)]
    low, high = sorted(both, key=lambda heat: heat.reach)
    opened(page, f"/class_activation?photo=cat&model={NET}&class={low.target}&look=1,0,gray,overlay,seen,0001,0.5")
    assert f"0 to {low.reach:.3g}".rstrip("0") in scale_of(page)
    assert "own maximum" in scale_of(page)
    brightest = pixels(page.locator(".cam canvas"))[..., :3].max()
    assert brightest >= 250
    page.get_by_role("button", name="Display settings").click()
    page.get_by_role("checkbox", name="One scale for all classes").check()
    at_rest(page)
    assert "one scale for all classes" in scale_of(page)
    alike = caption(low.scaled(high.reach))
    alt = page.locator(".cam canvas").get_attribute("aria-label") or ""
    assert alt.split("above half of")[0] == alike.split("above half of")[0]
    assert alt.endswith(", the maximum of one scale for all classes.")
    assert page.locator(".cam .say").inner_text() == alt
    assert f"0 to {high.reach:.3g}".rstrip("0") in scale_of(page)
    dimmed = pixels(page.locator(".cam canvas"))[..., :3].max()
    assert dimmed == pytest.approx(255 * low.reach / high.reach, abs=4)
    with page.expect_download() as got:
        page.get_by_role("button", name="PNG").first.click()
    taken = np.asarray(Image.open(got.value.path()).convert("RGB"))
    shown = taken[: taken.shape[1]]  # the network's part is a square; below it stand the scale and what is shown
    assert int(shown.max()) == pytest.approx(int(dimmed), abs=4)
    assert (taken[-1] == 255).all()


def chip(page: Page, row: str, name: str) -> Locator:
    return page.get_by_role("group", name=row).get_by_role("button", name=name, exact=True)


def test_a_chip_of_a_method_changes_the_method_alone_and_one_of_a_class_the_class(page: Page):
    """The class is whatever is most probable until somebody chooses one, so another photo is explained by its own."""
    opened(page, "/class_activation?photo=cat&model=lecture/mnist_gap")
    classes = page.get_by_role("combobox", name="Class")
    before = classes.input_value()
    assert before.startswith("Most probable")
    chip(page, "Other methods", "Grad-CAM++").click()
    page.wait_for_url(re.compile("method=gradcam%2B%2B"))
    page.get_by_role("heading", name=re.compile("Overlay.*Grad-CAM\\+\\+")).wait_for()
    assert classes.input_value() == before
    assert "class=" not in page.url.partition("?")[2]
    other = page.get_by_role("group", name="Other classes").locator("button[aria-pressed=false]").first
    name = other.inner_text()
    other.click()
    chip(page, "Other methods", "HiResCAM").click()  # before Python has heard of the class
    page.get_by_role("heading", name=re.compile(f"Overlay.*{name}, HiResCAM")).wait_for()
    for row, pressed in (("Other classes", name), ("Other methods", "HiResCAM")):
        on = page.get_by_role("group", name=row).locator("button[aria-pressed=true]")
        assert on.all_inner_texts() == [pressed]
    chip(page, "Other methods", "Grad-CAM").click()
    chip(page, "Other classes", name).click()  # it is the class already; the method stays as chosen
    page.get_by_role("heading", name=re.compile(f"Overlay.*{name}, Grad-CAM,")).wait_for()


def test_while_something_is_erased_the_buttons_follow_the_list_beside_them(page: Page, engine):
    """Another list of classes has other buttons; what is cleared has those of before, before Python has answered."""
    opened(page, "/class_activation?photo=astronaut&model=lecture/mnist_flatten")
    buttons = page.get_by_role("group", name="Other classes").get_by_role("button")
    pressed = page.get_by_role("group", name="Other classes").locator("button[aria-pressed=true]")
    field, before = page.get_by_role("combobox", name="Class"), buttons.all_inner_texts()
    (best,) = pressed.all_inner_texts()
    assert field.input_value() == f"Most probable ({best})"
    page.get_by_role("checkbox", name="Brush: erase and predict").check()
    page.get_by_role("slider", name="Brush size").fill("0.3")
    dragged(page, 0.08)
    page.get_by_text("of the network’s input is erased").wait_for()
    at_rest(page)
    listed = page.locator(".cv-bars span").all_inner_texts()
    assert [name for name in buttons.all_inner_texts() if name in listed] == listed
    assert buttons.all_inner_texts() != before
    assert pressed.all_inner_texts() == [best]
    assert field.input_value() == f"{best} (most probable before erasing)"
    new = next(name for name in listed if name not in before)
    buttons.get_by_text(new, exact=True).click()
    page.get_by_role("heading", name=re.compile(f"Overlay.*{new}, Grad-CAM")).wait_for()
    at_rest(page)
    assert pressed.all_inner_texts() == [new]
    page.get_by_role("button", name="Clear").click()
    assert buttons.all_inner_texts()[: len(before)] == before
    at_rest(page)
    assert new in buttons.all_inner_texts()  # the class of the map has a button in any case


NEVER = """
  Object.defineProperty(HTMLImageElement.prototype, "complete", { get: () => false });
  HTMLImageElement.prototype.decode = () => new Promise(() => {});
"""


def test_the_buttons_are_there_before_the_pictures_so_that_these_come_without_moving_anything(page: Page):
    with page.context.new_page() as apart:  # the script stays with its page
        apart.add_init_script(NEVER)
        apart.goto("/class_activation?photo=cat&model=lecture/mnist_gap&present=true")
        apart.get_by_role("group", name="Other classes").get_by_role("button").first.wait_for()
        assert apart.locator(".cam canvas").get_attribute("aria-label") is None  # nothing is drawn yet


def dragged(page: Page, share: float) -> None:
    """Drags across the picture, by a share of its width."""
    page.locator(".cam canvas").scroll_into_view_if_needed()
    box = page.locator(".cam canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + share * box["width"], y, steps=4)
    page.mouse.up()


def test_what_a_proof_shows_is_what_its_button_saves_and_a_dragged_crop_has_a_map_of_its_own(page: Page, engine):
    heat = engine.heatmap(NET, Photo.sample("cat"), 1, against=True)
    opened(page, f"/class_activation?photo=cat&model={NET}&class=1&against=true")
    with page.expect_download() as got:
        page.get_by_role("button", name="PNG of the raw map").click()
    assert got.value.suggested_filename == f"cat_against-{heat.label}_gradcam_raw.png"
    saved = np.asarray(Image.open(got.value.path()).convert("RGB"))
    truth = picture.diverging(heat.raw)
    step = saved.shape[0] // truth.shape[0]
    assert np.array_equal(saved[step // 2 :: step, step // 2 :: step], truth)
    with page.expect_download() as got:
        page.get_by_role("button", name="NPY, signed").click()
    np.testing.assert_array_equal(np.load(got.value.path()), heat.raw)
    dragged(page, -0.1)
    share = heat.box[2] / Photo.sample("cat").width
    at = round(0.5 - 0.1 / (1 - share), 2)
    page.wait_for_url(f"**crop-at={at}*")
    moved = engine.heatmap(NET, Photo.sample("cat").with_crop(at), 1, against=True)
    until(lambda: page.locator(".cam canvas").get_attribute("aria-label"), caption(moved))
