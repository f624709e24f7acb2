"""Pictures a second in Chromium while a control of a lab is dragged; the server hears nothing until release.

`python -m benchmarks.ui_labs 7a78853` measures an older commit and this tree in turn, and prints medians and ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.dashboard import ROOT, browsing, checked_out, compared, serving

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
    with serving(root) as address, browsing() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        sent: list[float] = []
        page.on("websocket", lambda s: s.on("framesent", lambda _: sent.append(time.monotonic())))
        page.goto(address + path)
        page.locator(lab).first.wait_for(timeout=60_000)
        page.wait_for_timeout(8_000)  # the engine's own start is not what is measured
        before = len(sent)
        result = page.evaluate(_DRAG, [control, SECONDS])
        heard = len(sent) - before
    return {**{name: round(value, 1) for name, value in result.items()}, "messages_to_server": heard}


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
            click.echo(f"{name}: ms a picture {compared(*found.values())}")


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"ui/gabor/drag": gabor, "ui/convolution/drag": kernel}

if __name__ == "__main__":
    main()
