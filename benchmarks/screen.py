"""What every page looks like, in numbers: `python -m benchmarks.screen --page home --theme dark`.

Each page is opened on a real server in Chromium and read when it is at rest. Without a size it is seen in a window of
1400 x 900, on a phone, and in presenter mode on two projectors. Needs Chromium, and axe-core (`npm ci`) for its rules.
"""

from __future__ import annotations

import collections
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks import visible
from benchmarks.dashboard import chromium, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
TOOLS = HERE / "screen.js"
AXE = HERE.parent / "node_modules" / "axe-core" / "axe.min.js"
FOLD = 900  # px
MOST = 12  # of each list that are printed
DOWNLOAD = "[class*=st-key-png] button"
# page -> what has to lie in the first 900 px of a window of 1400 x 900, by a selector of Playwright's; "picture" is
# also what comes first on a phone. A page at "home?view=x" is the page with that link.
PAGES: dict[str, dict[str, str]] = {
    "home": {
        "picture": ".stImage img >> nth=0",
        "heat map": ".stImage img >> nth=1",
        "name": "h1",
        "sentence": ".cv-purpose",
        "add a photo": "[class*=st-key-invite] button",
        "prediction": ".cv-bars",
    },
    "class_activation": {
        "picture": ".cam canvas >> nth=0",
        "class": ".st-key-pick-class",
        "method": ".st-key-method",
        "layer": ".st-key-at",
        "opacity": "role=slider[name='Opacity']",
        "download": DOWNLOAD,
    },
    "activations": {
        "picture": ".maps canvas >> nth=0",
        "layer": ".st-key-layer",
        "scale": ".st-key-scale",
        "order": ".st-key-sort",
        "download": DOWNLOAD,
    },
    "filters": {
        "picture": ".mosaic canvas, .growth canvas, .mosaic img >> nth=0",
        "layer": ".st-key-layer",
        "preset": ".st-key-recipe",
        "download": DOWNLOAD,
    },
    "convolution": {
        "picture": ".lab figure canvas >> nth=0",
        "output": ".lab figure canvas >> nth=1",
        "kernel": ".lab .kernels >> nth=0",
        "sum": ".lab .sum",
        "download": DOWNLOAD,
    },
    "gabor": {
        "picture": ".lab canvas >> nth=0",
        "frequency": "[data-knob=frequency]",
        "download": DOWNLOAD,
    },
    "data": {"picture": ".stImage img >> visible=true >> nth=0", "data set": ".st-key-set"},
    "train": {"data set": ".st-key-set", "network": ".st-key-net", "train": "role=button[name=/^Train/]"},
}


@dataclass(frozen=True)
class View:
    """How a page is seen: size of the window in px, theme, and whether somebody presents."""

    width: int = 1400
    height: int = FOLD
    theme: str = "light"
    presenting: bool = False

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.theme}{' presenter' if self.presenting else ''}"


VIEWS = (View(), View(390, 844), View(1920, 1080, presenting=True), View(1280, 720, presenting=True))


def opened(browser: Browser, address: str, path: str, view: View, patience: float = 180, still: float = 2.5) -> Page:
    """A page in a window of its own, at rest."""
    size = {"width": view.width, "height": view.height}
    context = browser.new_context(viewport=size, color_scheme=view.theme)  # type: ignore[arg-type]
    context.set_default_timeout(patience * 1000)
    context.add_init_script(path=TOOLS)
    page = context.new_page()
    name, _, asked = path.partition("?")
    asked = "&".join(filter(None, [asked, "present=true" * view.presenting]))
    page.goto(f"{address}/{'' if name == 'home' else name}?{asked}")
    at_rest(page, patience, still)
    return page


def at_rest(page: Page, patience: float = 180, still: float = 2.5) -> None:
    """Waits until nothing has moved, come or gone for `still` seconds."""
    before, same = "", 0
    for _ in range(int(patience * 4)):
        page.wait_for_timeout(250)
        now = page.evaluate("() => document.body ? screenTools.standing() : ''")
        same = same + 1 if now and now == before else 0
        before = now
        if same >= still * 4:
            return


