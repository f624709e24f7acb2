"""How soon another picture stands on Class activation, in the tree of an older commit and in this one, in turn.

Each is timed in the page, from the click or the key to the frame from which on the canvas shows what it shows at rest:
by its pixels, as marks and styles of an older page may be others.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from benchmarks.dashboard import ROOT, browsing, checked_out, compared, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

# network -> the layer that the page begins with, and another
LAYERS = {"squeezenet1_1": ("features.12", "features.9"), "bundled/cats_dogs": ("relu4", "relu3")}

# window.begin(event): from the next such event to the first frame that is followed by none with another picture, in
# ms, in window.taken; null where the picture stays as it was for 60 s. It is another picture if the mean difference of
# 64 x 64 pixels is above 5% of what the change makes: the browser's map and the server's differ by a rounding. What
# counts as rest: 0.8 s without another picture and without the server's script running.
_TOOLS = """() => {
  const SIDE = 64, REST = 800, PATIENCE = 60000;
  const search = (root) => { for (const e of root.querySelectorAll('*')) {
    if (e.matches('.cam canvas')) return e;
    const inner = e.shadowRoot && search(e.shadowRoot);
    if (inner) return inner; } return null; };
  const small = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  small.canvas.width = small.canvas.height = SIDE;
  small.imageSmoothingEnabled = false;
  let canvas = null;
  const picture = () => {
    if (!canvas?.isConnected) canvas = search(document);
    small.clearRect(0, 0, SIDE, SIDE);
    if (canvas?.width && canvas.height) small.drawImage(canvas, 0, 0, SIDE, SIDE);
    return small.getImageData(0, 0, SIDE, SIDE).data;
  };
  const apart = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0);
  const runs = () => !document.querySelector('[data-test-script-state=notRunning]');
  const settled = (before, frames) => {
    const last = frames.at(-1).shown, whole = apart(before, last);
    const other = frames.findLastIndex(({ shown }) => apart(shown, last) > 0.05 * whole);
    return whole ? frames[other + 1].at : null;
  };
  window.begin = (event) => { const before = picture();
    window.taken = new Promise((done) => document.addEventListener(event, ({ timeStamp }) => {
      const frames = [];
      let shown = before, busy = timeStamp;
      const look = () => {
        const now = performance.now(), next = picture();
        if (apart(shown, next)) frames.push({ at: now - timeStamp, shown: (shown = next) });
        if (shown === next || runs()) busy = now;
        if (frames.length ? now - busy > REST : now - timeStamp > PATIENCE) done(frames.length ? settled(before, frames) : null);
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    }, { capture: true, once: true })); };
}"""  # noqa: E501


_DRAWN = 200  # ms after which what was done before a change is drawn
_SWITCH = 500  # and after which a page is that was brought to the front


def timed(page: Page, event: str, act: Callable[[], None]) -> float:
    """Milliseconds from the event that `act` makes to the other picture; returns when the page is at rest.

    Raises `RuntimeError` where there is no other picture.
    """
    page.evaluate("(event) => begin(event)", event)
    act()
    milliseconds: float | None = page.evaluate("() => taken")
    if milliseconds is None:
        raise RuntimeError(f"no other picture after a {event} on {page.url}")
    return milliseconds


def listed(page: Page, label: str, wanted: Callable[[Locator], Locator], typed: str = "") -> float:
    """Milliseconds from the click on one of the options of a list."""
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    box.fill(typed)
    option = wanted(page.get_by_role("option"))
    option.wait_for()
    page.wait_for_timeout(_DRAWN)
    return timed(page, "click", option.click)


def named(page: Page, label: str, name: str) -> float:
    """Milliseconds from the click on the option of that name."""
    return listed(page, label, lambda _: page.get_by_role("option", name=name, exact=True), name)


def a_class(page: Page, net: str, turn: int) -> list[float]:
    """Another class from the list, a new one each time as far as there are any, and the most probable again."""
    others = 1 if net == "bundled/cats_dogs" else 100
    return [
        listed(page, "Class", lambda rows: rows.nth(2 + turn % others)),
        listed(page, "Class", lambda rows: rows.first),
    ]


def a_method(page: Page, net: str, turn: int) -> list[float]:
    """Another method by its button above the map, and back."""
    buttons = page.locator(".camchips").get_by_role("button")
    return [timed(page, "click", buttons.get_by_text(way, exact=True).click) for way in ("LayerCAM", "Grad-CAM")]


def a_listed_method(page: Page, net: str, turn: int) -> list[float]:
    """Another method from the list, and back."""
    return [named(page, "Method", way) for way in ("Eigen-CAM", "Grad-CAM")]


def a_step(page: Page, key: str) -> list[float]:
    """A step of the slider; each way is a change of its own."""
    page.get_by_role("slider", name="Opacity").focus()
    page.wait_for_timeout(_DRAWN)  # the focus is drawn, too: the frame after that one waits for the screen
    return [timed(page, "keydown", lambda: page.keyboard.press(key))]


def a_layer(page: Page, net: str, turn: int) -> list[float]:
    """Another layer from the list, and back: both were there before."""
    return [named(page, "Layer", layer) for layer in reversed(LAYERS[net])]


def a_new_layer(page: Page, net: str, turn: int) -> list[float]:
    """Another layer from the list of a class that was not yet looked at there, and the first layer and class again."""
    if net != "bundled/cats_dogs":
        listed(page, "Class", lambda rows: rows.nth(102 + turn % 100))
    began, other = LAYERS[net]
    took = [named(page, "Layer", other)]
    named(page, "Layer", began)
    if net != "bundled/cats_dogs":
        listed(page, "Class", lambda rows: rows.first)
    return took


def a_photo(page: Page, net: str, turn: int) -> list[float]:
    """Another of the sidebar's photos, and back."""
    photos = page.locator(".st-key-photo button")
    return [timed(page, "click", photos.filter(has_text=name).click) for name in ("astronaut", "cat")]


