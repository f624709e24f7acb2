"""The canvas of the class activation page and the grid of the activations page, in the hands of a person."""

from __future__ import annotations

import re
import statistics

import pytest
from playwright.sync_api import Page

from tests.journeys.steps import at_rest, frames

# Finds an element inside the components' shadow roots.
FIND = """(name) => { const find = (root) => { for (const e of root.querySelectorAll('*')) {
  if (e.classList.contains(name)) return e;
  const inner = e.shadowRoot && find(e.shadowRoot);
  if (inner) return inner; } return null; }; return find(document); }"""
# A number that changes with the picture.
SUM = (
    """() => { const c = ("""
    + FIND
    + """)('cam').querySelector('canvas');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = 0; for (let i = 0; i < d.length; i += 97) s = (s * 31 + d[i]) >>> 0; return s; }"""
)

# Keeps from Python what the browser sends, until it is released.
HOLD = """() => { const send = WebSocket.prototype.send, held = [];
  WebSocket.prototype.send = function (data) { held.push([this, data]); };
  window.release = () => {
    WebSocket.prototype.send = send; for (const [socket, data] of held) socket.send(data); }; }"""


def opened(page: Page, link: str) -> None:
    page.goto(link)
    page.locator(".cam canvas").wait_for()
    page.get_by_text("strongest").first.wait_for()
    at_rest(page)


def test_another_class_and_opacity_are_there_within_150_ms(page: Page):
    """The picture itself, not the page around it, which follows."""
    opened(page, "/class_activation?photo=cat")
    times = page.evaluate(
        "async () => { const find = "
        + FIND
        + """; const cam = find('cam'), times = [];
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        for (let i = 0; i < 6; i++) {
          const range = cam.querySelector('input[aria-label=Opacity]'), start = performance.now();
          range.value = 0.3 + i / 20; range.dispatchEvent(new Event('input')); await frame();
          times.push(performance.now() - start); }
        return times; }"""
    )
    assert statistics.median(times) < 150
    before = page.evaluate(SUM)
    times = page.evaluate(
        "async () => { const sum = "
        + SUM
        + ", find = "
        + FIND
        + """; const times = [];
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        for (let i = 0; i < 6; i++) {
          const chips = [...find('cam').querySelectorAll('.camchips div:first-child button')], was = sum();
          const other = chips.find((c) => c.getAttribute('aria-pressed') !== 'true'), start = performance.now();
          other.click(); while (sum() === was) await frame();
          times.push(performance.now() - start); }
        return times; }"""
    )
    assert statistics.median(times) < 150
    page.get_by_role("button", name="dog", exact=True).click()
    page.get_by_role("heading", name=re.compile("Overlay.*dog")).wait_for()  # Python has followed
    assert page.evaluate(SUM) != before
    page.get_by_role("button", name="Eigen-CAM").click()
    page.get_by_role("heading", name=re.compile("Overlay.*dog, Eigen-CAM")).wait_for()


def test_a_step_of_opacity_writes_its_number_and_the_picture_alone(page: Page):
    """What is set to what it is would have the browser lay out the page anew at each step."""
    opened(page, "/class_activation?photo=cat")
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    page.keyboard.press("ArrowRight")
    at_rest(page, 800)  # Python hears of it after 600 ms
    page.evaluate(
        "() => { const cam = ("
        + FIND
        + """)('cam'), { host } = cam.getRootNode(); window.written = [];
        const seen = new MutationObserver((all) => written.push(
          ...all.map(({ type, target }) => `${type} ${target.nodeName}`)));
        seen.observe(cam, { subtree: true, childList: true, attributes: true, characterData: true });
        seen.observe(host, { attributes: true }); }"""
    )
    before, shown = page.evaluate(SUM), page.locator(".cam .camtools output").inner_text()
    page.keyboard.press("ArrowRight")
    frames(page.locator(".cam"))
    written = page.evaluate("() => written")
    assert page.evaluate(SUM) != before
    assert page.locator(".cam .camtools output").inner_text() == str(int(shown) + 1)
    marks = [one for one in written if one != "attributes DIV"]  # data-drawn, for who measures
    assert marks == ["childList OUTPUT"]
    assert len(written) == 2


def test_a_picture_keeps_to_its_width_after_the_window_was_made_narrower(page: Page):
    size = page.viewport_size
    assert size is not None
    opened(page, "/class_activation?photo=cat")
    canvas, slider = page.locator(".cam canvas"), page.get_by_role("slider", name="Opacity")
    try:
        for width in (390, 800, size["width"]):
            page.set_viewport_size({"width": width, "height": size["height"]})
            frames(canvas)
            slider.focus()
            page.keyboard.press("ArrowRight")
            frames(canvas)
            picture, around = canvas.bounding_box(), page.locator(".cam").bounding_box()
            assert picture is not None
            assert around is not None
            assert picture["width"] <= around["width"] + 0.5
            page.evaluate("() => { dispatchEvent(new Event('resize')); }")  # as much as asked again
            frames(canvas)
            assert canvas.bounding_box() == picture
    finally:
        page.set_viewport_size(size)


