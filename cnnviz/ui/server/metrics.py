"""What this server does, in numbers: the text that Prometheus reads. Nothing in it is of any one visitor."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.runtime import exists, get_instance

from cnnviz.ui.server import jobs, startup

TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATM = Path("/proc/self/statm")  # of Linux: pages that the process has, and that are in memory


class Metric(NamedTuple):
    """Numbers by the value of their label, "" where there is no label; how they are called, of what kind, what for."""

    name: str
    kind: str
    words: str
    values: Mapping[str, float]
    label: str = ""


class Tally:
    """How often something has happened, by kind; counted from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str) -> None:
        """Once more."""
        with self._lock:
            self._counts[kind] += 1

    def counts(self) -> dict[str, int]:
        """How often each has happened."""
        with self._lock:
            return dict(self._counts)


REFUSED = Tally()  # uploads, by kind


def text() -> str:
    """All metrics in Prometheus's text format."""
    lines = []
    for metric in found():
        lines += [f"# HELP {metric.name} {metric.words}", f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_labelled(metric.label, of)} {value:.15g}" for of, value in metric.values.items()]
    return "\n".join(lines) + "\n"


def found() -> Iterator[Metric]:
    """Each metric as it stands; those of the engine once it is loaded."""
    yield _one("cnnviz_ready", "gauge", "1 once the first network has made a prediction", startup.START.answers())
    yield _one("cnnviz_sessions", "gauge", "Tabs that are connected", _sessions())
    yield _one("process_resident_memory_bytes", "gauge", "Memory of this process", memory())
    refused = {kind: float(count) for kind, count in sorted(REFUSED.counts().items())}
    yield Metric("cnnviz_uploads_refused_total", "counter", "Uploads that were refused, by kind", refused, "kind")
    states = Counter(job.state for job in jobs.JOBS.running())
    running = {state: float(states[state]) for state in ("queued", "running")}
    yield Metric("cnnviz_jobs", "gauge", "Long computations such as filter images", running, "state")
    yield _one("cnnviz_trainings", "gauge", "Training processes of this server", _trainings())
    if (engine := startup.START.loaded()) is not None:
        yield from _of(engine)


def _of(engine: Any) -> Iterator[Metric]:
    """The metrics of the engine."""
    inside, waiting = engine.busy()
    yield _one("cnnviz_device_running", "gauge", "Threads that compute on the device", inside)
    yield _one("cnnviz_device_waiting", "gauge", "Threads that wait for the device", waiting)
    count, seconds = engine.gate.waited()
    yield _one("cnnviz_device_turns_total", "counter", "Turns at the device", count)
    yield _one("cnnviz_device_wait_seconds_total", "counter", "Seconds waited for these turns", seconds)
    caches = {"answers": engine.cache, "networks": engine.nets}
    for name, kind, words in (
        ("hits_total", "counter", "Answers that were in memory or on disk, or on their way"),
        ("misses_total", "counter", "Answers that were computed"),
        ("bytes", "gauge", "Bytes in memory"),
        ("limit_bytes", "gauge", "Bytes in memory at most"),
    ):
        values = {which: float(_count(cache, name)) for which, cache in caches.items()}
        yield Metric(f"cnnviz_cache_{name}", kind, words, values, "cache")
    yield _one("cnnviz_personal_bytes", "gauge", "Bytes computed from visitors' own photos", engine.personal_bytes())
    device = engine.torch_device
    yield Metric("cnnviz_device_info", "gauge", "The device", {device.type: 1.0}, "type")
    if device.type == "cuda":
        import torch

        sizes = zip(("free", "total"), torch.cuda.mem_get_info(device), strict=True)
        free = {kind: float(size) for kind, size in sizes}
        yield Metric("cnnviz_device_memory_bytes", "gauge", "Memory of the device", free, "kind")


def _count(cache: Any, name: str) -> int:
    counted = {"hits_total": cache.hits, "misses_total": cache.misses, "bytes": cache.bytes}
    return int(counted.get(name, cache.memory_limit))


def memory() -> int:
    """Bytes of this process in memory; where no system tells, the most there have been, or 0."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(ImportError):
        import resource  # which Windows has not

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 0


def _sessions() -> int:
    return get_instance()._session_mgr.num_active_sessions() if exists() else 0


def _trainings() -> int:
    """Training processes; none where no page has ever asked for one, so that nothing of training is imported."""
    runs = sys.modules.get("cnnviz.ui.server.runs")
    return sum(process.poll() is None for process in list(runs._processes.values())) if runs else 0


def _one(name: str, kind: str, words: str, value: float) -> Metric:
    return Metric(name, kind, words, {"": float(value)})


def _labelled(label: str, value: str) -> str:
    """A label with its value as it is written behind a name."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{label}="{escaped}"}}' if label else ""
