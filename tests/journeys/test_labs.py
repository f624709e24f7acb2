"""The labs as a person uses them: every control after every beginning, a window that stays, keys of the canvas."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cnnviz.photo import Photo
from cnnviz.signal import examples, gabor, pictures, slide
from cnnviz.ui.components import convlab
from cnnviz.ui.components.convlab import link
from tests.journeys.steps import at_rest, frames, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

State = dict[str, Any]


def lab(page: Page, address: str = "/convolution?photo=cat") -> Locator:
    page.set_viewport_size({"width": 1400, "height": 1300})  # high enough for pixels of a photo to be told apart
    page.goto(address)
    found = page.locator(".lab")
    found.locator(".total").first.wait_for()
    at_rest(page)
    unfold(found)
    return found


def unfold(found: Locator) -> None:
    """Opens what is folded away, to be used."""
    if not found.locator(".extra").is_visible():
        found.locator(".rare").click()


def begun(example: examples.Example) -> tuple[State, np.ndarray]:
    """The state that an example begins with, and the planes of its picture."""
    picture = example.picture
    shown = pictures.fitted(Photo.sample("cat")) if picture == "photo" else pictures.TEACHING[picture][1]()
    planes = pictures.planes(shown)
    return convlab.matched(convlab.begin(example), planes), planes


def agrees(found: Locator, state: State, planes: np.ndarray) -> None:
    """The output canvas shows what the engine computes for that state, to one level; the window's frame aside."""
    for left in reversed(range(40)):
        try:
            return _agrees(found, state, planes)
        except AssertionError:
            if not left:
                raise
            found.page.wait_for_timeout(250)  # a busy machine paints later


