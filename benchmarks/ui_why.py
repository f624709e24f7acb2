"""How soon Chromium shows another class, method or opacity of a heat map, and how a layer of 2,048 channels scrolls.

Each is timed from the key or the click in the page to the frame in which the canvas has drawn it.

`python -m benchmarks.ui_why 7a78853` measures an older commit and this tree in turn: `benchmarks.changes`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.dashboard import browsing, serving
from benchmarks.gradcam import weights

if TYPE_CHECKING:
    from playwright.sync_api import Page

NETS = ("squeezenet1_1", "resnet18")
TIMES = 12
SECONDS = 4.0

# window.find(name): an element by its class, also inside the components. window.begin(event): from the next such event
# to the frame in which the canvas has drawn another map, or the same at another opacity, in ms, in window.taken.
_TOOLS = """() => {
  const search = (root, name) => { for (const e of root.querySelectorAll('*')) {
    if (e.classList.contains(name)) return e;
    const inner = e.shadowRoot && search(e.shadowRoot, name);
    if (inner) return inner; } return null; };
  window.find = (name) => search(document, name);
  window.begin = (event) => { const drawn = () => (find('cam') ?? find('maps')).dataset.drawn, was = drawn();
    window.taken = new Promise((done) => document.addEventListener(event, () => {
      const start = performance.now(), since = () => performance.now() - start;
      const look = () => drawn() !== was || since() > 5000 ? done(since()) : requestAnimationFrame(look);
      requestAnimationFrame(look); }, { capture: true, once: true })); };
}"""


@contextlib.contextmanager
def visiting(nets: tuple[str, ...]) -> Iterator[tuple[Page, str]]:
    """A page of Chromium, and the address of a dashboard that has these nets, with random weights."""
    with tempfile.TemporaryDirectory() as folder:
        for name in nets:
            (Path(folder) / f"{name}.pth").symlink_to(weights(name) / f"{name}.pth")
        with serving(CNNVIZ_WEIGHTS=folder) as address, browsing() as browser:
            yield browser.new_page(viewport={"width": 1400, "height": 1000}), address


def opened(page: Page, address: str, net: str) -> None:
    """Open Class activation on a sample photo, and wait until nothing moves any more."""
    page.goto(f"{address}/class_activation?model={net}&photo=cat")
    page.locator(".cam canvas").wait_for(timeout=120_000)
    page.wait_for_timeout(9_000)
    page.evaluate(_TOOLS)


def taken(page: Page) -> float:
    """Milliseconds from the event begun with to the other picture; then a rest, as a person has."""
    milliseconds = page.evaluate("() => window.taken")
    page.wait_for_timeout(1_200)
    return milliseconds


def listed(page: Page, label: str, wanted: str) -> float:
    """Milliseconds from Enter in a searchable list to the new picture."""
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    box.fill(wanted)
    page.get_by_role("option", name=wanted).first.wait_for()
    page.wait_for_timeout(300)
    page.evaluate("() => begin('keydown')")
    page.keyboard.press("Enter")
    return taken(page)


def chip(page: Page, group: str) -> float:
    """Milliseconds from a click on a class or method at hand to the new picture."""
    name = page.evaluate(
        """(group) => { const row = find('cam').querySelector(`.camchips [aria-label^="${group}"]`);
        return [...row.querySelectorAll('button')].find((b) => b.getAttribute('aria-pressed') !== 'true').textContent;
        }""",
        group,
    )
    page.evaluate("() => begin('click')")
    page.locator(".camchips").get_by_role("button", name=name, exact=True).click()
    return taken(page)


def opacity(page: Page) -> float:
    """Milliseconds from a step of the opacity slider to the new picture."""
    page.get_by_role("slider", name="Opacity").focus()
    page.evaluate("() => begin('keydown')")
    page.keyboard.press("ArrowRight")
    return taken(page)


def measured(run: Callable[[Page, int], float]) -> dict[str, Any]:
    """The median and the longest of some turns for each net, and the load of the machine meanwhile."""
    found: dict[str, Any] = {}
    with visiting(NETS) as (page, address):
        for net in NETS:
            opened(page, address, net)
            took = [run(page, i) for i in range(TIMES + 1)][1:]
            found |= {f"{net}_ms": round(statistics.median(took), 1), f"{net}_worst_ms": round(max(took), 1)}
    return {**found, "load_average": round(os.getloadavg()[0], 2)}


# Gaps between frames, in ms: while the grid scrolls from end to end and back, or while nothing is done to it.
_FRAMES = """async ([seconds, scrolls]) => {
  const scroll = find('maps').querySelector('.scroll'), most = scroll.scrollHeight - scroll.clientHeight, gaps = [];
  const frame = () => new Promise(requestAnimationFrame), began = await frame();
  for (let last = began; last - began < seconds * 1000;) {
    if (scrolls) scroll.scrollTop = most * (0.5 - 0.5 * Math.cos((last - began) / 400));
    const now = await frame();
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""


@contextlib.contextmanager
def grid() -> Iterator[Page]:
    """The page of Activations on the 2,048 channels of resnet50's last stage, when nothing moves any more."""
    with visiting(("resnet50",)) as (page, address):
        page.goto(f"{address}/activations?model=resnet50&photo=cat&layer=layer4")
        page.locator(".maps .scroll").wait_for(timeout=120_000)
        page.wait_for_timeout(12_000)
        page.evaluate(_TOOLS)
        yield page


def scrolling() -> dict[str, Any]:
    """Gaps between frames while 2,048 channels scroll as fast as a hand can."""
    with grid() as page:
        gaps = page.evaluate(_FRAMES, [SECONDS, True])
    return {**_of(gaps), "load_average": round(os.getloadavg()[0], 2)}


def sorting() -> dict[str, Any]:
    """How soon 2,048 channels stand in another order, the first time and later, and gaps between frames meanwhile."""
    took, gaps = [], []
    with grid() as page:
        for order in ("mean", "max", "share above 0", "similarity", "in order") * 2:
            box = page.get_by_role("combobox", name="Sort by")
            box.click()
            page.get_by_role("option", name=order, exact=True).wait_for()
            page.wait_for_timeout(300)
            page.evaluate("() => begin('click')")
            page.evaluate(f"() => {{ window.gaps = ({_FRAMES})([1.5, false]); }}")
            page.get_by_role("option", name=order, exact=True).click()
            gaps += page.evaluate("() => window.gaps")
            took.append(page.evaluate("() => window.taken"))
    times = {"first_ms": round(took[0], 1), "median_ms_to_order": round(statistics.median(took), 1)}
    return {**times, **_of(gaps), "load_average": round(os.getloadavg()[0], 2)}


def _of(gaps: list[float]) -> dict[str, float]:
    ordered = sorted(gaps)
    return {"gap_p95_ms": round(ordered[int(0.95 * len(ordered))], 1), "longest_gap_ms": round(ordered[-1], 1)}


MEASURES: dict[str, Callable[[], dict]] = {
    f"ui/class_activation/{name}": functools.partial(measured, run)
    for name, run in {
        "class": lambda page, i: listed(page, "Class", f"· {(i * 71 + 37) % 900 + 100}"),
        "class_at_hand": lambda page, _: chip(page, "Other classes"),
        "method": lambda page, _: chip(page, "Other methods"),
        "method_listed": lambda page, i: listed(
            page, "Method", ("HiResCAM", "LayerCAM", "Eigen-CAM", "Grad-CAM++")[i % 4]
        ),
        "opacity": lambda page, _: opacity(page),
    }.items()
} | {"ui/activations/scroll": scrolling, "ui/activations/sort": sorting}

if __name__ == "__main__":
    from benchmarks.changes import main

    main()
