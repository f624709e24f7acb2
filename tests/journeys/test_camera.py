"""A data set made with a camera: keys held for two classes, frames saved, a network trained on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest

from cnnviz.data import folder
from cnnviz.train import run
from tests.browser.test_privacy import held, on_disk
from tests.browser.test_privacy import until as while_held
from tests.dashboard import FLAGS, executable, window
from tests.journeys.steps import at_rest, open_adding, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.dashboard import Dashboard

pytestmark = pytest.mark.own_server

# Every stream that the page was ever given, and a browser that has the cameras a test wants.
STREAMS = """(() => {
  globalThis.streams = [];
  const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    if (globalThis.refusal) throw new DOMException("", globalThis.refusal);
    const stream = await ask(wanted);
    streams.push(stream);
    return stream;
  };
})();"""
LIVE = "() => streams.flatMap((s) => s.getTracks()).filter((t) => t.readyState === 'live').length"


@pytest.fixture(scope="module")
def filmed(browser: Browser) -> Iterator[Browser]:
    """Chromium with a camera that shows a clock, and that may be used without being asked."""
    more = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with_camera = browser.browser_type.launch(executable_path=executable(), headless=True, args=[*FLAGS, *more])
    yield with_camera
    with_camera.close()


@pytest.fixture
def page(filmed: Browser, server: str) -> Iterator[Page]:
    """A visit with a camera."""
    context = window(filmed, server)
    context.add_init_script(STREAMS)
    yield context.new_page()
    context.close()


def live(page: Page) -> int:
    """How many cameras are on."""
    count: int = page.evaluate(LIVE)
    return count


def started(page: Page) -> None:
    """Opens Data, and the camera on it."""
    page.goto("/data")
    open_adding(page)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Stop the camera").wait_for()
    assert live(page) == 1


def count(page: Page, place: int) -> int:
    """The frames of a class that the page says there are."""
    return int(page.locator(".camera output").nth(place).inner_text().split()[0])


def collect(page: Page, name: str, key: str, ms: int) -> None:
    """Holds the button of a class by a key."""
    page.get_by_role("button", name=f"Hold to collect {name}").focus()
    page.keyboard.down(key)
    page.wait_for_timeout(ms)
    page.keyboard.up(key)


READ = """(button) => {
  const shade = (text) => { const canvas = document.createElement('canvas').getContext('2d');
    canvas.fillStyle = getComputedStyle(document.querySelector('.stApp')).backgroundColor; canvas.fillRect(0, 0, 1, 1);
    if (text) { canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); }
    return canvas.getImageData(0, 0, 1, 1).data[1]; };
  return Math.abs(shade(getComputedStyle(button.querySelector('p')).color) - shade());
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_the_main_button_does_can_be_read_before_it_can_be_clicked(page: Page, theme: Literal["light", "dark"]):
    page.emulate_media(color_scheme=theme)
    page.goto("/data")
    open_adding(page)
    page.get_by_role("tab", name="Camera").click()
    button = page.get_by_role("button", name="Save as data set")
    button.wait_for()
    assert button.is_disabled()
    assert button.evaluate(READ) > 40  # levels of green between letters and ground


