"""The convolution lab in a real browser: numbers are the engine's, keys reach everything, nothing illegal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cnnviz import picture
from cnnviz.photo import Photo
from cnnviz.signal import pictures
from cnnviz.signal.convolve import MODES, Sliding, convolve, output_size, patch_at
from cnnviz.signal.kernels import KERNELS
from cnnviz.signal.slide import gray_levels
from tests.journeys.steps import at_rest, frames

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def near(shown: str, true: float) -> bool:
    """Whether a printed number is the true one to the digits printed."""
    places = len(shown.partition(".")[2])
    return abs(number(shown) - true) <= 0.5 * 10**-places + 1e-6 * max(1, abs(true))


def lab(page: Page, address: str) -> Locator:
    page.goto(address)
    found = page.locator(".lab")
    found.locator(".total").wait_for()
    return found


def hover(page: Page, found: Locator, canvas: str, row: int, column: int, rows: int, columns: int) -> None:
    box = found.locator(canvas).bounding_box()
    page.mouse.move(box["x"] + (column + 0.5) * box["width"] / columns, box["y"] + (row + 0.5) * box["height"] / rows)
    frames(found)


def told(found: Locator, words: str) -> None:
    """Waits for what a screen reader is told: when the pointer rests, so a little later than what is drawn."""
    found.locator(".told", has_text=words).wait_for(state="attached", timeout=10_000)


def levels(found: Locator, rows: int, columns: int) -> np.ndarray:
    """The colour in the middle of each cell of the output canvas, uint8 (rows, columns, 3)."""
    values = found.locator("canvas.out").evaluate(
        """(canvas, [rows, columns]) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, out = [];
          for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
            const x = Math.floor((c + 0.5) * canvas.width / columns), y = Math.floor((r + 0.5) * canvas.height / rows);
            out.push(...pixels.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3));
          }
          return out;
        }""",
        [rows, columns],
    )
    return np.array(values, np.uint8).reshape(rows, columns, 3)


CASES = {
    "white box, zero border": ("input=box&lab=f.horizontal_edge~p.1", "box", "horizontal_edge", Sliding(padding=1)),
    "digit, dilated, reflected": (
        "input=digit&lab=f.sobel_x~p.2~d.2~m.reflect",
        "digit",
        "sobel_x",
        Sliding(1, 2, "reflect", 2),
    ),
    "shapes, strided, wrapped": (
        "input=shapes&lab=f.gaussian~s.2~p.1~m.wrap~l.picture",
        "shapes",
        "gaussian",
        Sliding(2, 1, "wrap"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_ten_places_hovered_show_the_engines_numbers_on_both_pictures(page: Page, rng, case):
    query, name, kernel, sliding = CASES[case]
    found = lab(page, f"/convolution?{query}")
    image, weights = pictures.TEACHING[name][1]().astype(np.float32), KERNELS[kernel].weights
    answer = convolve(image, weights, sliding)
    rows, columns = answer.shape
    padded = [n + 2 * sliding.padding for n in image.shape]
    middle = sliding.dilation * (len(weights) - 1) // 2
    for turn in range(10):
        row, column = int(rng.integers(rows)), int(rng.integers(columns))
        if turn % 2:
            hover(page, found, "canvas.out", row, column, rows, columns)
        else:
            hover(page, found, "canvas.in", row * sliding.stride + middle, column * sliding.stride + middle, *padded)
        truth = patch_at(image, weights, row, column, sliding)
        parts = found.locator(".sum .row").first
        grids = [parts.locator(".grid").nth(i) for i in (0, 2)]
        for grid, true in zip(grids, (truth.values, truth.products), strict=True):
            shown = grid.locator(".cell").all_inner_texts()
            assert all(near(s, t) for s, t in zip(shown, true.ravel(), strict=True)), (case, row, column, shown)
        typed = parts.locator("input.weight").evaluate_all("cells => cells.map((c) => c.value)")
        assert all(near(s, t) for s, t in zip(typed, weights.ravel(), strict=True))
        total = found.locator(".total").inner_text()
        assert near(total, truth.total), (case, row, column, total, truth.total)
        assert abs(number(total) - answer[row, column]) < 0.01
        told(found, f"row {row + 1}, column {column + 1}:")


@pytest.mark.parametrize("look", ["magnitude", "picture"])
def test_the_output_canvas_is_the_engines_map_to_one_grey_level(page: Page, look):
    found = lab(page, f"/convolution?input=digit&lab=f.emboss~p.1~l.{look}")
    found.locator(".rare").click()
    for mode in MODES:
        found.get_by_label("Padding mode", exact=True).select_option(mode)
        frames(found)
        sliding = Sliding(padding=1, mode=mode)
        answer = convolve(pictures.digit().astype(np.float32), KERNELS["emboss"].weights, sliding)
        shown = levels(found, *answer.shape).astype(int)
        assert (shown.max(2) == shown.min(2)).all(), mode
        assert np.abs(shown[..., 0] - gray_levels(answer, look)).max() <= 1, mode


def test_the_signed_output_has_the_colours_of_activations(page: Page):
    found = lab(page, "/convolution?input=shirt&lab=f.sobel_y~p.1~g.1")
    answer = convolve(pictures.shirt().astype(np.float32), KERNELS["sobel_y"].weights, Sliding(padding=1))
    frames(found)
    shown = levels(found, *answer.shape).astype(int)
    colours = picture.colourise(np.linspace(0, 1, 256, dtype=np.float32)[None], picture.ACTIVATION)[0].astype(int)
    wanted = gray_levels(answer, "signed", 1.0).astype(int)
    off = np.min([np.abs(colours[np.clip(wanted + d, 0, 255)] - shown).max(2) for d in (-1, 0, 1)], axis=0)
    assert off.max() == 0


def test_a_colour_photo_sums_three_channels_and_the_bias(page: Page, rng):
    values = rng.integers(-4, 5, (3, 3, 3))
    word = "_".join(["7.5", *map(str, values.ravel())])
    found = lab(page, f"/convolution?input=photo&photo=coffee&lab=f.3x3!{word}~c.1~p.1~m.replicate")
    planes = pictures.planes(pictures.fitted(Photo.sample("coffee")))[1:].astype(np.float32)
    weights, sliding = values.astype(np.float32), Sliding(padding=1, mode="replicate")
    rows, columns = convolve(planes, weights, sliding).shape
    for row, column in [(0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)]:
        hover(page, found, "canvas.out", row, column, rows, columns)
        at = [int(n) - 1 for n in re.findall(r"\d+", found.locator(".told").inner_text())[:2]]
        assert max(abs(at[0] - row), abs(at[1] - column)) <= 1  # a pointer has whole pixels, and cells are as small
        truth = patch_at(planes, weights, *at, sliding, 7.5)
        sums = found.locator(".part").all_inner_texts()
        assert all(near(s, t) for s, t in zip(sums, truth.sums, strict=True))
        assert near(found.locator(".total").inner_text(), truth.total)


def test_keys_alone_reach_everything(page: Page):
    found = lab(page, "/convolution?input=box&lab=f.horizontal_edge~p.1")
    found.locator(".rare").click()
    found.locator(".chip").first.focus()
    seen: list[str] = []
    active = """() => {
      let e = document.activeElement;
      while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
      return e?.getAttribute("aria-label") || e?.value || e?.textContent || "";
    }"""
    for _ in range(60):
        seen.append(page.evaluate(active))
        page.keyboard.press("Tab")
        if seen[-1].startswith("One layer:"):
            break
    words = " | ".join(seen)
    for wanted in (
        "Horizontal edge",
        "Identity",
        "conv",
        "signed",
        "Contrast",
        "Window for output",
        "At row",
        "Kernel size",
    ):
        assert wanted in words, (wanted, words)
    for wanted in (
        "Stride",
        "Padding",
        "Padding mode",
        "Dilation",
        "Rotate 90°",
        "Play",
        "Position",
        "Speed",
        "Kernel, row 1",
        "Bias",
    ):
        assert wanted in words, (wanted, words)
    found.locator("canvas.in").focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    frames(found)
    told(found, "row 3, column 2")
    page.keyboard.press(" ")
    assert found.locator(".play").get_attribute("aria-label") == "Pause"
    page.keyboard.press(" ")
    assert found.locator(".play").get_attribute("aria-label") == "Play"
    found.locator("input.weight").first.focus()
    page.keyboard.press("ArrowUp")
    assert number(found.locator("input.weight").first.input_value()) == -0.75
    found.locator("input[value=relu]").focus()
    page.keyboard.press("ArrowRight")
    assert found.locator("input[value=pool]").is_checked()


def test_playing_fills_the_output_and_stops_at_its_end(page: Page):
    found = lab(page, "/convolution?input=box&lab=f.edge_detect")
    found.locator(".speed").fill("100")
    found.locator(".play").click()
    page.wait_for_timeout(600)
    half = int(found.locator(".scrub").input_value())
    assert 0 < half < 675
    found.locator(".play").click()
    frames(found)
    at = int(found.locator(".scrub").input_value())
    shown = levels(found, 26, 26)
    assert len(np.unique(shown[-1].reshape(-1, 3), axis=0)) == 1  # not yet filled
    found.locator(".step").click()
    frames(found)
    assert int(found.locator(".scrub").input_value()) == at + 1
    found.locator(".scrub").fill("675")
    frames(found)
    told(found, "row 26, column 26")


def test_illegal_combinations_cannot_be_reached(page: Page, rng):
    """Many random settings, each as far as it goes: the map always exists and the formula is right."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found = lab(page, "/convolution?input=box&lab=f.horizontal_edge~p.1")
    for _ in range(15):
        label = str(rng.choice(["Kernel size", "Padding mode", "Stride", "Padding", "Dilation"]))
        control = found.get_by_label(label, exact=True)
        if label in ("Kernel size", "Padding mode"):
            offered = control.locator("option:not([disabled])").evaluate_all("all => all.map((o) => o.value)")
            control.select_option(str(rng.choice(offered)))
        else:
            low, high = (int(control.get_attribute(name)) for name in ("min", "max"))
            if control.is_enabled():
                control.fill(str(rng.integers(low, high + 1)))
        frames(found)
        k = int(found.get_by_label("Kernel size", exact=True).input_value())
        s, p, d = (int(found.get_by_label(n, exact=True).input_value()) for n in ("Stride", "Padding", "Dilation"))
        mode = found.get_by_label("Padding mode", exact=True).input_value()
        side = output_size(28, k, s, p, d)
        assert side > 0
        assert p <= (27 if mode == "reflect" else 28 if mode == "wrap" else 99)
        assert found.locator(".formula").inner_text().endswith(f"= {side}")
        assert f"Output, {side} × {side}" in found.locator(".out-name").inner_text()
    assert errors == []