def test_any_class_of_the_list_is_there_within_150_ms_and_python_follows(page: Page):
    opened(page, "/class_activation?photo=cat&model=lecture/mnist_gap")
    at_rest(page, 800)  # until the maps at hand are
    times = []
    for digit in ("7", "3", "0", "5"):
        box = page.get_by_role("combobox", name="Class")
        box.click()
        box.fill(f"· {digit}")
        page.get_by_role("option", name=f"· {digit}").first.wait_for()
        page.evaluate(
            "(target) => { const find = "
            + FIND
            + """; document.addEventListener('keydown', () => { const start = performance.now();
            const look = () => find('cam').dataset.drawn.startsWith(`${target} `) || performance.now() - start > 3000
              ? (window.took = performance.now() - start) : requestAnimationFrame(look);
            window.took = null; requestAnimationFrame(look); }, { capture: true, once: true }); }""",
            digit,
        )
        page.keyboard.press("Enter")
        page.wait_for_function("() => window.took != null")
        times.append(page.evaluate("() => window.took"))
        page.wait_for_url(re.compile(f"class={digit}"))
    assert statistics.median(times) < 150
    page.get_by_role("heading", name=re.compile("Overlay.*5, Grad-CAM")).wait_for()  # Python has followed


def test_a_method_of_the_list_is_there_before_python_heard_of_it(page: Page):
    opened(page, "/class_activation?photo=cat")
    at_rest(page, 800)  # until the maps at hand are
    before, drawn = page.evaluate(SUM), "() => (" + FIND + ")('cam').dataset.drawn"
    page.evaluate(HOLD)
    box = page.get_by_role("combobox", name="Method")
    box.click()
    box.fill("Eigen-CAM")  # the name in full is not yet a choice
    page.get_by_role("option", name="Eigen-CAM").wait_for()
    frames(box)
    assert "gradcam" in page.evaluate(drawn)
    assert page.evaluate(SUM) == before
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({drawn})().includes('eigencam')")
    assert page.evaluate(SUM) != before
    assert page.get_by_role("heading", name=re.compile("Overlay.*Grad-CAM")).count() == 1
    page.evaluate("() => window.release()")
    page.get_by_role("heading", name=re.compile("Overlay.*Eigen-CAM")).wait_for()
    at_rest(page)
    assert "eigencam" in page.evaluate(drawn)


def choose(page: Page, layer: str) -> None:
    box = page.get_by_role("combobox", name="Layer")
    box.click()
    box.fill(layer)
    page.get_by_role("option", name=layer, exact=True).click()


def both_layers(page: Page) -> dict[str, int]:
    """Look at relu3 and relu4; the number of each layer's picture."""
    shown = {}
    for layer in ("relu3", "relu4"):
        choose(page, layer)
        page.get_by_role("heading", name=re.compile("Overlay")).filter(has_text=layer).wait_for()
        at_rest(page, 800)
        shown[layer] = page.evaluate(SUM)
    return shown


def test_a_layer_that_was_there_before_is_there_before_python_heard_of_it(page: Page):
    opened(page, "/class_activation?photo=cat")
    title = page.get_by_role("heading", name=re.compile("Overlay"))
    shown = both_layers(page)
    assert shown["relu3"] != shown["relu4"]
    page.evaluate(HOLD)
    choose(page, "relu3")
    page.wait_for_function(f"() => ({SUM})() === {shown['relu3']}", timeout=2_000)  # the very map that Python gave
    assert "relu4" in title.text_content()  # Python has not heard of it
    page.evaluate("() => window.release()")
    title.filter(has_text="relu3").wait_for()
    at_rest(page, 800)
    assert page.evaluate(SUM) == shown["relu3"]


def test_no_layer_of_before_is_shown_of_another_class(page: Page):
    opened(page, "/class_activation?photo=cat")
    title = page.get_by_role("heading", name=re.compile("Overlay"))
    both_layers(page)
    page.get_by_role("button", name="dog", exact=True).click()
    title.filter(has_text="dog").wait_for()
    at_rest(page, 800)
    before = page.evaluate(SUM)
    page.evaluate(HOLD)
    choose(page, "relu3")
    frames(page.locator(".cam"))
    assert page.evaluate(SUM) == before  # of this class there was none at that layer
    page.evaluate("() => window.release()")
    title.filter(has_text=re.compile("dog.*relu3")).wait_for()
    at_rest(page, 800)
    assert page.evaluate(SUM) != before


