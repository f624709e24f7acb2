"""What a page shows: its pictures, as they are painted, with their names, and every word."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.journeys.steps import at_rest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIDE = 40  # px: each picture is compared at this size

READ = """(side) => {
  const pictures = [], words = [], small = new OffscreenCanvas(side, side);
  const ink = small.getContext("2d", { willReadFrequently: true });
  const shown = (e) => { const box = e.getBoundingClientRect(); return box.width > 3 && box.height > 3; };
  const look = (e) => {
    if (e instanceof HTMLImageElement && !(e.complete && e.naturalWidth)) return pictures.push(["loading", ""]);
    if (e instanceof HTMLCanvasElement && !(e.width && e.height)) return;
    ink.clearRect(0, 0, side, side);
    ink.imageSmoothingQuality = "high";
    ink.drawImage(e, 0, 0, side, side);
    let text = "";
    for (const value of ink.getImageData(0, 0, side, side).data) text += String.fromCharCode(value);
    pictures.push([e.getAttribute("aria-label") ?? e.alt ?? "", btoa(text)]);
  };
  const walk = (node) => {
    if (node.nodeType === 3 && node.data.trim()) words.push(node.data.trim().replace(/\\s+/g, " "));
    if (node.nodeType === 1) {
      if (["STYLE", "SCRIPT", "OPTION"].includes(node.tagName) || node.getAttribute("role") === "tooltip") return;
      const table = node.closest("[data-testid=stDataFrame]"); // its cells stand in it as words, too
      if (["CANVAS", "IMG"].includes(node.tagName) && !table && shown(node)) look(node);
      if (node.getAttribute("role") === "img" && !["CANVAS", "IMG"].includes(node.tagName))
        words.push(node.getAttribute("aria-label") ?? "");
      const value = ["checkbox", "radio"].includes(node.type) ? node.checked : node.value;
      if (node.tagName === "INPUT" && node.type !== "file")
        words.push(`${node.getAttribute("aria-label") ?? node.name}=${value}`);
      if (node.hasAttribute("aria-checked")) words.push(`${node.innerText}: ${node.getAttribute("aria-checked")}`);
      if (node.tagName === "SELECT") words.push(`${node.getAttribute("aria-label")}=${node.value}`);
      if (node.shadowRoot) node.shadowRoot.childNodes.forEach(walk);
    }
    node.childNodes.forEach(walk);
  };
  walk(document.querySelector("[data-testid=stMain]"));
  return [pictures, words];
}"""
# Words of the moment, which no link has: what is being computed, and how a class came to be chosen.
PASSING = re.compile(r"^Running|left$|^Copied|was chosen for another photo|keyboard_|^Press Enter|^\d\.\d\d s$")


@dataclass(frozen=True)
class Seen:
    """The pictures of a page, (name, pixels), and its words, from top to bottom."""

    pictures: tuple[tuple[str, np.ndarray], ...]
    words: tuple[str, ...]

    def off(self, other: Seen) -> list[str]:
        """In what two sights of a page differ: names of pictures, and words of either."""
        found = []
        if len(self.pictures) != len(other.pictures):
            found.append(f"{len(self.pictures)} pictures, {len(other.pictures)} there")
        for (name, mine), (called, theirs) in zip(self.pictures, other.pictures, strict=False):
            if name != called:
                found.append(f"the name {name!r}, there {called!r}")
            elif mine.shape != theirs.shape or np.abs(mine - theirs).mean() > 1.5:
                far = np.abs(mine - theirs).mean() if mine.shape == theirs.shape else np.inf
                found.append(f"the pixels of {name!r}, by {far:.1f}")
        mine, theirs = list(self.words), list(other.words)
        for word in self.words:
            if word in theirs:
                mine.remove(word)
                theirs.remove(word)
        return found + [f"only here: {word!r}" for word in mine] + [f"only there: {word!r}" for word in theirs]


def seen(page: Page) -> Seen:
    """What the main part of a page shows now."""
    pictures, words = page.evaluate(READ, SIDE)

    def pixels(data: str) -> np.ndarray:
        values = np.frombuffer(base64.b64decode(data), np.uint8).astype(float)
        return values.reshape(SIDE, SIDE, 4) if values.size else values

    return Seen(
        tuple((name, pixels(data)) for name, data in pictures),
        tuple(word for word in words if not PASSING.search(word)),
    )


def settled(page: Page, seconds: float = 60) -> Seen:
    """What a page shows once it has run, waits for no work, and two looks at it are alike."""
    end = time.monotonic() + seconds
    at_rest(page)
    page.locator(".maps .scroll").evaluate_all("all => all.forEach((e) => (e.scrollTop = 0))")  # no link says it
    before, work = seen(page), page.get_by_test_id("stMain").get_by_role("progressbar")
    while time.monotonic() < end:
        page.wait_for_timeout(100)
        now = seen(page)
        loading = any(name == "loading" for name, _ in now.pictures) or work.count()
        if not loading and not before.off(now):
            return now
        before = now
        at_rest(page, 100)
    return before