def test_dragging_a_cell_redraws_at_once_and_the_server_hears_of_it_on_release(page: Page):
    sent: list[int] = []
    page.once("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(1)))
    found = lab(page, "/convolution?input=photo&photo=cat&lab=f.identity~l.picture")
    at_rest(page)
    cell = found.locator("input.weight").nth(4).bounding_box()
    before, so_far = int(found.get_attribute("data-draws")), len(sent)
    page.mouse.move(cell["x"] + 5, cell["y"] + 10)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(cell["x"] + 5 + 6 * step, cell["y"] + 10)
        frames(found)
    assert int(found.get_attribute("data-draws")) - before >= 10
    assert len(sent) == so_far
    assert number(found.locator("input.weight").nth(4).input_value()) > 3
    page.mouse.up()
    page.wait_for_function("() => decodeURIComponent(location.href).includes('1x3!')")
    assert len(sent) > so_far


@pytest.mark.parametrize(("k", "weight"), [(3, "-2549.75"), (4, "9999"), (7, "9999"), (7, "-0.125")])
def test_every_number_fits_its_cell_and_no_sign_stands_alone_at_the_end_of_a_line(page: Page, k, weight):
    found = lab(page, f"/convolution?lab=f.1x{k}!0_{'_'.join([weight] * k * k)}~o.{10 * (29 - k) + 10}")
    for width in (1400, 800, 390):
        page.set_viewport_size({"width": width, "height": 1200})
        at_rest(page)
        numbers_fit(found, 255 * float(weight))


def numbers_fit(found: Locator, product: float) -> None:
    """Each number lies in its cell, and each sign beside the grid it leads to; the last product is this one."""
    frames(found)
    cut = "all => all.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.value ?? e.textContent)"
    assert found.locator(".cell").evaluate_all(cut) == []
    shown = found.locator("[aria-label=Products] .cell").last
    if shown.get_attribute("title"):
        assert near(shown.get_attribute("title"), product)
        assert number(shown.inner_text()) == pytest.approx(product, rel=0.2)  # one digit at least
    else:
        assert near(shown.inner_text(), product)
    for sign, grid in (("×", "Kernel"), ("=", "Products")):
        mark = found.locator(".row .sign", has_text=sign).bounding_box()
        led = found.locator(f"[aria-label={grid}]").bounding_box()
        assert mark["x"] < led["x"]
        assert led["y"] <= mark["y"] <= led["y"] + led["height"]
    assert found.get_by_text("Speed", exact=True).is_visible()
    assert found.locator(".sum").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_numbers_fit_their_cells_in_a_font_with_wider_figures(page: Page):
    page.set_viewport_size({"width": 390, "height": 1200})
    found = lab(page, f"/convolution?lab=f.1x7!0_{'_'.join(['9999'] * 49)}~o.200")
    found.evaluate("e => { e.style.fontFamily = \"'DejaVu Sans', Verdana, sans-serif\"; }")
    found.locator(".step").click()
    frames(found)
    cut = "all => all.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.value ?? e.textContent)"
    assert found.locator(".cell").evaluate_all(cut) == []


def test_examples_are_one_click(page: Page):
    found = lab(page, "/convolution")
    assert "Horizontal edge" in found.locator(".say").inner_text()
    page.get_by_role("button", name="Diagonal edge", exact=True).first.click()
    found.get_by_text("Diagonal edge. The lower right").wait_for()
    page.get_by_role("button", name="Max pooling", exact=True).click()
    found.locator(".out-name", has_text="14 × 14").wait_for()
    page.get_by_role("button", name="A photo", exact=True).click()
    found.locator(".in-name", has_text="padded").wait_for()
    assert re.search(r"256 × \d+, padded 258", found.locator(".in-name").inner_text())
    assert found.locator(".card").count() == 3


def test_the_receptive_field_grows_with_each_layer(page: Page):
    page.goto("/convolution?lab-view=Receptive+field")
    found = page.locator(".field")
    found.get_by_text("Receptive field of one unit: 40 × 40 pixels").wait_for()
    found.get_by_role("button", name="Three 3 × 3").click()
    found.get_by_text("Receptive field of one unit: 7 × 7 pixels").wait_for()
    found.get_by_role("button", name="Add a layer").click()
    found.get_by_text("Receptive field of one unit: 9 × 9 pixels").wait_for()
    found.get_by_role("button", name="Dilated 1, 2, 4, 8").click()
    found.get_by_text("Receptive field of one unit: 31 × 31 pixels").wait_for()
    assert found.locator("tbody tr").count() == 4


def test_a_table_of_layers_that_is_wider_than_the_screen_fades_at_its_edge(page: Page):
    page.goto("/convolution?lab-view=Receptive+field")
    table = page.locator(".field .wide")
    found = {}
    for width in (390, 800, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        table.locator("tbody tr").first.wait_for()
        at_rest(page)
        found[width] = table.evaluate("e => e.scrollWidth - e.clientWidth")
        assert table.evaluate("e => getComputedStyle(e).maskImage !== 'none'") == (found[width] > 0), found
    assert found[390] > 0
    assert found[1400] <= 0


def test_a_finger_moves_the_window_and_reduced_motion_goes_row_by_row(browser, server):
    context = browser.new_context(
        viewport={"width": 390, "height": 1400}, base_url=server, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    try:
        found = lab(page, "/convolution?input=box&lab=f.horizontal_edge~p.1")
        box = found.locator("canvas.out").bounding_box()
        assert box["x"] + box["width"] <= 390
        page.touchscreen.tap(box["x"] + box["width"] * 10.5 / 28, box["y"] + box["height"] * 6.5 / 28)
        frames(found)
        told(found, "row 7, column 11: 765")
        found.locator(".scrub").fill("0")
        found.locator(".play").tap()
        page.wait_for_timeout(1300)
        found.locator(".play").tap()
        at = int(found.locator(".scrub").input_value())
        assert at > 0
        assert at % 28 == 0
    finally:
        context.close()


def test_the_film_of_the_window_downloads_as_a_gif(page: Page):
    lab(page, "/convolution?input=box&lab=f.horizontal_edge~p.1")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="GIF").click()
    assert waiting.value.path().read_bytes()[:6] == b"GIF89a"


def in_view(page: Page, found: Locator) -> None:
    """Holds both images, patch, kernel, products and sum to the window, and the images to a size that can be seen."""
    wide, high = page.viewport_size["width"], page.viewport_size["height"]
    for part in (
        "canvas.in",
        "canvas.out",
        "[aria-label=Patch]",
        "[aria-label=Kernel]",
        "[aria-label=Products]",
        ".total",
    ):
        for one in found.locator(part).all():
            box = one.bounding_box()
            assert box is not None, f"{part} is hidden"
            assert box["x"] >= 0, part
            assert box["y"] >= 0, part
            assert box["x"] + box["width"] <= wide + 1, part
            assert box["y"] + box["height"] <= high + 1, part
    assert found.locator("canvas.in").bounding_box()["height"] >= 180
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= wide


def own(channels: int, side: int) -> str:
    """A kernel of one's own in a link: numbers with two digits behind the point."""
    return f"f.{channels}x{side}!0_{'_'.join(str((i * 37 % 399 - 199) / 100) for i in range(channels * side * side))}"


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_the_whole_arithmetic_of_every_kernel_are_in_view(page: Page, channels):
    """On a desk, and on two projectors with the settings shut and open."""
    for side in (3, 5, 7):
        word = f"{own(channels, side)}~c.{int(channels == 3)}~o.300"
        page.set_viewport_size({"width": 1400, "height": 900})
        found = lab(page, f"/convolution?input=street&lab={word}")
        frames(found)
        in_view(page, found)
        found = lab(page, f"/convolution?input=street&lab={word}&present=true")
        for width, height in ((1920, 1080), (1280, 720)):
            page.set_viewport_size({"width": width, "height": height})
            for _ in range(2):
                at_rest(page)
                in_view(page, found)
                found.locator(".rare").click()


def test_the_arithmetic_of_a_large_rgb_kernel_shows_the_channel_that_is_chosen(page: Page):
    found = lab(page, f"/convolution?input=street&lab={own(3, 5)}~c.1~o.300")
    planes = pictures.planes(pictures.TEACHING["street"][1]())[1:].astype(np.float32)
    numbers = [(i * 37 % 399 - 199) / 100 for i in range(75)]
    truth = patch_at(planes, np.array(numbers, np.float32).reshape(3, 5, 5), *divmod(300, 28), Sliding(), 0.0)
    sums = found.locator(".channels output").all_inner_texts()
    assert all(near(shown, true) for shown, true in zip(sums, truth.sums, strict=True))
    for channel, name in enumerate("RGB"):
        found.locator(".channels label").nth(channel).click()
        frames(found)
        assert found.locator(".sum .row .title").first.inner_text() == f"{name} patch"
        typed = found.locator("input.weight").evaluate_all("cells => cells.map((c) => c.value)")
        assert all(near(shown, true) for shown, true in zip(typed, numbers[25 * channel :], strict=False))
        patch = found.locator("[aria-label=Patch] .cell").all_inner_texts()
        assert all(near(shown, true) for shown, true in zip(patch, truth.values[channel].ravel(), strict=True))
    found.locator("input.weight").first.fill("9")  # of blue: the others stay
    found.locator(".channels label").first.click()
    frames(found)
    assert near(found.locator("input.weight").first.input_value(), numbers[0])
    assert found.locator(".channels output").first.inner_text() == sums[0]
    assert found.locator(".channels output").last.inner_text() != sums[2]
