"""Many visitors on one server: `python -m benchmarks.soak --visitors 30 --minutes 2 --own-photos`.

A server is started as for strangers, and visited by websocket clients on the same machine, each of which acts, waits
for the page to be whole, thinks, and acts again. Nobody may be shown another's photo: each photo says whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import click

from benchmarks.crowd import CLASS_ACTIVATION, Plan, Record, crowd
from benchmarks.dashboard import ROOT, started


def share(values: list[float], of: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(of * len(ordered)))]


def slope(samples: list[tuple[float, float]], warm: float) -> float:
    """MB a minute by least squares, of the samples after `warm` seconds."""
    later = [(at / 60, size) for at, size in samples if at >= warm]
    if len(later) < 3:
        return 0.0
    return statistics.linear_regression(*map(list, zip(*later, strict=True))).slope


def report(record: Record, warm: float) -> dict[str, Any]:
    """The figures of a record: waits in seconds, memory in MB and MB a minute."""
    kinds: dict[str, list[float]] = {}
    for wait in (wait for waits in record.waits.values() for wait in waits):
        kinds.setdefault(wait.what, []).append(wait.seconds)
    every = [seconds for of in kinds.values() for seconds in of]
    each = [[wait.seconds for wait in waits] for waits in record.waits.values() if waits]
    sizes = [size for _, size in record.memory]
    if not every:
        return {"errors": len(record.errors), "first errors": record.errors[:5]}
    middle = statistics.median(every)
    slowest = max(map(statistics.median, each)) / statistics.median(map(statistics.median, each))
    last = max(wait.at + wait.seconds for waits in record.waits.values() for wait in waits)
    first = min(wait.at for waits in record.waits.values() for wait in waits)
    pictures = [wait.pictures for waits in record.waits.values() for wait in waits]
    return {
        "visitors": len(record.waits),
        "acts": len(every),
        "acts a second": round(len(every) / (last - first), 1),
        "p50": round(middle, 3),
        "p95": round(share(every, 0.95), 3),
        "longest": round(max(every), 3),
        "longest / median": round(max(every) / middle, 1),
        "slowest visitor / median visitor": round(slowest, 2),
        "p95 with pictures": round(share(pictures, 0.95), 3),
        "starvation": [round(max(of), 2) for of in sorted(each, key=max, reverse=True)[:5]],
        "arrival p50, longest": [
            round(statistics.median(w.seconds for w in record.arrivals), 2),
            round(max(w.seconds for w in record.arrivals), 2),
        ],
        "by act": {k: [len(v), round(statistics.median(v), 3), round(share(v, 0.95), 3)] for k, v in kinds.items()},
        "errors": len(record.errors),
        "first errors": [f"{count} x {words}" for words, count in Counter(record.errors).most_common(5)],
        "own photos looked at": record.own,
        "photos of others": record.foreign,
        "memory": [round(sizes[0]), round(max(sizes)), round(sizes[-1])],
        "caches": record.caches,
        "slope": round(slope(record.memory, warm), 2),
        "ms of a core an act": round(1000 * record.used / len(every), 1),
        "cores of the server, of the visitors": [round(record.server, 2), round(record.clients, 2)],
    }


def rounds(record: Record) -> list[list[float]]:
    """Of each round that all began at once: the median wait (s), the longest, and how many times the median it is."""
    each = zip(*([wait.seconds for wait in waits] for waits in record.waits.values()), strict=True)
    found = [(statistics.median(of), max(of)) for of in each]
    return [[round(middle, 2), round(longest, 2), round(longest / middle, 2)] for middle, longest in found]


def ready(address: str, settled: float = 8.0, patience: float = 120) -> None:
    """Waits until the first network has answered, and so many seconds more for what is imported after it."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/ready", timeout=5).close()
            time.sleep(settled)
            return
        time.sleep(0.2)
    raise RuntimeError("the server is not ready")


@click.command()
@click.option("--visitors", default=30, show_default=True)
@click.option("--minutes", default=1.0, show_default=True, help="From when the last one has arrived.")
@click.option("--think", default=4.0, show_default=True, help="Seconds between an answer and the next act, ± half.")
@click.option("--own-photos", "own", is_flag=True, help="Each brings two photos of its own, that nobody has seen.")
@click.option("--fresh", default=0.0, show_default=True, help="Share of acts that bring another photo, up to 22.")
@click.option("--rounds", "turns", default=0, help="Instead of time: so often all act at once, with photos nobody saw.")
@click.option("--pages", default="", help="Separated by commas; home,class_activation, or the latter with own photos.")
@click.option("--model", default="", help="The key of a network; its weights lie in CNNVIZ_WEIGHTS.")
@click.option("--warm-up", "warm", type=float, help="Seconds until memory is to be flat.  [default: a third]")
@click.option("--tree", type=click.Path(exists=True, path_type=Path), default=ROOT, help="Of the server; this one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def main(
    visitors: int, minutes: float, think: float, own: bool, fresh: float, turns: int, pages: str, model: str,
    warm: float | None, tree: Path, as_json: bool,
) -> None:  # fmt: skip
    """Have many visitors on one server, and say what they waited for."""
    named = tuple("" if page == "home" else page for page in (pages or "home,class_activation").split(","))
    if own and not pages:
        named = (CLASS_ACTIVATION,)
    plan = Plan(
        visitors, minutes * 60, think, own, named, model, f"model={model}" if model else "", fresh=fresh, rounds=turns
    )
    with started(tree, "--public", "--metrics") as (address, process):
        ready(address)
        record = asyncio.run(crowd(plan, address, process))
    found = report(record, minutes * 20 if warm is None else warm)
    if turns:
        found["rounds: median, longest, longest / median"] = rounds(record)
    if as_json:
        click.echo(json.dumps({**found, "samples": record.memory}))
        return
    for name, value in found.items():
        click.echo(f"{name:<38} {value}")


if __name__ == "__main__":
    sys.exit(main())
