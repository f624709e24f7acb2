"""A walk: one action after the other, each followed by a look at everything that the page shows."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from cnnviz.data.counting import Counting, write
from tests.walk import actions, oracle
from tests.walk.actions import Action
from tests.walk.server import Server
from tests.walk.tab import Fault, Tab


@dataclass
class Report:
    """How a walk went: what was done and, where something was wrong, what."""

    seed: int
    done: list[Action] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        """In a few lines, with what replays it."""
        took = f"seed {self.seed}: {len(self.done)} steps in {self.seconds:.0f} s"
        counted = ", ".join(f"{many} {what}" for what, many in sorted(self.counts.items()))
        return "\n".join([f"{took}; {len(self.faults)} faults; {counted}", *self.faults])


def chosen(seed: int, steps: int) -> Callable[[Tab, int], Action | None]:
    """What a walk of that seed does next."""
    rng = Random(seed)
    return lambda tab, step: actions.draw(tab, rng) if step < steps else None


def listed(script: Sequence[Action]) -> Callable[[Tab, int], Action | None]:
    """The actions of a list, one after the other."""
    return lambda tab, step: script[step] if step < len(script) else None


def walk(
    server: Server,
    following: Callable[[Tab, int], Action | None],
    seed: int = 0,
    told: Callable[[str], None] = lambda line: None,
    often: int = 20,
    until: float = float("inf"),
    on: bool = False,
) -> Report:
    """Does what `following` says until it says nothing, or something is wrong; then it goes `on` in a new tab, or ends.

    Every `often`th look is a longer one. `until` is a time of `time.monotonic`.
    """
    report, began = Report(seed), time.monotonic()
    tab, look = Tab(server), oracle.Oracle(report.counts)
    look.at(tab)
    while (action := following(tab, len(report.done))) is not None and time.monotonic() < until:
        report.done.append(action)
        step = f"{seed}:{len(report.done)}"
        told(f"{step} {'/' + tab.address[0]:18} {action}")
        try:
            tab = actions.perform(tab, action) or tab
            oracle.settle(tab)
            look.at(tab)
            if len(report.done) % often == 0:
                look.longer(tab)
        except Fault as fault:
            where = "/" + "?".join(filter(None, tab.address))
            report.faults.append(f"{fault}\n  at step {step} on {where}")
            told(report.faults[-1])
            if not on:
                break
            tab.close()
            tab, look.pages.photo = Tab(server), ""
    report.seconds = time.monotonic() - began
    tab.close()
    return report


def shrunk(server: Server, report: Report, tries: int = 60) -> list[Action]:
    """Fewer of the actions that end in the same fault, as far as so many tries find them."""
    same = report.faults[0].split("\n")[0].split(":")[0]
    often = 1 if same in ("link", "Python") else 10**9

    def fails(script: Sequence[Action]) -> bool:
        nonlocal tries
        tries -= 1
        return any(fault.startswith(same) for fault in walk(server, listed(script), often=often).faults)

    best, length = report.done, 1
    while length < len(best) and tries > 0:
        if fails(best[-length:]):
            best = best[-length:]
            break
        length *= 3
    place = 0
    while place < len(best) - 1 and tries > 0:
        if fails(shorter := [*best[:place], *best[place + 1 :]]):
            best = shorter
        else:
            place += 1
    return best


@contextlib.contextmanager
def places() -> Iterator[Path]:
    """Folders of its own for everything that is kept, for as long as the walk takes."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CACHE", "RUNS", "WEIGHTS", "DATA"):
            (Path(folder) / name.lower()).mkdir()
            os.environ[f"CNNVIZ_{name}"] = str(Path(folder) / name.lower())
        write(Path(folder) / "data" / "dots", Counting(low=1, high=3, per_class=6, size=32, smallest=3, largest=5))
        yield Path(folder)
