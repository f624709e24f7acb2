"""Pictures a second in Chromium while a control of a lab is dragged; the server hears nothing until release.

`python -m benchmarks.ui_labs 7a78853` measures an older commit and this tree in turn, and prints medians and ratios.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 4.0

# Moves a pointer at every frame from inside the page, as a hand does, and counts the lab's redraws.
_DRAG = """async ([name, seconds]) => {
  const roots = [...document.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean);
  const find = (selector) => [document, ...roots].map((r) => r.querySelector(selector)).find(Boolean);
  const lab = find(".lab"), draws = () => Number(lab.dataset.draws), frame = () => new Promise(requestAnimationFrame);
  let move;
  if (name === "knob") {
    const range = lab.querySelector("[data-knob=frequency]");
    move = (t) => ((range.value = 0.06 + 0.3 * t), range.dispatchEvent(new Event("input", { bubbles: true })));
  } else {
    const cell = lab.querySelector("input.weight"), box = cell.getBoundingClientRect();
    const say = (type, x) => cell.dispatchEvent(new PointerEvent(type, { bubbles: true, composed: true, pointerId: 1, buttons: 1, clientX: x, clientY: box.y }));
    cell.setPointerCapture = () => {};
    say("pointerdown", box.x);
    move = (t) => say("pointermove", box.x + 10 + 240 * t);
  }
  await frame();
  const first = draws(), began = performance.now();
  let last = began, longest = 0;
  while (performance.now() - began < seconds * 1000) {
    const t = (performance.now() - began) / 1000;
    move(0.5 + 0.5 * Math.sin(2 * Math.PI * t / 2));
    await frame();
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  return { frames_per_second: (draws() - first) / ((performance.now() - began) / 1000), longest_gap_ms: longest };
}"""  # noqa: E501


def gabor(root: Path = ROOT) -> dict[str, Any]:
    """The Gabor lab's frequency on a 256 x 256 photo: kernel, spectrum and response redrawn at every move."""
    return drag("/gabor?photo=cat", ".gabor", "knob", root)


def kernel(root: Path = ROOT) -> dict[str, Any]:
    """A cell of a 7 x 7 kernel on a 256 px photo: map, patch and products redrawn at every move."""
    weights = "_".join(["0", *(str(i % 5 - 2) for i in range(49))])
    return drag(f"/convolution?input=photo&photo=astronaut&lab=f.1x7!{weights}~p.3~m.reflect", ".lab", "cell", root)


def drag(path: str, lab: str, control: str, root: Path = ROOT) -> dict[str, Any]:
    """Frames a second over some seconds of dragging, the longest gap, and messages sent to the server meanwhile."""
    from playwright.sync_api import sync_playwright

    with serving(root) as address, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        sent: list[float] = []
        page.on("websocket", lambda s: s.on("framesent", lambda _: sent.append(time.monotonic())))
        page.goto(address + path)
        page.locator(lab).first.wait_for(timeout=60_000)
        page.wait_for_timeout(8_000)  # the engine's own start is not what is measured
        before = len(sent)
        result = page.evaluate(_DRAG, [control, SECONDS])
        heard = len(sent) - before
        browser.close()
    return {**{name: round(value, 1) for name, value in result.items()}, "messages_to_server": heard}


@contextlib.contextmanager
def serving(root: Path = ROOT, **more: str) -> Iterator[str]:
    """The address of a dashboard of the tree at `root`, with `more` in its environment, gone afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as places:
        environment = {**os.environ, "CNNVIZ_CACHE": places, "CNNVIZ_RUNS": places, **more}
        server = subprocess.Popen(
            [sys.executable, "-m", "cnnviz", "serve", "--port", str(port)],
            cwd=root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                    break
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(15)


def chromium() -> str:
    """Where Chromium is. Raises `FileNotFoundError` where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise FileNotFoundError("this measure needs Chromium; set CHROMIUM to its path")
    return found


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the tree of a commit, gone afterwards."""
    git = ["git", "-C", str(ROOT)]
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        subprocess.run([*git, "worktree", "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True, capture_output=True)


@click.command()
@click.argument("commit")
@click.option("--rounds", default=5, show_default=True, help="How often each tree is measured, in turn.")
def main(commit: str, rounds: int) -> None:
    """Drag the labs' controls in the tree of COMMIT and in this one, in turn."""
    with checked_out(commit) as old:
        for name, measure in MEASURES.items():
            found: dict[str, list[float]] = {commit: [], "this tree": []}
            for _ in range(rounds):
                for tree, root in ((commit, old), ("this tree", ROOT)):
                    result = measure(root)
                    found[tree].append(1000 / result["frames_per_second"])
                    click.echo(f"{name:<24} {tree:<10} {result}")
            before, now = (statistics.median(times) for times in found.values())
            click.echo(
                f"{name}: ms a picture {before:.1f} -> {now:.1f} (medians of {rounds}), new / old {now / before:.2f}"
            )


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"ui/gabor/drag": gabor, "ui/convolution/drag": kernel}

if __name__ == "__main__":
    main()
