"""The Gabor lab in a real browser: the response is the engine's, everything follows the hand."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.signal import gabor as g
from cnnviz.signal import pictures
from tests.journeys.steps import at_rest, frames

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FILTERS = [g.Gabor(0.1, 45.0, 3.0), g.Gabor(0.25, 120.0, 2.0, 0.6, 30.0), g.Gabor(0.4, 0.0, 1.0)]


def lab(page: Page, gabor: g.Gabor, photo: str = "cat") -> Locator:
    page.goto(f"/gabor?photo={photo}&wave={g.to_link(gabor)}")
    found = page.locator(".gabor")
    found.locator(".say b").wait_for()
    frames(found)
    return found


@pytest.mark.parametrize("gabor", FILTERS, ids=g.to_link)
def test_ten_places_show_the_engines_response_and_the_canvas_its_colours(page: Page, rng, gabor):
    found = lab(page, gabor)
    gray = pictures.gray(pictures.square(Photo.sample("cat")))
    truth = g.response(gray, gabor)
    box = found.locator("canvas.answer").bounding_box()
    for _ in range(10):
        row, column = (int(v) for v in rng.integers(0, 256, 2))
        page.mouse.move(box["x"] + (column + 0.5) / 256 * box["width"], box["y"] + (row + 0.5) / 256 * box["height"])
        frames(found)
        said = found.locator(".say").inner_text()
        assert f"Row {row}, column {column}:" in said
        assert abs(float(found.locator(".say b").inner_text()) - truth[row, column]) <= 0.5001e-4 + 1e-6
    pixels = found.locator("canvas.answer").evaluate(
        """(canvas) => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let out = "";  // letters travel much faster than 200,000 numbers
          for (let r = 0; r < 256; r++) for (let c = 0; c < 256; c++) {
            const x = Math.floor((c + 0.5) * canvas.width / 256), y = Math.floor((r + 0.5) * canvas.height / 256);
            for (let k = 0; k < 3; k++) out += String.fromCharCode(data[4 * (y * canvas.width + x) + k]);
          }
          return btoa(out);
        }"""
    )
    shown = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(256, 256, 3).astype(int)
    levels = np.rint(truth * (255 / truth.max())).astype(int)
    colours = picture.colourise(np.linspace(0, 1, 256, dtype=np.float32)[None])[0].astype(int)
    far = np.hypot(*(np.mgrid[:256, :256] - np.array([row, column])[:, None, None])) > 12  # away from the marker
    best = np.min([np.abs(colours[np.clip(levels + d, 0, 255)] - shown).max(2) for d in (-1, 0, 1)], axis=0)
    assert best[far].max() == 0


def test_the_sliders_the_spot_and_the_keys_turn_the_filter(page: Page):
    found = lab(page, g.Gabor(0.1, 0.0, 3.0))
    before = found.locator(".answer-name").inner_text()
    direction = found.get_by_role("slider", name="Orientation θ")
    direction.focus()
    page.keyboard.press("ArrowRight")
    frames(found)
    assert direction.input_value() == "1"
    assert found.locator(".answer-name").inner_text() != before
    box = found.locator("canvas.spectrum").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7)
    frames(found)
    page.mouse.up()
    assert float(found.get_by_role("slider", name="Frequency").input_value()) == pytest.approx(
        0.2 * math.sqrt(2), abs=0.012
    )
    assert float(direction.input_value()) == pytest.approx(45, abs=2)
    page.wait_for_function("() => /wave=0\\.2[789]/.test(location.href)")
    for name in ("Frequency", "Orientation θ", "Sigma σ", "Aspect ratio γ", "Phase"):
        found.get_by_role("slider", name=name).focus()
    for canvas in ("photo", "answer", "spectrum"):
        found.locator(f"canvas.{canvas}").focus()
        page.keyboard.press("ArrowRight")


def test_dragging_is_silent_until_release(page: Page):
    sent: list[int] = []
    page.once("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(1)))
    found = lab(page, g.Gabor(0.1, 0.0, 3.0))
    at_rest(page)
    so_far, before = len(sent), int(found.get_attribute("data-draws"))
    box = found.get_by_role("slider", name="Sigma σ").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.33, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(box["x"] + box["width"] * (0.33 + step / 24), box["y"] + box["height"] / 2)
        frames(found)
    assert int(found.get_attribute("data-draws")) - before >= 10
    assert len(sent) == so_far
    page.mouse.up()
    page.wait_for_function("() => location.href.includes('wave=')")


def test_the_bank_holds_the_lectures_eight_filters_on_three_pictures_and_its_numbers_are_true(page: Page):
    page.goto("/gabor?photo=cat&gabor-view=Filter+bank")
    found = page.locator(".bank")
    page.locator(".bank[data-done=true]").wait_for()
    assert found.locator("button.kernel canvas").count() == 8
    assert found.get_by_label("Hue of each angle").count() == 1
    scales = found.locator("figcaption").all_inner_texts()
    assert sum(text.startswith("0–") for text in scales) == 8 + 1  # one for each column
    assert found.locator("figure canvas").count() == 3 * (1 + 8 + 1)
    first = g.bank()[0]
    truth = g.response(pictures.gray(pictures.square(Photo.sample("cat"), 128)), first)
    canvas = found.locator("figure canvas").nth(3)
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    said = found.locator(".say").inner_text()
    assert "row 64, column 65" in said
    assert abs(float(said.rsplit(" ", 1)[1]) - truth[64, 65]) <= 0.5001e-4 + 1e-6
    found.locator("button.kernel").nth(5).click()
    page.locator(".gabor").wait_for()
    page.wait_for_function("() => location.href.includes('wave=0.4~45~1')")


def test_a_learned_filter_is_matched_by_hand_in_the_browser(page: Page):
    page.goto("/gabor?gabor-view=Learned+filters")
    page.get_by_role("button", name="Load this fit").click()
    found = page.locator(".match output")
    found.wait_for()
    fitted = float(found.inner_text().removeprefix("R² ").replace("−", "-"))
    page.locator(".gabor").get_by_role("slider", name="Orientation θ").press("PageUp")
    frames(found)
    turned = float(found.inner_text().removeprefix("R² ").replace("−", "-"))
    assert turned != fitted


def test_on_a_projector_pictures_sliders_and_the_lock_fill_the_width(page: Page):
    page.goto("/gabor?present=true")
    page.locator(".gabor[data-draws]").wait_for()
    for width, height in ((1920, 1080), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        parts = ("canvas.photo", "canvas.answer", ".hold", "[data-knob=phase]")
        boxes = {part: page.locator(part).bounding_box() for part in parts}
        assert all(box["y"] + box["height"] <= height for box in boxes.values()), boxes
        assert boxes["canvas.photo"]["height"] >= 0.5 * height
        assert width - 40 <= boxes["[data-knob=phase]"]["x"] + boxes["[data-knob=phase]"]["width"] <= width


def test_on_a_projector_each_slider_s_value_stands_apart_from_its_name_in_one_line(page: Page):
    page.goto("/gabor?present=true")
    page.locator(".gabor[data-draws]").wait_for()
    ends = """knob => {
      const text = document.createRange();
      text.selectNodeContents(knob.querySelector("span"));
      const a = text.getBoundingClientRect(), b = knob.querySelector("output").getBoundingClientRect();
      const lines = Math.round(b.height / a.height);
      return { apart: b.left - a.right, below: b.top - a.bottom, lines, right: b.right };
    }"""
    for width, height in ((1920, 1080), (1280, 720), (800, 600), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        for knob in page.locator(".gabor .knob").all():
            found = knob.evaluate(ends)
            assert found["apart"] >= 8 or found["below"] >= -2, (width, knob.inner_text(), found)
            assert found["lines"] == 1, (width, knob.inner_text(), found)
            assert found["right"] <= width, (width, knob.inner_text(), found)