@pytest.mark.timeout(240)
def test_keys_held_for_two_classes_make_a_set_on_which_a_network_is_trained(page: Page, dashboard: Dashboard):
    places = dashboard.places
    started(page)
    for before, name in (("Class 1", "cup"), ("Class 2", "dog")):
        page.get_by_label(f"Name of {before}").fill(name)
        page.get_by_label(f"Name of {before}").press("Enter")  # the focus goes to its button
        page.get_by_role("button", name=f"Hold to collect {name}").wait_for()
    collect(page, "cup", " ", 2500)
    at_rest(page)
    first = count(page, 0)
    assert 6 <= first <= 14  # five a second, on a busy machine fewer
    page.wait_for_timeout(600)
    assert count(page, 0) == first  # none once the key is up
    page.wait_for_timeout(500)
    collect(page, "cup", "Enter", 1200)
    button = page.get_by_role("button", name="Hold to collect dog")
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(2500)
    page.mouse.up()
    at_rest(page)
    assert page.locator(".camera output").first.inner_text().endswith("2 bursts")
    page.get_by_role("button", name=re.compile("^Delete frame .* of dog")).first.click()
    at_rest(page)
    frames = [count(page, 0), count(page, 1)]
    assert held(places)["frames"] > 0
    assert on_disk(places, [b"JFIF"]) == []
    assert not list((places / "data").iterdir())
    page.get_by_label("Name", exact=True).locator("visible=true").fill("desk")
    page.get_by_label("Name", exact=True).locator("visible=true").press("Enter")
    page.get_by_role("button", name="Save as data set").click()
    door = page.get_by_role("link", name="Train a network on desk", exact=True)
    door.wait_for()
    data = folder.read(places / "data" / "desk")
    assert data.classes == ("cup", "dog")
    assert [sum(pair) for pair in zip(data.train.counts(2), data.val.counts(2), strict=True)] == frames
    bursts = [{path.name[:8] for path in split.paths if path.parent.name == "cup"} for split in (data.train, data.val)]
    assert bursts[0]
    assert bursts[1]
    assert not bursts[0] & bursts[1]
    until(lambda: live(page), 0)  # its box is shut now
    door.click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    at_rest(page)
    page.get_by_label("Epochs", exact=True).fill("1")
    page.get_by_label("Epochs", exact=True).press("Enter")
    at_rest(page)
    page.get_by_role("button", name="Train", exact=True).click()
    while not (made := run.folders(places / "runs")) or run.read(made[0]).state not in ("finished", "failed"):
        page.wait_for_timeout(300)
    assert run.read(made[0]).state == "finished"
    assert run.read(made[0]).plan.data == str(places / "data" / "desk")
    assert (made[0] / "verdict.json").is_file()


def test_the_camera_is_off_as_soon_as_nobody_can_see_it(page: Page):
    started(page)
    page.get_by_role("tab", name="Upload a zip").click()
    until(lambda: live(page), 0)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_text("switched off while its view was hidden").wait_for()
    page.get_by_role("button", name="Start the camera").click()
    until(lambda: live(page), 1)
    page.get_by_text("Add a data set", exact=True).click()
    until(lambda: live(page), 0)
    page.get_by_text("Add a data set", exact=True).click()
    page.get_by_role("button", name="Start the camera").click()
    until(lambda: live(page), 1)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    until(lambda: live(page), 0)
    page.evaluate("delete document.hidden")
    page.get_by_role("button", name="Start the camera").click()
    until(lambda: live(page), 1)
    page.get_by_role("button", name="Stop the camera").click()
    until(lambda: live(page), 0)
    page.get_by_role("button", name="Start the camera").click()
    until(lambda: live(page), 1)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Train").click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    until(lambda: live(page), 0)


def test_frames_are_on_no_disk_and_go_with_the_button_and_with_the_tab(page: Page, dashboard: Dashboard):
    before = {path for path in dashboard.places.rglob("*") if path.suffix in (".jpg", ".png")}
    started(page)
    collect(page, "Class 1", " ", 1200)
    at_rest(page)
    assert while_held(dashboard.places, lambda now: now["frames"] > 0)["frames"] > 0
    page.get_by_role("button", name="Delete all frames").click()
    assert while_held(dashboard.places, lambda now: now["frames"] == 0)["frames"] == 0
    collect(page, "Class 2", " ", 1200)
    at_rest(page)
    assert while_held(dashboard.places, lambda now: now["frames"] > 0)["frames"] > 0
    assert {path for path in dashboard.places.rglob("*") if path.suffix in (".jpg", ".png")} == before
    page.context.close()
    assert while_held(dashboard.places, lambda now: now["frames"] == 0)["frames"] == 0


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("NotAllowedError", "blocked for this page"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "cannot be opened"),
    ],
)
def test_why_there_is_no_camera_is_said_and_it_can_be_started_afterwards(page: Page, refusal: str, words: str):
    page.goto("/data")
    page.evaluate(f"globalThis.refusal = '{refusal}'")
    open_adding(page)
    page.get_by_role("tab", name="Camera").click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_text(words).wait_for()
    assert page.get_by_role("button", name="Hold to collect Class 1").is_disabled()
    page.evaluate("globalThis.refusal = ''")
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Stop the camera").wait_for()
    assert page.get_by_text(words).count() == 0
    assert page.get_by_role("button", name="Hold to collect Class 1").is_enabled()