def _agrees(found: Locator, state: State, planes: np.ndarray) -> None:
    frames(found)
    made = link.layer_of(state)
    seen = (planes[1:] if state["colour"] else planes[:1]).astype(np.float32)
    answer = made.maps(seen)[state["selected"]]
    rows, columns = answer.shape
    assert f"{columns} × {rows}" in found.locator(".out-name").inner_text()
    canvas = found.locator("canvas.out")
    image = pixels(canvas)[..., :3].astype(int)
    y, x = (np.floor((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(answer.shape, image.shape, strict=False))
    peak = np.abs(replace(made, stage="conv").maps(seen)[state["selected"]]).max()  # one scale for all the stages
    shown, wanted = image[np.ix_(y, x)], slide.painted(answer, state["look"], state["gain"], peak).astype(int)
    row, column = divmod(int(found.locator(".scrub").input_value()), columns)
    cell = image.shape[1] / columns
    near = -1 if cell > 12 else int(np.ceil(10 / cell))  # where the window's frame may cover the middle of a cell
    away = np.maximum(*np.abs(np.mgrid[:rows, :columns] - np.array([row, column])[:, None, None])) > near
    off = np.abs(shown - wanted).max(2)[away]
    if cell > 3:
        assert off.max() <= 6, (state["stage"], off.max())
    else:  # of cells this small, some are sampled beside their middle
        assert off.mean() <= 6, (state["stage"], off.mean())


def all_controls(found: Locator, state: State) -> list[tuple[str, Callable[[], None], dict[str, Any]]]:
    """What a person can use, one after another: its name, the deed, and what it changes of the state."""

    def radio(value: str) -> Callable[[], None]:
        return lambda: found.locator(f"label:has(input[value={value}])").first.click()

    def weights(change: Callable[[np.ndarray], np.ndarray]) -> list[State]:
        filters = copy.deepcopy(state["filters"])
        one = filters[state["selected"]]
        one["weights"] = [change(np.array(plane)).tolist() for plane in one["weights"]]
        return filters

    def button(name: str) -> Callable[[], None]:
        return lambda: found.get_by_role("button", name=name, exact=True).click()

    def option(name: str, value: str) -> Callable[[], None]:
        return lambda: found.get_by_label(name, exact=True).select_option(value) and None

    def slider(name: str, value: int) -> Callable[[], None]:
        return lambda: found.get_by_label(name, exact=True).fill(str(value))

    turns = {
        "Rotate 90°": lambda p: p[::-1].T,
        "Flip": lambda p: p[:, ::-1],
        "Negate": lambda p: -p,
    }
    return [
        *((f"stage {v}", radio(v), {"stage": v}) for v in ("relu", "pool", "conv")),
        *((f"look {v}", radio(v), {"look": v}) for v in ("magnitude", "picture", "signed")),
        ("contrast", slider("Contrast", 2), {"gain": 2.0}),
        ("true convolution", radio("rotated"), {"flip": True}),
        ("cross-correlation", radio("as-is"), {"flip": False}),
        *((name, button(name), {"filters": weights(turn)}) for name, turn in turns.items()),
        ("padding", slider("Padding", 1), {"padding": 1}),
        ("mode", option("Padding mode", "replicate"), {"mode": "replicate"}),
        ("stride", slider("Stride", 2), {"stride": 2}),
        ("dilation", slider("Dilation", 2), {"dilation": 2}),
    ]


def use_everything(found: Locator, state: State, planes: np.ndarray) -> None:
    """Use each control once, and hold the output to the engine after each; the last deed goes back to the start."""
    agrees(found, state, planes)
    if state["stage"] != "conv":
        found.locator("label:has(input[value=conv])").click()
        state = {**state, "stage": "conv"}
    agrees(found, state, planes)
    for at in range(len(all_controls(found, state))):
        _, do, change = all_controls(found, state)[at]
        do()
        state = {**state, **change}
        agrees(found, state, planes)


SOME = [e for e in examples.EXAMPLES if e.title in ("A photo", "Colour", "Max pooling")]


def test_every_control_works_after_every_example_a_link_and_a_reload(page: Page):
    found = lab(page)
    for example in SOME:
        begin(page, example)
        use_everything(found, *begun(example))
    state, planes = begun(examples.EXAMPLES[0])
    again = lab(page, f"/convolution?input=box&lab={link.to_link(state)}")
    use_everything(again, state, planes)
    at_rest(page)
    page.reload()
    again = page.locator(".lab")
    again.locator(".total").first.wait_for()
    at_rest(page)
    again.locator("label:has(input[value=relu])").click()
    assert again.locator("input[value=relu]").is_checked()


def test_the_stages_of_the_layer_follow_every_example(page: Page):
    found = lab(page)
    for example in examples.EXAMPLES:
        begin(page, example)
        state, planes = begun(example)
        agrees(found, state, planes)
        at_rest(page)
        for stage in ("relu", "pool", "conv"):
            found.locator(f"label:has(input[value={stage}])").click()
            assert found.locator(f"input[value={stage}]").is_checked(), example.title
            agrees(found, {**state, "stage": stage}, planes)


def begin(page: Page, example: examples.Example) -> None:
    """Choose an example; some kernels have the same name, further down."""
    page.get_by_role("button", name=example.title, exact=True).first.click()


def point(page: Page, canvas: Locator, x: float, y: float, *, click: bool = False) -> None:
    box = canvas.bounding_box()
    at = box["x"] + x * box["width"], box["y"] + y * box["height"]
    page.mouse.move(*at)
    if click:
        page.mouse.click(*at)
    frames(canvas)


def test_a_click_pins_the_window_and_a_second_one_or_escape_releases_it(page: Page):
    found = lab(page, "/convolution?input=box&lab=f.horizontal_edge~p.1")
    out, scrub = found.locator("canvas.out"), found.locator(".scrub")
    point(page, out, 10.5 / 28, 6.5 / 28)
    assert scrub.input_value() == str(6 * 28 + 10)
    point(page, out, 10.5 / 28, 6.5 / 28, click=True)
    for y in (0.5, 0.8, 0.99):  # on the way down to the cells
        point(page, out, 0.4, y)
    assert scrub.input_value() == str(6 * 28 + 10)
    assert found.get_by_role("button", name="Pin").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    point(page, out, 3.5 / 28, 3.5 / 28)
    assert scrub.input_value() == str(3 * 28 + 3)
    point(page, out, 3.5 / 28, 3.5 / 28, click=True)
    point(page, out, 20.5 / 28, 20.5 / 28, click=True)
    point(page, out, 5.5 / 28, 5.5 / 28)
    assert scrub.input_value() == str(5 * 28 + 5)
    out.focus()
    page.keyboard.press("Enter")  # the keyboard's twin
    point(page, out, 9.5 / 28, 9.5 / 28)
    assert scrub.input_value() == str(5 * 28 + 5)
    page.keyboard.press("ArrowRight")
    frames(found)
    assert scrub.input_value() == str(5 * 28 + 6)


def test_a_click_pins_the_point_of_the_gabor_lab_and_the_unit_of_the_stack(page: Page):
    page.goto("/gabor?photo=cat")
    found = page.locator(".gabor")
    found.locator(".say b").wait_for()
    point(page, found.locator("canvas.answer"), 0.25, 0.25, click=True)
    said = found.locator(".say").inner_text()
    point(page, found.locator("canvas.answer"), 0.75, 0.99)
    assert found.locator(".say").inner_text() == said
    page.keyboard.press("Escape")
    point(page, found.locator("canvas.answer"), 0.75, 0.75)
    assert found.locator(".say").inner_text() != said
    page.goto("/convolution?lab-view=Receptive+field&photo=cat")
    name = page.locator(".field .name")
    page.locator(".field tbody tr").first.wait_for()
    canvas = page.locator(".field canvas.photo")
    point(page, canvas, 0.25, 0.25, click=True)
    said = name.inner_text()
    point(page, canvas, 0.75, 0.99)
    assert name.inner_text() == said


@pytest.mark.parametrize(
    ("address", "places"),
    [
        (
            "/convolution?photo=cat",
            ["canvas.in", "canvas.out", ".scrub", "input.weight >> nth=0", "input[value=conv]"],
        ),
        ("/convolution?lab-view=Receptive+field", [".field canvas.photo"]),
        ("/gabor?photo=cat", ["canvas.photo", "canvas.answer", "canvas.spectrum", "input[data-knob=theta]"]),
        ("/gabor?gabor-view=Filter+bank", [".bank figure canvas >> nth=3", ".st-key-gabor-view input"]),
    ],
)
def test_in_presenter_mode_arrows_belong_to_what_has_the_focus(page: Page, address: str, places: list[str]):
    page.goto(f"{address}&present=true")
    page.locator(places[0]).wait_for()
    at_rest(page)
    for where in places:
        page.locator(where).focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
        at_rest(page)
        assert re.search(address.partition("?")[0], page.url), (where, page.url)
    page.keyboard.press("PageDown")  # which a remote sends, goes on from there
    page.wait_for_function("(here) => !here.startsWith(location.pathname)", arg=address)


def test_pooling_steps_apart_from_its_window_and_pixels_may_be_read_as_0_to_1(page: Page):
    word = "f.sobel_y_up~p.1~t.pool~w.3~q.2"
    found, planes = lab(page, f"/convolution?input=digit&lab={word}"), pictures.planes(pictures.digit())
    state = link.from_link(word)
    assert state is not None
    agrees(found, state, planes)
    assert found.locator(".formula").inner_text() == "Output size = ⌊(28 − 3) / 2⌋ + 1 = 13"
    found.get_by_label("Stride", exact=True).fill("1")
    agrees(found, state | {"pool_stride": 1}, planes)
    found.locator("label:has(input[value='1'])").click()
    frames(found)
    most = link.layer_of(state).maps(planes.astype(np.float32)).max() / 255
    assert float(found.locator(".out-name").inner_text().rpartition(" ")[2]) == pytest.approx(most, abs=0.006)
    page.wait_for_function("() => location.href.includes('u.1')")
    found.locator("label:has(input[value=conv])").click()
    assert "Σ products + bias = " in found.locator(".lead").inner_text()
    values = [float(cell) for cell in found.locator("[aria-label=Patch] .cell").all_inner_texts()]
    assert max(values) <= 1


def test_a_wave_faster_than_the_pixels_on_a_digit_is_named_by_its_alias(page: Page):
    page.goto("/gabor?photo=cat&wave=0.8~0~2~1~0&on=3")
    found = page.locator(".gabor")
    found.locator(".say b").wait_for()
    assert "digit, 256 × 256" in found.locator(".photo-name").inner_text()
    assert "0.200 cycles/px at 0°" in found.locator(".alias").inner_text()
    truth = gabor.response(pictures.digit(side=256), gabor.Gabor(0.8, 0.0, 2.0))
    row, column = (int(n) for n in re.findall(r"\d+", found.locator(".say").inner_text())[:2])
    assert float(found.locator(".say b").inner_text()) == pytest.approx(truth[row, column], abs=1e-4)
    found.get_by_role("slider", name="Frequency").fill("0.1")
    frames(found)
    assert found.locator(".alias").inner_text() == ""