def measured(page: Page, name: str, view: View, axe: bool = True) -> dict[str, Any]:
    """All numbers of a page at rest, and what each is of."""
    shifts = page.evaluate("() => screenTools.shifts()")
    found: dict[str, Any] = {"page": name, "view": str(view), "shift": round(visible.shift(shifts), 3)}
    found["shifting"] = _largest(shifts)
    found |= contrasts(page) | (violations(page) if axe else {}) | _laid(page, view)
    found |= fold(page, name, view) | presenter(page)
    return found


def contrasts(page: Page) -> dict[str, Any]:
    """The lowest contrast of a visible text, and the texts below 4.5."""
    known = [(value, text) for text in page.evaluate("() => screenTools.texts()") if (value := visible.contrast(text))]
    faint = sorted(((round(value, 2), text["what"]) for value, text in known if value < 4.5), key=lambda pair: pair[0])
    return {"contrast": round(min((value for value, _ in known), default=21.0), 2), "faint": faint}


def violations(page: Page) -> dict[str, Any]:
    """How many nodes break a rule of axe-core: made by us, made by Streamlit; None without axe-core."""
    if not AXE.is_file():
        return {"axe": None, "axe of Streamlit": None, "axe rules": []}
    page.evaluate(AXE.read_text())
    nodes = page.evaluate("() => screenTools.violations()")
    own = [node for node in nodes if node["ours"]]
    theirs = collections.Counter(node["rule"] for node in nodes if not node["ours"])
    told = [f"{node['rule']}: {node['what']}" for node in own]
    told += [f"{rule}: {count} of Streamlit's" for rule, count in theirs.items()]
    return {"axe": len(own), "axe of Streamlit": theirs.total(), "axe rules": told}


def fold(page: Page, name: str, view: View) -> dict[str, Any]:
    """Which parts do not lie in the window, and how far down the main picture begins, in windows.

    Where somebody presents, the picture alone is asked for, in the whole of the window.
    """
    parts = PAGES[name.partition("?")[0]].items()
    boxes = {part: _box(page, selector) for part, selector in parts if part == "picture" or not view.presenting}
    height = view.height if view.presenting else min(view.height, FOLD)
    outside = [part for part, box in boxes.items() if not visible.inside(box, view.width, height)]
    first = boxes.get("picture")
    return {"outside": outside, "picture at": None if first is None else round(first["y"] / view.height, 2)}


def presenter(page: Page) -> dict[str, Any]:
    """The smallest type in px, and what the edges of the window cut."""
    sizes = [(text["size"], text["what"]) for text in page.evaluate("() => screenTools.texts()")]
    sizes += [(text["size"], text["what"]) for text in page.evaluate("() => screenTools.drawnTexts()")]
    edges = page.evaluate("() => screenTools.edges()")
    small = sorted({(round(size, 1), what) for size, what in sizes if size < 24})
    type_px = round(min((size for size, _ in sizes), default=0.0), 1)
    beyond = {"above": edges["above"], "below": edges["below"], "wider by": edges["right"]}
    return {"type": type_px, "small": small, "cut": edges["cut"]} | beyond


def _laid(page: Page, view: View) -> dict[str, Any]:
    pictures = page.evaluate("() => screenTools.pictures()")
    targets = page.evaluate("() => screenTools.targets()")
    tallest = max(pictures, key=lambda box: box["height"], default=None)
    least = min(targets, key=lambda box: min(box["width"], box["height"]), default=None)
    return {
        "tallest": None if tallest is None else round(tallest["height"] / view.height, 2),
        "tallest is": tallest and tallest["what"],
        "target": None if least is None else round(min(least["width"], least["height"]), 1),
        "target is": least and least["what"],
    }


