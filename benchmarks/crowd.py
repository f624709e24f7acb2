"""Visitors on one server: what they do, and what is written down of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import resource
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import badge
from benchmarks.visitor import Hung, Visitor, Wait
from cnnviz.photo import samples

CLASS_ACTIVATION = "class_activation"
METHODS, LAYERS, PHOTOS = 3, 2, 4  # of each list, how many are chosen from
SAMPLES, MOST = len(samples()), 22  # photos that all have, and that a visitor brings at most
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
    least: int = 1  # acts of each, however slow the machine
    fresh: float = 0.0  # with own photos: how often an act is to bring another one
    rounds: int = 0  # instead of time: so often, all do at once what was never computed before


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


async def visit(
    plan: Plan, address: str, number: int, until: float, record: Record, everybody: asyncio.Barrier
) -> None:
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
        for turn in range(plan.rounds):
            await everybody.wait()
            await anew(one, turn)
            check(one, record)
        while not plan.rounds and (time.monotonic() < until or len(one.waits) < plan.least):
            await asyncio.sleep(chance.uniform(0.5, 1.5) * plan.think)
            await act(one, plan, chance)
            check(one, record)
    except Hung as hung:
        record.errors.append(f"visitor {number}: {hung}")
        await everybody.abort()
    except Exception as error:
        record.errors.append(f"visitor {number}: {type(error).__name__}: {error}")
        await everybody.abort()
    finally:
        record.errors += one.errors
        with contextlib.suppress(Exception):
            await one.leave()


async def act(one: Visitor, plan: Plan, chance: random.Random) -> None:
    """One thing that a visitor does."""
    brought = len(one.options("photo")) - SAMPLES
    if plan.own and brought < MOST and chance.random() < plan.fresh:
        await one.upload(f"photo-{brought}.jpg", badge.photo(one.number, brought))
        return
    kinds = ["photo", "method", "layer", "class"] if one.page == CLASS_ACTIVATION else ["photo"]
    kind = chance.choice(kinds + ["page"] * (len(plan.pages) > 1))
    if kind == "page":
        await one.open(next(page for page in plan.pages if page != one.page))
    elif kind == "photo":
        names = one.options("photo")
        await one.choose("photo", chance.choice(names[:brought] if plan.own else names[:PHOTOS]))
    elif kind == "method":
        await one.choose("method", chance.choice(one.options("method")[:METHODS]))
    elif kind == "layer":
        await one.choose("at", chance.choice(one.options("at")[-LAYERS:]))
    else:
        await one.trigger("pick-class", "choice", chance.choice([-1, 0, 1]))


async def anew(one: Visitor, turn: int) -> None:
    """A view that nobody has seen: of another photo, and then of the same by another method."""
    if turn % 2 == 0:
        await one.upload(f"round-{turn}.jpg", badge.photo(one.number, 2 + turn))
    else:
        methods = [name for name in one.options("method")[:METHODS] if name != one.value("method")]
        await one.choose("method", methods[turn // 2 % len(methods)])


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
    everybody = asyncio.Barrier(plan.visitors)
    tasks = [asyncio.create_task(watch(process, record, until))]
    for number in range(1, plan.visitors + 1):
        tasks.append(asyncio.create_task(visit(plan, address, number, until, record, everybody)))
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
