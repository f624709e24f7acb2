"""A fair contest: the same input for all, outputs that agree, contenders in turn, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Contenders = Mapping[str, Callable[[], object]]
OURS = "cnnviz"


TURN = 0.03  # seconds: a contender that is quicker runs several times in its turn, or it is timed while caches warm up


def contest(contenders: Contenders, seconds: float = 20.0, rounds: int = 30) -> dict[str, float]:
    """Median milliseconds of each contender, run in turn (A B C A B C ...) for some seconds, at least 5 rounds."""
    times = {name: max(1, int(TURN / max(_time(run, 2), 1e-6))) for name, run in contenders.items()}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() - began > seconds:
            break
        for name, run in contenders.items():
            taken[name].append(_time(run, times[name]) * 1000)
    return {name: statistics.median(each) for name, each in taken.items()}


def _time(run: Callable[[], object], times: int) -> float:
    """Seconds of one run, the mean of several."""
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def ratio(medians: Mapping[str, float]) -> float | None:
    """How many times longer the fastest peer takes than cnnviz; None where no peer is installed."""
    peers = [time for name, time in medians.items() if name != OURS]
    return min(peers) / medians[OURS] if peers else None