def _largest(shifts: list[dict[str, Any]]) -> list[str]:
    ordered = sorted(shifts, key=lambda entry: -entry["value"])[:5]
    return [
        f"{entry['value']:.3f} at {entry['at'] / 1000:.1f} s: "
        + "; ".join(f"{s['what']} {s['from']} -> {s['to']}" for s in entry["sources"][:3])
        for entry in ordered
    ]


def _box(page: Page, selector: str) -> Any:
    found = page.locator(selector).first
    return found.bounding_box() if found.count() and found.is_visible() else None


@contextlib.contextmanager
def dashboard() -> Iterator[str]:
    """The address of a dashboard with the bundled networks and one small data set."""
    with tempfile.TemporaryDirectory() as data:
        drawing = [sys.executable, "-m", "cnnviz", "counting", f"{data}/circles", "--low", "1", "--high", "3"]
        subprocess.run([*drawing, "--per-class", "40", "--seed", "0"], check=True, capture_output=True, cwd=HERE.parent)
        with serving(CNNVIZ_DATA=data) as address:
            yield address


COLUMNS: tuple[str, ...] = (
    "shift",
    "contrast",
    "axe",
    "axe of Streamlit",
    "outside",
    "picture at",
    "tallest",
    "type",
    "target",
)
COLUMNS += ("cut", "below", "wider by")


def table(rows: list[dict[str, Any]]) -> str:
    """Pages by numbers; of lists how long they are, but of what lies outside, what."""
    words = [["page", "view", *COLUMNS]]
    for row in rows:
        words.append([row["page"], row["view"], *(_word(name, row.get(name)) for name in COLUMNS)])
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in words)


def _word(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "outside":
        return ", ".join(value) or "none"
    return str(len(value) if isinstance(value, list) else value)


def _details(row: dict[str, Any]) -> str:
    lines = [f"\n{row['page']}, {row['view']}"]
    staged = ("small", "cut") if "presenter" in row["view"] else ()
    for name in ("shifting", "faint", "axe rules", *staged):
        lines += [f"  {name}: {item}" for item in row.get(name, [])[:MOST]]
    lines += [f"  {name}: {row[name]}" for name in ("tallest is", "target is") if row.get(name)]
    return "\n".join(lines)


@click.command()
@click.option("--page", "pages", multiple=True, help="Of this page alone; a link such as 'gabor?gabor-view=bank' too.")
@click.option("--width", type=int, help="Of the window, px; with --height one view instead of all.")
@click.option("--height", type=int, help="Of the window, px.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--presenter", "presenting", is_flag=True, help="In presenter mode.")
@click.option("--address", help="Of a dashboard that runs already; without it, one is started.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--pictures", type=click.Path(path_type=Path), help="A folder for a screenshot of each.")
def main(
    pages: tuple[str, ...],
    width: int | None,
    height: int | None,
    theme: str,
    presenting: bool,
    address: str | None,
    as_json: bool,
    pictures: Path | None,
) -> None:
    """Measure the pages, all of them where none is named."""
    from playwright.sync_api import sync_playwright

    if unknown := [page for page in pages if page.partition("?")[0] not in PAGES]:
        raise click.UsageError(f"There is no page {unknown[0]!r}; there are {', '.join(PAGES)}.")
    one = View(width or (1920 if presenting else 1400), height or (1080 if presenting else 900), theme, presenting)
    views = [one] if width or height or presenting else [View(v.width, v.height, theme, v.presenting) for v in VIEWS]
    rows = []
    with contextlib.ExitStack() as open_:
        address = address or open_.enter_context(dashboard())
        running = open_.enter_context(sync_playwright())
        browser = running.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        for name in pages or PAGES:
            for view in views:
                page = opened(browser, address, name, view)
                rows.append(measured(page, name, view))
                if pictures:
                    pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=pictures / f"{name.partition('?')[0]} {view}.png".replace(" ", "-"))
                page.context.close()
                if not as_json:
                    click.echo(_details(rows[-1]))
        browser.close()
    click.echo(json.dumps(rows) if as_json else f"\n{table(rows)}")


if __name__ == "__main__":
    sys.exit(main())