CHANGES: dict[str, Callable[[Page, str, int], list[float]]] = {
    "class": a_class,
    "method": a_method,
    "method_listed": a_listed_method,
    "opacity_right": lambda page, net, turn: a_step(page, "ArrowRight"),
    "opacity_left": lambda page, net, turn: a_step(page, "ArrowLeft"),
    "layer": a_layer,
    "layer_new": a_new_layer,
    "photo": a_photo,
}


def opened(browser: Browser, address: str, net: str) -> Page:
    """The page on a sample photo, when nothing moves any more."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/class_activation?model={net}&photo=cat")
    page.locator(".cam canvas").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)
    page.evaluate(_TOOLS)
    return page


def compare(net: str, pages: dict[str, Page], rounds: int) -> None:
    """Make each change in both trees, once to have everything computed and then in turn; print as it goes."""
    began = time.monotonic()
    for tree, page in pages.items():
        first = {name: change(page, net, rounds) for name, change in CHANGES.items()}
        click.echo(
            f"{net} {tree}, the first time: " + ", ".join(f"{name} {ms[0]:.0f} ms" for name, ms in first.items())
        )
    took: dict[str, dict[str, list[float]]] = {name: {tree: [] for tree in pages} for name in CHANGES}
    for turn in range(rounds):
        for name, change in CHANGES.items():
            for tree in list(pages)[:: 1 if turn % 2 else -1]:
                pages[tree].bring_to_front()
                pages[tree].wait_for_timeout(_SWITCH)
                took[name][tree] += change(pages[tree], net, turn)
        newest = "  ".join(f"{name} {' -> '.join(f'{ms[-1]:.0f}' for ms in by.values())}" for name, by in took.items())
        click.echo(f"{net} round {turn + 1}/{rounds}, {time.monotonic() - began:.0f} s, ms old -> new: {newest}")
    for name, by in took.items():
        click.echo(f"{net} {name:<14} ms {compared(*by.values())}")


@click.command()
@click.argument("commit")
@click.option("--rounds", default=5, show_default=True, help="How often each change is made in each tree, in turn.")
@click.option(
    "--model", "nets", type=click.Choice([*LAYERS]), multiple=True, default=["squeezenet1_1"], show_default=True
)
def main(commit: str, rounds: int, nets: tuple[str, ...]) -> None:
    """Change class, method, opacity, layer and photo in the tree of COMMIT and in this one, in turn.

    The weights are those in the folder CNNVIZ_WEIGHTS.
    """
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(checked_out(commit))
        addresses = {tree: stack.enter_context(serving(root)) for tree, root in ((commit, old), ("this tree", ROOT))}
        browser = stack.enter_context(browsing())
        click.echo(f"two servers are up; load average {os.getloadavg()[0]:.1f}")
        for net in nets:
            pages = {tree: opened(browser, address, net) for tree, address in addresses.items()}
            compare(net, pages, rounds)
            for page in pages.values():
                page.close()
        click.echo(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
