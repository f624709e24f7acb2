"""Gaps between frames in Chromium while the map of 20,000 images is dragged and zoomed as a hand does.

`python -m benchmarks.ui_map` draws the images first (circles to count), or takes a folder: `--data FOLDER`. The gap of
a frame is what `requestAnimationFrame` tells; at 60 frames a second it is 16.7 ms.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.dashboard import browsing, serving
from cnnviz.data.counting import Counting, write

SECONDS = 6.0
NET = "lecture/mnist_gap"
WAYS = ("still", "pan", "zoom", "pan closer", "pan at 16 px")  # thumbnails are 28 px, else

# Moves a pointer or a wheel at every frame from inside the page, and notes how long each frame took to come.
_FRAMES = """async ([way, seconds]) => {
  const map = [...document.querySelectorAll("*")].map((e) => e.shadowRoot?.querySelector(".imagemap")).find(Boolean);
  const canvas = map.querySelector(".mapstage > canvas"), box = canvas.getBoundingClientRect(), gaps = [];
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2], frame = () => new Promise(requestAnimationFrame);
  canvas.setPointerCapture = () => {};
  const say = (type, right, below) => canvas.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, pointerType: "mouse", buttons: 1, clientX: x + right, clientY: y + below }));
  const wheel = (deltaY) => canvas.dispatchEvent(new WheelEvent("wheel", { bubbles: true, cancelable: true, deltaY, clientX: x + 60, clientY: y - 30 }));
  const pans = way.startsWith("pan"), drawn = Number(map.dataset.frames);
  const size = map.querySelector("input[type=range]");
  if (way.endsWith("16 px")) { size.value = 16; size.dispatchEvent(new Event("input", { bubbles: true })); await frame(); }
  if (way === "pan closer") for (let i = 0; i < 40; i++) { wheel(-25); await frame(); }
  if (pans) say("pointerdown", 0, 0);
  let last = await frame(), fewest = Infinity, most = 0;
  for (const began = last; last - began < seconds * 1000;) {
    const t = (last - began) / 1000;
    if (pans) say("pointermove", 200 * Math.sin(3 * t), 120 * Math.sin(4 * t));
    if (way === "zoom") wheel(t < seconds / 2 ? -22 : 22);
    const now = await frame();
    gaps.push(now - last);
    last = now;
    const [thumbnails] = map.dataset.shown.split(" ").map(Number);
    [fewest, most] = [Math.min(fewest, thumbnails), Math.max(most, thumbnails)];
  }
  if (pans) say("pointerup", 9, 9);
  gaps.sort((a, b) => a - b);
  const at = (share) => Math.round(10 * gaps[Math.floor(share * (gaps.length - 1))]) / 10;
  return { median_ms: at(0.5), p95_ms: at(0.95), longest_ms: at(1), frames: gaps.length, redraws: Number(map.dataset.frames) - drawn, thumbnails: [fewest, most] };
}"""  # noqa: E501


def images(place: Path, count: int) -> Path:
    """So many drawn images of ten classes, 32 px, in a folder of data sets."""
    return write(place / "drawn", Counting(low=1, high=10, per_class=count // 10, size=32, smallest=1.5, largest=2.5))


def measured(data: Path, width: int, height: int, seconds: float = SECONDS) -> dict[str, dict[str, Any]]:
    """For each way to move the map of a data set: the median, 95th percentile and longest gap between frames, in ms."""
    with serving(CNNVIZ_DATA=str(data.parent)) as address, browsing() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{address}/data?set={data.name}&map-net={NET}")
        page.get_by_role("button", name="Map of the images").click(timeout=300_000)
        page.locator(".mapstage > canvas").wait_for(timeout=1_200_000)
        page.locator(".mapstage > canvas").scroll_into_view_if_needed()
        page.wait_for_timeout(6_000)  # what the page itself does as it comes is not what is measured
        found = {}
        for way in WAYS:
            found[way] = page.evaluate(_FRAMES, [way, seconds]) | {"load_average": round(os.getloadavg()[0], 1)}
            page.get_by_role("button", name="Reset view").click()
            page.wait_for_timeout(1_500)
    return found


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A data set of one's own.")
@click.option("--count", default=20_000, show_default=True, help="Images that are drawn.")
@click.option("--width", default=1400, show_default=True)
@click.option("--height", default=900, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(data: Path | None, count: int, width: int, height: int, rounds: int) -> None:
    """Drag and zoom the map of many images, and print the gaps between frames."""
    with tempfile.TemporaryDirectory() as place:
        folder = data or images(Path(place), count)
        for _ in range(rounds):
            for way, result in measured(folder.resolve(), width, height).items():
                click.echo(f"{way:<12} {result}")


if __name__ == "__main__":
    main()
