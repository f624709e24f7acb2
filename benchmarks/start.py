"""How soon a person sees something: the first paint of a page, and the first picture of a server that was stopped.

`python -m benchmarks 'start/*'`, or `python -m benchmarks.start --against COMMIT` for both in turn with an older tree.
"""

from __future__ import annotations

import statistics
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.dashboard import ROOT, browsing, checked_out, compared, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TIMES = 5
# When the frame stood, when it was let be seen, and when the heat map was there; ms since the address was opened.
WATCH = """(() => {
  globalThis.seen = {};
  const note = (what, there) => { if (there && !(what in seen)) seen[what] = performance.now(); };
  const look = () => {
    note("title", document.querySelector(".cv-title"));
    note("shown", document.documentElement?.classList.contains("cv-ready"));
    const heat = document.querySelector("img[alt^='Heat map']");
    note("picture", heat && heat.complete && heat.naturalWidth);
    requestAnimationFrame(look);
  };
  look();
})();"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def opened(browser: Browser, address: str, page: str = "") -> dict[str, float]:
    """Milliseconds to the first paint, the title, the page let be seen, and the heat map, in a fresh profile."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        context.add_init_script(WATCH)
        tab = context.new_page()
        tab.goto(f"{address}/{page}", wait_until="commit")
        tab.wait_for_function("() => seen.picture && seen.shown", timeout=60_000)
        tab.wait_for_function(f"({PAINT})() !== null", timeout=10_000)
        return {"paint": tab.evaluate(PAINT), **tab.evaluate("() => seen")}
    finally:
        context.close()


def warm(root: Path = ROOT) -> dict[str, Any]:
    """Home on a server that is ready, in a browser that has nothing of it: medians in ms of five visits."""
    with serving(root) as address, browsing() as browser:
        _ready(address)
        opened(browser, address)
        found = [opened(browser, address) for _ in range(TIMES)]
    return {f"{what}_ms": round(statistics.median(one[what] for one in found)) for what in found[0]}


def cold(root: Path = ROOT) -> dict[str, Any]:
    """From the start of the server to the first heat map in a browser that is open already, in s."""
    with browsing() as browser:
        began = time.monotonic()
        with serving(root) as address:
            opened(browser, address)
            return {"first_picture_s": round(time.monotonic() - began, 2)}


def _ready(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
            urllib.request.urlopen(f"{address}/ready", timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    time.sleep(8)  # pandas and torchvision are imported behind


@click.command()
@click.option("--against", "commit", required=True, help="The older tree.")
@click.option("--rounds", default=3, show_default=True)
def main(commit: str, rounds: int) -> None:
    """Measure both trees in turn."""
    with checked_out(commit) as old:
        found: dict[str, list[dict[str, Any]]] = {commit: [], "this tree": []}
        for _ in range(rounds):
            for name, root in ((commit, old), ("this tree", ROOT)):
                found[name].append({**cold(root), **warm(root)})
                click.echo(f"{name:<12} {found[name][-1]}")
        for what in found["this tree"][0]:
            click.echo(f"{what}: {compared(*([one[what] for one in of] for of in found.values()))}")


MEASURES = {"start/paint": warm, "start/cold": cold}

if __name__ == "__main__":
    sys.exit(main())
