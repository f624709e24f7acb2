"""A fair contest: the same input for all, outputs that agree, contenders in turn, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Contenders = Mapping[str, Callable[[], object]]
OURS = "cnnviz"


def contest(contenders: Contenders, seconds: float = 20.0, rounds: int = 30) -> dict[str, float]:
    """Median milliseconds of each contender, run in turn (A B C A B C ...) for some seconds, at least 5 rounds."""
    for run in contenders.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    began = time.perf_counter()
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() - began > seconds:
            break
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            taken[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def ratio(medians: Mapping[str, float]) -> float | None:
    """How many times longer the fastest peer takes than cnnviz; None where no peer is installed."""
    peers = [time for name, time in medians.items() if name != OURS]
    return min(peers) / medians[OURS] if peers else None
