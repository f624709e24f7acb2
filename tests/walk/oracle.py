"""What must be true of every page after every step: nothing broke, and what is shown is the engine's answer."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.walk import pages, taken
from tests.walk.actions import name_of
from tests.walk.shown import Shown
from tests.walk.tab import Fault, Tab
from tests.walk.widgets import KINDS, ident, plain, proto

REST = 1.5  # seconds that work in the background is waited for
STOPS = ("stop-", "end-")  # keys of the buttons that end it


def settle(tab: Tab, seconds: float = REST) -> None:
    """Waits for what asks again every moment; what takes longer is stopped, as a person would."""
    end = time.monotonic() + seconds
    while tab.timers:
        if time.monotonic() > end:
            stops = [n for n in tab.controls() if n.kind == "button" and proto(n).icon == ":material/stop:"]
            stops += [n for n in tab.controls() if n.kind == "button" and name_of(n).startswith(STOPS)]
            if stops:
                tab.press(stops[0])
            end = time.monotonic() + seconds
        else:
            time.sleep(0.05)
        tab.tick()


class Oracle:
    """Looks at a tab after each step. It keeps what the address said of a label before, and the log."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self.pages = pages.Pages(counts)

    def at(self, tab: Tab) -> None:
        """Raises `Fault` where something that is shown is wrong."""
        self.counts["looks"] += 1
        nothing_broke(tab)
        widgets_agree(tab)
        self.pages.check(tab)

    def longer(self, tab: Tab) -> None:
        """What takes longer: the page's lines of Python, and its own address in a new tab."""
        shown = Shown(tab)
        if shown.old():
            return
        if taken.python_agrees(shown, self.pages.engine):
            self.counts["Python run"] += 1
        if taken.link_agrees(tab, shown):
            self.counts["links opened"] += 1


def nothing_broke(tab: Tab) -> None:
    """No box with an exception."""
    for node in tab.page.nodes():
        if node.kind == "exception":
            one = node.sent.exception
            raise Fault(f"exception {one.type}: {one.message}\n" + "\n".join(one.stack_trace))


def widgets_agree(tab: Tab) -> None:
    """Each widget shows the value that the page was made with."""
    stored = tab.stored()
    for node in tab.controls():
        if node.kind not in KINDS or not getattr(proto(node), "id", ""):
            continue
        shown, known = tab.values.get(ident(node)), stored.get(ident(node))
        if shown is not None and ident(node) in stored and not alike(plain(shown), known):
            raise Fault(f"widget {name_of(node)} shows {plain(shown)!r}, the page has {known!r}")


def alike(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, (int, float)):
        return abs(a - b) < 1e-6 * max(1.0, abs(a))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
