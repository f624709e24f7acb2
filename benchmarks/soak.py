"""Many visitors on one server: `python -m benchmarks.soak --visitors 30 --minutes 2 --own-photos`.

A server is started as for strangers, and visited by websocket clients on the same machine, each of which acts, waits
for the page to be whole, thinks, and acts again. Nobody may be shown another's photo: each photo says whose it is.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import resource
import statistics
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks import badge
from benchmarks.dashboard import ROOT, started
from benchmarks.visitor import Hung, Visitor, Wait

CLASS_ACTIVATION = "class_activation"
METHODS, LAYERS, PHOTOS = 3, 2, 4  # of each list, how many are chosen from
SAMPLE = 2.0  # seconds between two looks at the server's memory
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Plan:
    """What the visitors do: how many, how long (s), thinking how long between two acts (s), with what photos."""

    visitors: int
    seconds: float
    think: float
    own: bool
    pages: tuple[str, ...]
    model: str = ""
    query: str = ""


@dataclass
class Record:
    """What was seen: the waits of each visitor, errors, pictures looked at, memory (s, MB) over time."""

    waits: dict[int, list[Wait]] = field(default_factory=dict)
    arrivals: list[Wait] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    own: int = 0
    foreign: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    server: float = 0.0  # share of one core
    clients: float = 0.0
    caches: dict[str, float] = field(default_factory=dict)  # MB that the engine's caches hold
    used: float = 0.0  # seconds of a core that the server has had


async def visit(plan: Plan, address: str, number: int, until: float, record: Record) -> None:
    """One visitor from arriving to the end."""
    chance = random.Random(number)
    one = Visitor(address, number)
    try:
        await one.arrive(plan.pages[0], plan.query)
        if plan.own:
            for which in range(2):
                await one.upload(f"photo-{which}.jpg", badge.photo(number, which))
        record.arrivals += one.waits
        one.waits = record.waits[number] = []
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * plan.think)
            await act(one, plan, chance)
            check(one, record)
    except Hung as hung:
        record.errors.append(f"visitor {number}: {hung}")
    except Exception as error:
        record.errors.append(f"visitor {number}: {type(error).__name__}: {error}")
    finally:
        record.errors += one.errors
        with contextlib.suppress(Exception):
            await one.leave()


async def act(one: Visitor, plan: Plan, chance: random.Random) -> None:
    """One thing that a visitor does."""
    kinds = ["photo", "method", "layer", "class"] if one.page == CLASS_ACTIVATION else ["photo"]
    kind = chance.choice(kinds + ["page"] * (len(plan.pages) > 1))
    if kind == "page":
        await one.open(next(page for page in plan.pages if page != one.page))
    elif kind == "photo":
        names = one.options("photo")
        await one.choose("photo", chance.choice(names[:2] if plan.own else names[:PHOTOS]))
    elif kind == "method":
        await one.choose("method", chance.choice(one.options("method")[:METHODS]))
    elif kind == "layer":
        await one.choose("at", chance.choice(one.options("at")[-LAYERS:]))
    else:
        await one.trigger("pick-class", "choice", chance.choice([-1, 0, 1]))


def check(one: Visitor, record: Record) -> None:
    """Whose photos the visitor was shown."""
    for data in (*map(base64.b64decode, one.inline), *one.pictures.values()):
        number = badge.owner(data)
        if number is not None:
            record.own += number == one.number
            if number != one.number:
                record.foreign += 1
                record.errors.append(f"visitor {one.number} was shown the photo of {number}")


async def see_all(plan: Plan, address: str) -> None:
    """Have every view seen once that visitors without photos of their own will see."""
    one = Visitor(address, 65535)
    await one.arrive(plan.pages[0], plan.query)
    for page in plan.pages:
        if page != one.page:
            await one.open(page)
        for photo in one.options("photo")[:PHOTOS]:
            await one.choose("photo", photo)
            if page != CLASS_ACTIVATION:
                continue
            for layer in one.options("at")[-LAYERS:]:
                await one.choose("at", layer)
                for method in one.options("method")[:METHODS]:
                    await one.choose("method", method)
                    for index in (0, 1, -1):
                        await one.trigger("pick-class", "choice", index)
    await one.leave()


async def watch(process: int, record: Record, until: float) -> None:
    """Writes down the server's memory until the end."""
    began = time.monotonic()
    while time.monotonic() < until:
        record.memory.append((time.monotonic() - began, resident(process)))
        await asyncio.sleep(SAMPLE)


async def crowd(plan: Plan, address: str, process: int) -> Record:
    """All visitors, from the arrival of the first to the end; their arrivals are no part of what is timed."""
    record = Record()
    if not plan.own:
        await see_all(plan, address)
    arriving = min(20.0, plan.visitors * 0.2)
    until = time.monotonic() + arriving + plan.seconds
    tasks = [asyncio.create_task(watch(process, record, until))]
    for number in range(1, plan.visitors + 1):
        tasks.append(asyncio.create_task(visit(plan, address, number, until, record)))
        await asyncio.sleep(arriving / plan.visitors)
    began, server, clients = time.monotonic(), cpu(process), own_cpu()
    for waits in record.waits.values():
        waits.clear()
    await asyncio.gather(*tasks)
    spent = time.monotonic() - began
    record.used, record.caches = cpu(process) - server, caches(address)
    record.server, record.clients = (cpu(process) - server) / spent, (own_cpu() - clients) / spent
    return record


def caches(address: str) -> dict[str, float]:
    """MB that the engine's caches hold, as the server's metrics tell; nothing where these are not told."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
        told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: round(float(told[name]) / 1e6) for name in told if "_bytes" in name and "limit" not in name}
    return {}


def resident(process: int) -> float:
    """MB of a process in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu(process: int) -> float:
    """Seconds of a core that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def own_cpu() -> float:
    """Seconds of a core that this process has had."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def share(values: list[float], of: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(of * len(ordered)))]


def slope(samples: list[tuple[float, float]], warm: float) -> float:
    """MB a minute by least squares, of the samples after `warm` seconds."""
    later = [(at / 60, size) for at, size in samples if at >= warm]
    if len(later) < 3:
        return 0.0
    return statistics.linear_regression(*map(list, zip(*later, strict=True))).slope  # type: ignore[arg-type]


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
@click.option("--pages", default="", help="Separated by commas; home,class_activation, or the latter with own photos.")
@click.option("--model", default="", help="The key of a network; its weights lie in CNNVIZ_WEIGHTS.")
@click.option("--warm-up", "warm", type=float, help="Seconds until memory is to be flat.  [default: a third]")
@click.option("--tree", type=click.Path(exists=True, path_type=Path), default=ROOT, help="Of the server; this one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def main(
    visitors: int, minutes: float, think: float, own: bool, pages: str, model: str, warm: float | None, tree: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Have many visitors on one server, and say what they waited for."""
    named = tuple("" if page == "home" else page for page in (pages or "home,class_activation").split(","))
    if own and not pages:
        named = (CLASS_ACTIVATION,)
    plan = Plan(visitors, minutes * 60, think, own, named, model, f"model={model}" if model else "")
    with started(tree, "--public", "--metrics") as (address, process):
        ready(address)
        record = asyncio.run(crowd(plan, address, process))
    found = report(record, minutes * 20 if warm is None else warm)
    if as_json:
        click.echo(json.dumps({**found, "samples": record.memory}))
        return
    for name, value in found.items():
        click.echo(f"{name:<38} {value}")


if __name__ == "__main__":
    sys.exit(main())
