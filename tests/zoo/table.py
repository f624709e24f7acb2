"""The table itself: a row for each network and way in, a cell for each check, and the reasons below."""

from __future__ import annotations

import gc
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from cnnviz.inference.device import exactly
from tests.zoo.checks import CHECKS, Case, answer
from tests.zoo.nets import Entry, lively
from tests.zoo.ways import REFUSED, WAYS, NotThere

BAD = ("WRONG", "ERROR")


@dataclass(frozen=True)
class Row:
    """One network by one way: its cells by check, with reasons; `why` where it did not come in."""

    name: str
    way: str
    seconds: float  # until it is loaded
    cells: dict[str, tuple[str, str]]
    why: str = ""
    apart: bool = False  # this way is not for this network

    @property
    def faults(self) -> list[str]:
        """What is wrong, not merely refused."""
        return [f"{check}: {said} {why}" for check, (said, why) in self.cells.items() if said in BAD]


def rows(
    entries: Sequence[Entry], ways: Sequence[str], checks: Sequence[str] = tuple(CHECKS), device: str = "cpu"
) -> Iterator[Row]:
    """The rows of some networks on a device, one after the other as they are known."""
    for entry in entries:
        net = lively(entry.make(), entry.size)
        for way in ways:
            with exactly(torch.device(device)):  # the original, too
                found = _row(entry, net, way, checks, device)
            yield found
            gc.collect()  # an engine and what it remembers


@contextmanager
def brought_in(entry: Entry, net: nn.Module, way: str, device: str = "cpu") -> Iterator[Case]:
    """A network that came in by one way, with its weights in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        net.to(device if way == "live" else "cpu")  # files are written on the CPU, as the exporters are asked to
        engine, key = WAYS[way](entry, net, Path(folder), device)
        yield Case(entry, net.to(device), engine, key)


def _row(entry: Entry, net: nn.Module, way: str, checks: Sequence[str], device: str) -> Row:
    try:
        with brought_in(entry, net, way, device) as case:
            began = time.perf_counter()
            _ = case.model
            seconds = time.perf_counter() - began
            return Row(entry.name, way, seconds, {check: answer(CHECKS[check], case) for check in checks})
    except REFUSED as error:
        return Row(entry.name, way, 0.0, {}, str(error), isinstance(error, NotThere))
    except Exception as error:  # a fault of ours, to be listed with the others
        return Row(entry.name, way, 0.0, {"load": ("ERROR", f"{type(error).__name__}: {error}"[:300])})


def line(row: Row, checks: Sequence[str] = tuple(CHECKS)) -> str:
    """A row in print."""
    if not row.cells:
        return f"{row.name:28} {row.way:11} {'-' if row.apart else 'REFUSED'}  {row.why}"
    cells = (f"{row.cells.get(check, ('', ''))[0]:>11}" for check in ("load", *checks) if check in row.cells)
    return f"{row.name:28} {row.way:11} {row.seconds:5.2f} s {' '.join(cells)}"


def head(checks: Sequence[str] = tuple(CHECKS)) -> str:
    """The names of the columns."""
    return f"{'network':28} {'way':11} {'load':>7} {' '.join(f'{check:>11}' for check in checks)}"


def summary(found: Sequence[Row]) -> str:
    """How many came in by each way and passed each check, and every reason why not, with those it is the reason of."""
    lines = ["", "way: networks in, and of these by check right / refused / wrong"]
    for way in dict.fromkeys(row.way for row in found):
        mine = [row for row in found if row.way == way]
        inside = [row for row in mine if row.cells and "load" not in row.cells]
        counts = []
        for check in CHECKS:
            said = Counter(_verdict(row.cells[check][0]) for row in inside if check in row.cells)
            counts.append(f"{check} {said['right']}/{said['refused']}/{said['wrong']}")
        lines.append(f"  {way:11} {len(inside)} of {len(mine)}: {', '.join(counts)}")
    reasons: dict[str, list[str]] = {}
    for row in found:
        for check, (said, why) in row.cells.items():
            if why:
                reasons.setdefault(f"{check} {said}: {why}", []).append(f"{row.name} ({row.way})")
        if row.why and not row.apart:
            reasons.setdefault(f"not in: {row.why}", []).append(f"{row.name} ({row.way})")
    lines += ["", "reasons"] if reasons else []
    for reason, names in sorted(reasons.items(), key=lambda one: -len(one[1])):
        lines.append(f"  {len(names):3}  {reason}\n       {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}")
    return "\n".join(lines)


def _verdict(said: str) -> str:
    return "wrong" if said in BAD else "refused" if said == "refused" else "right"