def test_there_and_back_between_layers_ends_with_the_map_that_the_list_says(page: Page):
    opened(page, "/class_activation?photo=cat")
    title = page.get_by_role("heading", name=re.compile("Overlay"))
    shown = both_layers(page)
    for layers in (("relu3", "relu4"), ("relu3", "relu2"), ("relu4", "relu3")):
        for layer in layers:
            choose(page, layer)  # before Python has answered
        title.filter(has_text=layer).wait_for()
        at_rest(page, 800)
        assert page.evaluate(SUM) == shown.setdefault(layer, page.evaluate(SUM))
    assert len({*shown.values()}) == 3


def test_what_is_erased_is_predicted_again(page: Page):
    opened(page, "/class_activation?photo=cat")
    left = [page.locator(one).first.bounding_box()["x"] for one in (".st-key-how-many", ".cv-bars")]
    assert left[0] == pytest.approx(left[1], abs=1)  # one column, and its lists of one height
    high = [page.locator(one).bounding_box()["height"] for one in (".classpick input", ".st-key-method [role=group]")]
    assert high[0] == pytest.approx(high[1], abs=1)
    assert page.locator(".camscale i").bounding_box()["width"] >= 100
    chopped = page.locator(".st-key-model input").evaluate("(input) => getComputedStyle(input).textOverflow")
    assert chopped == "ellipsis"
    page.get_by_role("checkbox", name="Brush: erase and predict").check()
    box = page.locator(".cam canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=6)
    page.mouse.up()
    answer = page.get_by_role("status").filter(has_text=re.compile("of the network’s input is erased: .* now"))
    answer.wait_for()
    assert 0 <= answer.bounding_box()["y"] - box["y"] - box["height"] < 60  # right under the picture
    page.get_by_role("heading", name=re.compile("Prediction.*without what is erased")).wait_for()
    page.wait_for_url(re.compile("look="))
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("heading", name=re.compile("without what is erased")).wait_for(state="hidden")
    assert answer.count() == 0


def test_sorting_changes_the_tiles_and_what_is_taken_away(page: Page):
    page.goto("/activations?photo=cat")
    page.locator(".maps .scroll").wait_for()
    page.get_by_role("combobox", name="Sort channels by").click()
    page.get_by_role("option", name=re.compile("^mean")).click()
    page.wait_for_function("() => (" + FIND + ")('maps').dataset.drawn.startsWith('mean ')")
    page.wait_for_url(re.compile("sort=mean"))
    page.get_by_role("button", name="Copy as Python").first.click()
    page.get_by_text("shown.order('mean')").wait_for()


def test_the_grid_answers_to_hover_click_and_keys(page: Page):
    page.goto("/activations?photo=cat")
    grid = page.locator(".maps .scroll")
    grid.wait_for()
    at_rest(page)
    box = grid.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.get_by_text(re.compile(r"about .* at row \d+, column \d+")).wait_for()
    page.mouse.click(box["x"] + 30, box["y"] + 30)
    page.get_by_role("heading", name=re.compile("^Channel 0")).wait_for()
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name=re.compile("^Channel 1")).wait_for()
    page.get_by_role("heading", name=re.compile("is computed")).wait_for()


def test_the_ring_of_the_brush_goes_with_the_pointer(page: Page):
    opened(page, "/class_activation?photo=rocket")
    bare = page.evaluate(SUM)
    page.get_by_label("Brush: erase and predict").check()
    assert page.evaluate(SUM) == bare
    page.locator(".cam canvas").hover()
    assert page.evaluate(SUM) != bare
    page.mouse.move(5, 5)
    frames(page.locator(".cam"))
    assert page.evaluate(SUM) == bare


def test_all_stages_are_large_enough_to_read_on_a_phone(page: Page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/class_activation?photo=rocket&proof=All+stages")
    page.locator(".cv-ladder img").first.wait_for()
    box = page.locator(".cv-ladder img").first.bounding_box()
    assert box is not None
    assert box["width"] > 120


def test_streamlits_stop_leaves_the_picture_and_a_click_overtakes_slow_work(page: Page):
    opened(page, "/class_activation?photo=rocket&occlusion-stride=2")
    method = page.locator(".st-key-method input")

    def choose(name: str) -> None:
        method.click()
        page.get_by_role("option", name=name, exact=True).click()

    choose("Occlusion")
    page.get_by_role("progressbar").wait_for()
    page.locator("[data-testid=stStatusWidget] button").click()
    page.get_by_text("Stopped: Occlusion on rocket.").wait_for()
    page.get_by_role("progressbar").wait_for(state="detached")
    assert page.locator(".cam canvas").is_visible()
    assert page.locator(".cv-bars").is_visible()
    choose("HiResCAM")
    page.get_by_text("cat, HiResCAM").wait_for()
    choose("Occlusion")
    page.get_by_role("progressbar").wait_for()
    choose("Grad-CAM")
    page.get_by_text("cat, Grad-CAM").wait_for(timeout=8_000)
    page.get_by_role("progressbar").wait_for(state="detached", timeout=8_000)
